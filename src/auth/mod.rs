//! The ways in: equal rooms, strangers to each other.

pub mod account;
//! The ways in: equal rooms, strangers to each other, named by protocol.

pub mod password;
