//! What owns something with a life, and the handle that it lends to events.

pub mod cache;
pub mod clock;
pub mod config;
pub mod database;
pub mod environment;
pub mod hasher;
pub mod keys;
pub mod limiter;
pub mod metrics;
pub mod platform;
pub mod random;
pub mod tenants_file;
pub mod vault;

pub use clock::Clock;
pub use random::Random;
pub mod assets;
pub mod brand;
mod embedded;
pub mod line;
pub mod mail;
pub mod mailer;
pub mod pages;
pub mod sandbox;
pub mod templates;
pub mod words;
