//! What owns something with a life, and the handle that it lends to events.

pub mod ask;
pub mod assets;
pub mod brand;
pub mod cache;
pub mod clock;
pub mod config;
pub mod copies;
pub mod database;
mod embedded;
pub mod environment;
pub mod flood;
pub mod hasher;
pub mod health;
pub mod keys;
pub mod limiter;
pub mod limits;
pub mod line;
pub mod log;
pub mod mail;
pub mod mailer;
pub mod metrics;
pub mod pages;
pub mod platform;
pub mod post;
mod private;
pub mod random;
pub mod recorder;
pub mod rotation;
pub mod sandbox;
pub mod templates;
pub mod tenants_file;
pub mod terminal;
pub mod vault;
pub mod words;

pub use clock::Clock;
pub use random::Random;
