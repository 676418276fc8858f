//! `/triggers`: everything that can be listened to.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::catalogue::{self, Trigger};
use crate::base::Result;
use crate::identity::{Access, Method, Nothing, Route, Scope};
use crate::permissions::known::ACTION_MANAGE;

pub fn routes() -> Vec<Route> {
    let about = "Everything that an action can listen to, with a JSON Schema of each.";
    let manages = Access::Permission(ACTION_MANAGE);
    vec![Route::new(Method::Get, "/triggers", manages, list).named("triggers.list", about)]
}

#[derive(Serialize, JsonSchema)]
pub struct Triggers {
    pub triggers: Vec<TriggerShown>,
}

#[derive(Serialize, JsonSchema)]
pub struct TriggerShown {
    pub name: &'static str,
    pub about: &'static str,
    pub subject: &'static str,
    /// JSON Schema of what conditions and handlers see.
    pub schema: Value,
}

impl From<&Trigger> for TriggerShown {
    fn from(trigger: &Trigger) -> Self {
        Self { name: trigger.name, about: trigger.about, subject: trigger.subject, schema: trigger.schema() }
    }
}

async fn list(_: Scope, _: Nothing) -> Result<Triggers> {
    Ok(Triggers {
        triggers: catalogue::ALL.iter().chain(catalogue::BEFORE).map(TriggerShown::from).collect(),
    })
}
