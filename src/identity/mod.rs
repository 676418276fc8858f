//! Who is asking: tenant, client, user and session rows; a request becomes a `Scope` here.

pub mod client;
pub mod pending;
pub mod session;
pub mod tenant;
pub mod user;
