//! What admins write of an action, checked before anything is asked of the database.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::conditions;
use super::entity::{Action, Rights};
use super::handlers::{Doing, Kind};
use crate::base::error::INVALID;
use crate::base::{ActionId, FieldError, Result, RoleId, TenantId, Timestamp};
use crate::db::Json;
use crate::triggers::catalogue::{TOKEN, hears, is_own, is_pattern, is_point};

const NAME: usize = 80;
const DESCRIPTION: usize = 500;
const LISTENED: usize = 20;
const THROWN: usize = 5;
const CONFIGURATION: usize = 8 * 1024;
const ATTEMPTS: std::ops::RangeInclusive<i32> = 1..=20;
const PRIORITIES: std::ops::RangeInclusive<i32> = -1000..=1000;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAction {
    /// What it is called; one of a tenant's has each name.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub description: String,
    /// Triggers, by their names; `*` stands for one word.
    #[schemars(length(min = 1, max = 20))]
    pub listens: Vec<String>,
    /// A rule in JSON Logic, asked of what happened. Null: always.
    #[serde(default)]
    pub conditions: Value,
    pub handler: Kind,
    /// As the handler's schema says.
    #[serde(default = "empty")]
    pub configuration: Value,
    /// Triggers of your own, thrown when it is done.
    #[serde(default)]
    #[schemars(length(max = 5))]
    pub throws_on_success: Vec<String>,
    /// Triggers of your own, thrown when it came to nothing.
    #[serde(default)]
    #[schemars(length(max = 5))]
    pub throws_on_failure: Vec<String>,
    /// Of those that hear the same, lower ones run first.
    #[serde(default)]
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: i32,
    #[serde(default = "yes")]
    pub is_enabled: bool,
    #[serde(default = "attempts")]
    #[schemars(range(min = 1, max = 20))]
    pub max_attempts: i32,
    /// The role with whose rights it acts, as they are when it runs. You have to hold all that it holds.
    #[serde(default)]
    pub runs_as: Option<RoleId>,
}

/// What is absent stays as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActionChange {
    #[schemars(length(min = 1, max = 80))]
    pub name: Option<String>,
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    #[schemars(length(min = 1, max = 20))]
    pub listens: Option<Vec<String>>,
    /// Null: always.
    #[serde(default, deserialize_with = "told")]
    pub conditions: Option<Value>,
    pub handler: Option<Kind>,
    pub configuration: Option<Value>,
    #[schemars(length(max = 5))]
    pub throws_on_success: Option<Vec<String>>,
    #[schemars(length(max = 5))]
    pub throws_on_failure: Option<Vec<String>>,
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: Option<i32>,
    pub is_enabled: Option<bool>,
    #[schemars(range(min = 1, max = 20))]
    pub max_attempts: Option<i32>,
    /// Null: nobody's rights.
    #[serde(default, deserialize_with = "told")]
    pub runs_as: Option<Option<RoleId>>,
}

fn empty() -> Value {
    json!({})
}

fn yes() -> bool {
    true
}

fn attempts() -> i32 {
    10
}

/// A null that was sent is something else than nothing sent.
fn told<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl NewAction {
    pub fn of(self, tenant: TenantId, now: Timestamp) -> Action {
        Action {
            id: ActionId::new(),
            tenant_id: tenant,
            name: self.name,
            description: self.description,
            listens: Json(self.listens),
            conditions: Json(self.conditions),
            handler: self.handler,
            configuration: Json(self.configuration),
            throws_on_success: Json(self.throws_on_success),
            throws_on_failure: Json(self.throws_on_failure),
            priority: self.priority,
            is_enabled: self.is_enabled,
            max_attempts: self.max_attempts,
            bounds: Json(Rights::new()),
            runs_as: self.runs_as,
            created_at: now,
            updated_at: now,
        }
    }
}

