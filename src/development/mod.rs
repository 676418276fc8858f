//! `/_dev`: the landing page and the inbox of a development server. It exists there and in tests alone.

pub mod controller;
pub mod stream;

use crate::components::config::Environment;

/// Elsewhere these pages would show other people's mail to whoever asks.
pub fn exists(environment: Environment) -> bool {
    matches!(environment, Environment::Development | Environment::Test)
}
