//! The way in by address and password: log in, the mailed code, change the password, import hashes of another system.
//!
//! Routes: `/auth/password-based/*`. Table: `password_logins`.

pub mod controller;
pub mod entity;
pub mod events;
mod steps;
