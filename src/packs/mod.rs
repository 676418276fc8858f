//! Packs: roles, actions and cron jobs that belong together, put into a tenant as one, compared, brought up to date and taken out
//! again. Table: `packs`. What is in one goes through the same steps as what is made by hand.

mod applying;
pub mod controller;
pub mod entity;
pub mod events;
pub mod file;
pub mod plan;
pub mod service;
