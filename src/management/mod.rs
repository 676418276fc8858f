//! The operators' room: tenants as a whole, their roles, their first people.

pub mod demo;
pub mod steps;
