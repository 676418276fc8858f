//! Words without I/O: what every floor above may say.

pub mod error;
pub mod id;
pub mod time;
pub mod token;

pub use error::{Error, FieldError, Refusal, Refused, Result};
pub use id::*;
pub use time::{Lasting, Timestamp};
pub use token::{HashedToken, PlainToken};
