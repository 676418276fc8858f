//! What callers are shown of actions.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::entity::{Action, Run, RunState};
use super::handlers::Kind;
use crate::base::{ActionId, ActionRunId, DomainEventId, Result, RoleId, Timestamp};

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionShown {
    pub id: ActionId,
    pub name: String,
    pub description: String,
    pub listens: Vec<String>,
    pub conditions: Value,
    pub handler: Kind,
    pub configuration: Value,
    pub throws_on_success: Vec<String>,
    pub throws_on_failure: Vec<String>,
    pub priority: i32,
    pub is_enabled: bool,
    pub max_attempts: i32,
    pub runs_as: Option<RoleId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl From<Action> for ActionShown {
    fn from(action: Action) -> Self {
        Self {
            id: action.id,
            name: action.name,
            description: action.description,
            listens: action.listens.0,
            conditions: action.conditions.0,
            handler: action.handler,
            configuration: action.configuration.0,
            throws_on_success: action.throws_on_success.0,
            throws_on_failure: action.throws_on_failure.0,
            priority: action.priority,
            is_enabled: action.is_enabled,
            max_attempts: action.max_attempts,
            runs_as: action.runs_as,
            created_at: action.created_at,
            updated_at: action.updated_at,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunShown {
    pub id: ActionRunId,
    pub action: ActionId,
    pub action_name: String,
    pub trigger: String,
    /// The event that it answers.
    pub event: DomainEventId,
    /// The event with which its chain began.
    pub chain: DomainEventId,
    pub depth: i32,
    /// What its conditions and its handler saw, as far as it was known when it happened.
    pub envelope: Value,
    pub state: RunState,
    pub attempts: i32,
    /// What came of it.
    pub detail: Value,
    pub last_error: Option<String>,
    pub duration_ms: Option<i64>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl From<Run> for RunShown {
    fn from(run: Run) -> Self {
        Self {
            id: run.id,
            action: run.action_id,
            action_name: run.action_name,
            trigger: run.trigger_name,
            event: run.event_id,
            chain: run.chain_id,
            depth: run.depth,
            envelope: run.envelope.0,
            state: run.state,
            attempts: run.attempts,
            detail: run.detail.0,
            last_error: run.last_error,
            duration_ms: run.duration_ms,
            created_at: run.created_at,
            ended_at: run.ended_at,
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub struct ActionHandlers {
    pub handlers: Vec<HandlerShown>,
}

#[derive(Serialize, JsonSchema)]
pub struct HandlerShown {
    pub name: Kind,
    pub about: &'static str,
    /// The permission that the role it runs as has to hold.
    pub needs: Option<&'static str>,
    /// JSON Schema of its configuration.
    pub schema: Value,
}

impl From<Kind> for HandlerShown {
    fn from(kind: Kind) -> Self {
        Self { name: kind, about: kind.about(), needs: kind.needs(), schema: kind.schema() }
    }
}

/// What an action would do.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    /// Whether it listens to this trigger.
    pub listens: bool,
    /// Whether its conditions hold.
    pub holds: bool,
    /// Why its conditions cannot be asked.
    pub broken: Option<String>,
    /// Variables of its conditions that nothing is ever found by.
    pub unknown_variables: Vec<String>,
    /// If it acted.
    pub would_do: WouldDo,
    /// What its conditions and its handler saw.
    pub envelope: Value,
}

/// What its handler would come to.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WouldDo {
    /// What would come of it.
    pub detail: Option<Value>,
    /// Why it would be refused, as a key and in words.
    pub key: Option<&'static str>,
    pub reason: Option<String>,
}

impl WouldDo {
    pub fn of(done: Result<Value>) -> Self {
        match done {
            Ok(detail) => Self { detail: Some(detail), key: None, reason: None },
            Err(error) if error.status() < 500 => {
                Self { detail: None, key: Some(error.key()), reason: Some(error.words()) }
            }
            Err(error) => Self { detail: None, key: Some(error.key()), reason: None },
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub struct Begun {
    pub run: ActionRunId,
}
