//! What owns something with a life, and the handle that it lends to events.
pub mod cache;
pub mod hasher;
pub mod limiter;
