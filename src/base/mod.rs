//! Words without I/O: what every floor above may say.

mod common_passwords;
mod common_phrases;
pub mod email;
pub mod error;
pub mod id;
pub mod identifier;
pub mod password;
pub mod shown;
pub mod time;
pub mod token;

pub use email::Email;
pub use error::{Error, FieldError, Refusal, Refused, Result};
pub use id::*;
pub use password::{NewPassword, Password, Policy};
pub use time::{Lasting, Timestamp};
pub use token::{HashedToken, PlainToken};
