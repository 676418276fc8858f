//! Whom a tenant wants told of what happens, over HTTP: each message signed (Standard Webhooks), each in one form (CloudEvents
//! 1.0), each sent until it is taken. Tables: `webhooks`, `deliveries`.

pub mod answers;
pub mod asking;
mod changes;
pub mod controller;
mod deliverer;
pub mod entity;
pub mod events;
mod listening;
mod message;
pub mod secret;
mod sending;
pub mod service;
pub mod steps;

pub use deliverer::Deliverer;
pub use listening::listener;

use crate::identity::job::Outcome;
use crate::identity::{Claimed, Handler, Scope};
use crate::management::cleaning::{self, BATCH};

pub fn handlers() -> Vec<Handler> {
    vec![Handler::new("deliveries.clean", clean).at("45 1 * * *").within(cleaning::PATIENCE)]
}

/// What was sent is kept as long as what it told of.
async fn clean(scope: Scope, _: Claimed) -> Outcome {
    let than = scope.now() - scope.house.config.events.keep;
    Ok(cleaning::all(&scope, "deliveries", move |conn| Ok(entity::clean(conn, than, BATCH)?)).await?)
}
