//! What owns something with a life, and the handle that it lends to events.

pub mod clock;
pub mod metrics;
pub mod platform;
pub mod random;

pub use clock::Clock;
pub use random::Random;
