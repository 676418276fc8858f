//! The operators' room: tenants as a whole, their roles, their first people, their keys, and whether all of it is sound.

pub mod demo;
pub mod entity;
pub mod events;
pub mod plan;
pub mod steps;