impl ActionChange {
    /// Which are given.
    pub fn members(&self) -> Vec<&'static str> {
        let members = [
            ("name", self.name.is_some()),
            ("description", self.description.is_some()),
            ("listens", self.listens.is_some()),
            ("conditions", self.conditions.is_some()),
            ("handler", self.handler.is_some()),
            ("configuration", self.configuration.is_some()),
            ("throwsOnSuccess", self.throws_on_success.is_some()),
            ("throwsOnFailure", self.throws_on_failure.is_some()),
            ("priority", self.priority.is_some()),
            ("isEnabled", self.is_enabled.is_some()),
            ("maxAttempts", self.max_attempts.is_some()),
            ("runsAs", self.runs_as.is_some()),
        ];
        members.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    pub fn of(self, was: Action, now: Timestamp) -> Action {
        let json = |told: Option<Vec<String>>, was: Json<Vec<String>>| told.map_or(was, Json);
        Action {
            name: self.name.unwrap_or(was.name),
            description: self.description.unwrap_or(was.description),
            listens: json(self.listens, was.listens),
            conditions: self.conditions.map_or(was.conditions, Json),
            handler: self.handler.unwrap_or(was.handler),
            configuration: self.configuration.map_or(was.configuration, Json),
            throws_on_success: json(self.throws_on_success, was.throws_on_success),
            throws_on_failure: json(self.throws_on_failure, was.throws_on_failure),
            priority: self.priority.unwrap_or(was.priority),
            is_enabled: self.is_enabled.unwrap_or(was.is_enabled),
            max_attempts: self.max_attempts.unwrap_or(was.max_attempts),
            runs_as: self.runs_as.unwrap_or(was.runs_as),
            updated_at: now,
            ..was
        }
    }
}

/// All that is wrong with an action, at once.
pub fn checked(action: &Action) -> Result<()> {
    let wrong = [wrong_words(action), wrong_triggers(action), wrong_doing(action)].concat();
    if wrong.is_empty() { Ok(()) } else { Err(INVALID.with(wrong)) }
}

fn fault(path: &str, key: &'static str, detail: impl Into<String>) -> FieldError {
    FieldError::new(format!("$.{path}"), key, detail.into())
}

fn wrong_words(action: &Action) -> Vec<FieldError> {
    let mut wrong = Vec::new();
    let is_line = |text: &str| text.trim() == text && !text.chars().any(char::is_control);
    if action.name.is_empty() || action.name.chars().count() > NAME || !is_line(&action.name) {
        wrong.push(fault("name", "validator.length", format!("One line of 1 to {NAME} characters.")));
    }
    if action.description.chars().count() > DESCRIPTION {
        wrong.push(fault("description", "validator.length", format!("At most {DESCRIPTION} characters.")));
    }
    if !PRIORITIES.contains(&action.priority) {
        wrong.push(fault("priority", "validator.range", "A whole number from -1000 to 1000."));
    }
    if !ATTEMPTS.contains(&action.max_attempts) {
        wrong.push(fault("maxAttempts", "validator.range", "A whole number from 1 to 20."));
    }
    wrong
}

fn wrong_triggers(action: &Action) -> Vec<FieldError> {
    let mut wrong = Vec::new();
    let listens = &action.listens.0;
    if listens.is_empty() || listens.len() > LISTENED {
        wrong.push(fault("listens", "validator.length", format!("1 to {LISTENED} triggers.")));
    }
    let (is_heard, detail): (fn(&str) -> bool, _) = if action.handler == Kind::AddClaims {
        (|pattern| pattern == TOKEN, "Claims are added at doorward.token.pre.create.")
    } else if action.handler.is_before() {
        (is_point, "Nobody is asked at this moment; GET /triggers names those with `pre`.")
    } else {
        (
            is_pattern,
            "Nothing that has happened is called this; GET /triggers names what can happen. Before something is done, only `deny` and `ask` listen.",
        )
    };
    for (at, _) in listens.iter().enumerate().filter(|(_, pattern)| !is_heard(pattern)).take(LISTENED) {
        wrong.push(fault(&format!("listens[{at}]"), "validator.pattern", detail));
    }
    let thrown =
        [("throwsOnSuccess", &action.throws_on_success.0), ("throwsOnFailure", &action.throws_on_failure.0)];
    for (path, names) in thrown {
        if names.len() > THROWN || !names.iter().all(|name| is_own(name)) {
            let detail = format!("At most {THROWN} triggers of your own, which begin with `x.`.");
            wrong.push(fault(path, "validator.pattern", detail));
        }
    }
    wrong
}

