//! `/_dev`: the landing page, the inbox and the requests of a development server. It exists there and in tests alone.
//! `/_dev`: the tools of development. They exist there and in tests alone.

pub mod controller;
pub mod events_pages;
pub mod stream;

use crate::components::config::Environment;
use crate::identity::Route;

/// Elsewhere these pages would show other people's mail to whoever asks.
pub fn exists(environment: Environment) -> bool {
    matches!(environment, Environment::Development | Environment::Test)
}

pub fn routes() -> Vec<Route> {
    [controller::routes(), events_pages::routes()].concat()
}
