//! The ways in: equal rooms, strangers to each other.

pub mod account;
