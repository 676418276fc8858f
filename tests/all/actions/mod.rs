//! What a tenant does of itself when something has happened.

mod chains;
pub mod kit;
mod making;
mod rights;
mod running;
