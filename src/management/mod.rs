//! The operators' room: tenants as a whole, their roles, their first people, their keys, and whether all of it is sound.

pub mod cleaning;
pub mod demo;
pub mod entity;
pub mod events;
pub mod keys;
pub mod plan;
pub mod set_back;
pub mod steps;

use crate::identity::Handler;

pub fn handlers() -> Vec<Handler> {
    [cleaning::handlers(), keys::handlers()].concat()
}
