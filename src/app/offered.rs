//! What the house offers: every room's routes, and every room's handlers of jobs.

use crate::components::config::Config;
use crate::identity::{Handler, Route};
use crate::services::sockets;
use crate::triggers::outbox::Listener;
use crate::{
    actions, audit, auth, authentication, cronjobs, development, inbound, jobs, management, openapi, packs,
    permissions, sessions, tenancy, tokens, triggers, users, webhooks,
};

/// Every room's routes: the one list that router, gate and API document are made from.
pub fn routes() -> Vec<Route> {
    openapi::controller::described([
        tenancy::controller::routes(),
        sessions::controller::routes(),
        users::controller::routes(),
        permissions::controller::routes(),
        permissions::service::routes(),
        permissions::service::catalogue::routes(),
        users::service::routes(),
        users::service::sessions::routes(),
        users::service::members::routes(),
        auth::password::controller::routes(),
        auth::account::controller::routes(),
        auth::account::service::routes(),
        authentication::controller::routes(),
        tokens::controller::routes(),
        audit::service::routes(),
        triggers::controller::routes(),
        actions::controller::routes(),
        webhooks::controller::routes(),
        cronjobs::controller::routes(),
        inbound::controller::routes(),
        packs::controller::routes(),
        jobs::service::routes(),
        sockets::routes(),
    ])
}

/// Those of this environment: development also has its tools.
pub fn routes_of(config: &Config, also: &[Route]) -> Vec<Route> {
    let mut all = routes();
    all.extend_from_slice(also);
    if development::exists(config.environment) {
        all.extend(development::controller::routes());
    }
    if config.environment.is_development() {
        all.extend(development::events_pages::routes());
    }
    all
}

/// Every room that does something about what happened.
pub fn listeners() -> Vec<Listener> {
    vec![actions::listener(), webhooks::listener()]
}

/// Every room's handlers of jobs. A name that stands in none is left alone by this process.
pub fn handlers() -> Vec<Handler> {
    [
        jobs::handlers(),
        management::handlers(),
        auth::account::jobs::handlers(),
        actions::handlers(),
        webhooks::handlers(),
        cronjobs::handlers(),
    ]
    .concat()
}
