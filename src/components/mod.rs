//! What owns something with a life, and the handle that it lends to events.
pub mod cache;
pub mod hasher;
pub mod limiter;

pub mod clock;
pub mod metrics;
pub mod platform;
pub mod random;

pub use clock::Clock;
pub use random::Random;
