//! What can happen, and how it reaches whoever listens: the catalogue, and the outbox that reads what happened in the order of
//! commits. Table: `outbox_places`; `domain_events` is written by `Tx`.

pub mod aliases;
pub mod catalogue;
pub mod controller;
pub mod entity;
pub mod envelope;
pub mod filling;
pub mod outbox;
