//! What owns something with a life, and the handle that it lends to events.

pub mod config;
pub mod tenants_file;
pub mod vault;
