//! Tenants and their clients: made by file, by command and by API, and what a tenant's frontend may see of itself.

pub mod controller;
pub mod description;
pub mod doorstep;
pub mod entity;
pub mod steps;
