//! The ways in: equal rooms, strangers to each other, named by protocol.

pub mod account;
pub mod password;