fn wrong_doing(action: &Action) -> Vec<FieldError> {
    let mut wrong = Vec::new();
    if let Err(why) = conditions::check(&action.conditions.0) {
        wrong.push(fault("conditions", "validator.pattern", why));
    }
    if action.configuration.0.to_string().len() > CONFIGURATION {
        wrong.push(fault("configuration", "validator.length", format!("At most {CONFIGURATION} bytes.")));
        return wrong;
    }
    match action.handler.read(&action.configuration.0) {
        Err(why) => wrong.push(fault("configuration", "validator.keys", why)),
        Ok(doing) if hears_itself(action, &doing) => {
            let detail = "It listens to what it throws itself, and would never end.";
            wrong.push(fault("listens", "validator.loop", detail));
        }
        Ok(_) => {}
    }
    wrong
}

fn hears_itself(action: &Action, doing: &Doing) -> bool {
    let own = match doing {
        Doing::Throw(trigger, _) => Some(trigger),
        _ => None,
    };
    let mut thrown = own.into_iter().chain(&action.throws_on_success.0).chain(&action.throws_on_failure.0);
    thrown.any(|name| action.listens.0.iter().any(|pattern| hears(pattern, name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Error;

    fn action(more: Value) -> Action {
        let mut all =
            json!({ "name": "a", "listens": ["doorward.user.post.create"], "handler": "endSessions" });
        if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
            all.extend(more);
        }
        serde_json::from_value::<NewAction>(all).unwrap().of(TenantId::new(), Timestamp::EPOCH)
    }

    #[test]
    fn an_action_is_refused_with_all_that_is_wrong_with_it() {
        assert!(checked(&action(json!({}))).is_ok());
        let wrong = action(json!({
            "name": "", "listens": ["doorward.usr.created"], "conditions": { "eval": "1" }, "configuration": { "all": 1 },
            "throwsOnSuccess": ["doorward.user.post.create"], "priority": 5000, "maxAttempts": 0,
        }));
        let error = checked(&wrong).unwrap_err();
        let Error::Refused(refused) = error else { panic!("{error:?}") };
        assert_eq!(refused.errors.len(), 7, "{:?}", refused.errors);
    }

    #[test]
    fn an_action_does_not_listen_to_what_it_throws() {
        let throws = json!({ "handler": "throw", "configuration": { "trigger": "x.a.b" } });
        assert!(checked(&action(throws.clone())).is_ok());
        let mut loops = throws;
        loops["listens"] = json!(["x.*.b"]);
        assert!(checked(&action(loops)).is_err());
        assert!(checked(&action(json!({ "listens": ["x.done"], "throwsOnFailure": ["x.done"] }))).is_err());
    }

    #[test]
    fn a_null_is_a_change_and_nothing_is_none() {
        let was = action(json!({ "conditions": { "==": [1, 1] } }));
        let kept: ActionChange = serde_json::from_value(json!({})).unwrap();
        let emptied: ActionChange = serde_json::from_value(json!({ "conditions": null })).unwrap();

        assert_eq!(kept.of(was.clone(), Timestamp::EPOCH).conditions.0, json!({ "==": [1, 1] }));
        assert_eq!(emptied.of(was, Timestamp::EPOCH).conditions.0, Value::Null);
    }
}
