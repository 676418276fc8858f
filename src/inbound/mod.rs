//! Messages from outside: another program's webhooks come in here, and each that is signed throws a trigger of the tenant's own.
//! Table: `inbound_webhooks`.

pub mod answers;
pub mod changes;
pub mod controller;
pub mod entity;
pub mod events;
pub mod service;
pub mod signing;
