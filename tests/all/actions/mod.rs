//! What a tenant does of itself when something has happened.

mod asked;
mod before;
mod bounds;
mod chains;
mod claims;
mod followed;
pub mod kit;
mod mailing;
mod making;
mod rights;
mod running;
mod telling;
