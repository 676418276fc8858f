//! People: what they see and edit of themselves, and what their tenant's admins do with their accounts.
//!
//! Routes: `/auth/me`, `/auth/list-users`, `/auth/user/*`. Services: `/users`, `/memberships`, `/sessions`. Tables: `users`, `memberships`; reads every login table.

pub mod answers;
pub mod arrival;
pub mod controller;
mod cursor;
pub mod entity;
pub mod events;
pub mod presence;
pub mod service;
pub mod steps;

pub use arrival::{Arrival, Arrived, Due};
