//! What owns something with a life, and the handle that it lends to events.

pub mod assets;
pub mod brand;
mod embedded;
pub mod line;
pub mod mail;
pub mod mailer;
pub mod pages;
pub mod sandbox;
pub mod templates;
pub mod words;
