//! The audit: who did what to what, and why somebody was refused. Records are written by `Tx`; here they are read.
//!
//! Service: `/audit`. Table: `audit_records`.

pub mod entity;
pub mod events;
pub mod keeper;
pub mod service;
