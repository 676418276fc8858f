//! Permissions and roles: which there are, and who holds them.

pub mod entity;
pub mod known;
pub mod steps;
