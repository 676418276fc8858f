//! Permissions and roles: which there are, who holds them, and who may give them.
//!
//! Routes: `/auth/permission`. Services: `/roles`, `/permissions`. Tables: `permissions`, `roles`, `role_permissions`, `user_roles`.

pub mod answers;
pub mod catalogue;
pub mod controller;
pub mod entity;
pub mod events;
pub mod known;
pub mod service;
pub mod steps;
