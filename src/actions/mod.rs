//! What a tenant does of itself when something has happened: actions that listen to triggers, ask their conditions, and act
//! with rights of their own. Tables: `actions`, `action_runs`.
//!
//! The outbox (`triggers/`) says what happened, `listening` makes a run for each action that heard it, and the queue carries runs
//! out. So a change costs the same however many listen.

mod acting;
pub mod answers;
mod asking;
pub mod beginning;
pub mod changes;
pub mod claims;
pub mod conditions;
pub mod controller;
mod cost;
pub mod entity;
pub mod events;
pub mod handlers;
mod later;
mod listening;
mod mailing;
mod running;
pub mod service;
pub mod steps;

pub use asking::ask;
pub use listening::listener;

use crate::identity::job::Outcome;
use crate::identity::{Claimed, Handler, Scope};
use crate::management::cleaning::{self, BATCH};

pub fn handlers() -> Vec<Handler> {
    vec![
        running::handler(),
        later::handler(),
        Handler::new("actionRuns.clean", clean).at("30 1 * * *").within(cleaning::PATIENCE),
    ]
}

/// What an action did is kept as long as what it answered.
async fn clean(scope: Scope, _: Claimed) -> Outcome {
    let than = scope.now() - scope.house.config.events.keep;
    Ok(cleaning::all(&scope, "action_runs", move |conn| Ok(entity::clean(conn, than, BATCH)?)).await?)
}
