//! The ways in: equal rooms, strangers to each other, named by protocol.

pub mod password;
