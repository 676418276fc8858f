//! `/_dev`: the tools of development. They exist there and in tests alone.

pub mod controller;
pub mod events_pages;
pub mod stream;

use crate::components::config::Environment;

/// Elsewhere these pages would show other people's mail to whoever asks.
pub fn exists(environment: Environment) -> bool {
    matches!(environment, Environment::Development | Environment::Test)
}
