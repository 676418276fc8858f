//! Guesses: how often in a row somebody was wrong, counted before anybody looks whether they are right this time.
//!
//! A guess at an account spends from the address's and the tenant's budget in memory, then from durable counters that
//! all nodes share: one for what was typed, known or not, and one for the person or a decoy. A device that logged in
//! before has a counter of its own, so that strangers' guesses keep nobody out. Table: `guess_counters`.

pub mod delay;
pub mod entity;
pub mod events;
pub mod hold;
pub mod known_device;
pub mod steps;

pub use entity::{Counter, clean};
pub use events::{Attempt, Counted};
pub use hold::Held;
pub use known_device::KnownDevice;
