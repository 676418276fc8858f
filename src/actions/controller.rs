//! What can be done about what happens, and what an action would do.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answers::{ActionHandlers, Begun, HandlerShown, Tried};
use super::events::{self, MAY_NOT_ADD_CLAIMS, MAY_NOT_RUN_AS, Supposed, UNKNOWN_ACTION, UNKNOWN_ROLE};
use super::handlers::Kind;
use super::service;
use crate::base::error::INVALID;
use crate::base::{ActionId, FieldError, Result, UserId};
use crate::identity::{Access, Method, Nothing, Route, Scope};
use crate::permissions::known::ACTION_MANAGE;

const MANAGES: Access = Access::Permission(ACTION_MANAGE);
/// Bytes of what is supposed to have happened.
const TOLD: usize = 4 * 1024;

pub fn routes() -> Vec<Route> {
    let mut all = vec![
        Route::new(Method::Get, "/action-handlers", MANAGES, handlers).named(
            "actions.handlers",
            "Everything that an action can do, with a JSON Schema of each configuration.",
        ),
        Route::new(Method::Post, "/actions/{action}/try", MANAGES, dry_run)
            .named("actions.dry_run", "What an action would do about something. Nothing of it is kept.")
            .refuses(&[&UNKNOWN_ACTION, &MAY_NOT_RUN_AS, &MAY_NOT_ADD_CLAIMS, &UNKNOWN_ROLE]),
        Route::new(Method::Post, "/actions/{action}/run", MANAGES, run_now)
            .named(
                "actions.run_now",
                "Run an action now, about somebody perhaps. Its conditions are asked as always.",
            )
            .refuses(&[&UNKNOWN_ACTION, &MAY_NOT_RUN_AS, &MAY_NOT_ADD_CLAIMS, &UNKNOWN_ROLE]),
    ];
    all.extend(service::routes());
    all.extend(service::runs::routes());
    all
}

async fn handlers(_: Scope, _: Nothing) -> Result<ActionHandlers> {
    Ok(ActionHandlers { handlers: Kind::ALL.iter().map(|kind| HandlerShown::from(*kind)).collect() })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Try {
    action: ActionId,
    /// The trigger's name.
    #[schemars(length(max = 100))]
    trigger: String,
    /// Whom it would concern.
    #[serde(default)]
    user: Option<UserId>,
    /// What it would tell, in 4 KiB at most.
    #[serde(default)]
    data: Map<String, Value>,
}

async fn dry_run(scope: Scope, body: Try) -> Result<Tried> {
    let Try { action, trigger, user, data } = body;
    let data = Value::Object(data);
    if data.to_string().len() > TOLD {
        let detail = format!("At most {TOLD} bytes.");
        return Err(INVALID.with(vec![FieldError::new("$.data", "validator.length", detail)]));
    }
    events::dry_run(&scope, action, Supposed { trigger, user, data }).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunNow {
    action: ActionId,
    /// Whom it is about.
    #[serde(default)]
    user: Option<UserId>,
}

async fn run_now(scope: Scope, body: RunNow) -> Result<Begun> {
    events::run_now(&scope, body.action, body.user).await
}
