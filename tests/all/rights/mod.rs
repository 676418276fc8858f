//! Roles and permissions from outside: who makes them, who gives them, and what they open.

mod catalogue;
mod climbing;
pub mod kit;
mod matrix;
mod members;
mod objects;
mod people;
mod races;
mod roles;
