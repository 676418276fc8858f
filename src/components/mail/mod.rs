//! Every mail that the house writes: what it is told, and how it becomes subject, text and HTML.

pub mod letter;
pub mod messages;
pub mod samples;

pub use letter::{Letterhead, Override, Recipient, Written, write};
pub use messages::Message;
