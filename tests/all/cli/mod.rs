//! The commands and the process, through the real program.

mod actions;
pub mod backup;
mod damage;
mod doctor;
mod events;
mod import;
mod looking;
mod people;
mod restore;
mod starting;
mod stopping;
mod tenants;
