//! What would become of a tenant: what a pack asks for, beside what there is and what the pack put there before.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::entity::Action;
use crate::base::{RecordId, Result, TenantId};
use crate::cronjobs::entity::CronJob;
use crate::db::DbConn;
use crate::permissions::entity::{self, Role};
use crate::permissions::known::{ACTION_MANAGE, CRONJOB_MANAGE, PERMISSION_MANAGE};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PackPartKind")]
pub enum Kind {
    Role,
    Action,
    CronJob,
}

impl Kind {
    /// What whoever changes one has to hold.
    pub fn needs(self) -> &'static str {
        match self {
            Self::Role => PERMISSION_MANAGE,
            Self::Action => ACTION_MANAGE,
            Self::CronJob => CRONJOB_MANAGE,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PackChange")]
pub enum Change {
    Make,
    Change,
    Remove,
    /// It is as the pack says already.
    Leave,
}

/// One thing of a pack, in a form that can be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub kind: Kind,
    pub name: String,
    pub shape: Value,
}

impl Part {
    pub fn role(identifier: &str, permissions: &[String]) -> Self {
        let permissions: BTreeSet<&String> = permissions.iter().collect();
        Self { kind: Kind::Role, name: identifier.to_owned(), shape: json!({ "permissions": permissions }) }
    }

    pub fn action(action: &Action, runs_as: Option<&str>) -> Self {
        let shape = json!({
            "name": action.name, "description": action.description, "listens": action.listens.0,
            "conditions": action.conditions.0, "handler": action.handler, "configuration": action.configuration.0,
            "throwsOnSuccess": action.throws_on_success.0, "throwsOnFailure": action.throws_on_failure.0,
            "priority": action.priority, "isEnabled": action.is_enabled, "maxAttempts": action.max_attempts,
            "runsAs": runs_as,
        });
        Self { kind: Kind::Action, name: action.name.clone(), shape }
    }

    pub fn cron_job(job: &CronJob) -> Self {
        let shape = json!({
            "name": job.name, "description": job.description, "expression": job.expression, "timezone": job.timezone,
            "trigger": job.trigger_name, "data": job.data.0, "missed": job.missed,
            "isEnabled": job.disabled_at.is_none(),
        });
        Self { kind: Kind::CronJob, name: job.name.clone(), shape }
    }
}

/// What a pack put into a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PackPart")]
pub struct Owned {
    pub kind: Kind,
    /// As the pack calls it.
    pub name: String,
    pub id: RecordId,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PackLine")]
pub struct Line {
    pub kind: Kind,
    pub name: String,
    pub change: Change,
    /// Somebody changed it since the pack put it there.
    pub changed_by_hand: bool,
    #[serde(skip)]
    pub id: Option<RecordId>,
    /// What is told of it to whoever is asked.
    #[serde(skip)]
    pub told: Value,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
#[schemars(rename = "PackPlan")]
pub struct Plan {
    pub lines: Vec<Line>,
    /// Not of the pack, and called as it wants to call its own: give them other names, or take them away.
    pub conflicts: Vec<Conflict>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "PackConflict")]
pub struct Conflict {
    pub kind: Kind,
    pub name: String,
}

impl Plan {
    /// What is to be done.
    pub fn changes(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.change != Change::Leave)
    }
}

/// All of a tenant's that a pack may hold.
pub type Standing = BTreeMap<(Kind, RecordId), Part>;

pub fn standing(conn: &mut DbConn, tenant: TenantId) -> Result<Standing> {
    let mut all = Standing::new();
    let roles = Role::list(conn, tenant)?;
    let names: BTreeMap<_, _> = roles.iter().map(|role| (role.id, role.identifier.clone())).collect();
    let mut held = entity::of_roles(conn, tenant)?;
    for role in roles {
        let part = Part::role(&role.identifier, &held.remove(&role.id).unwrap_or_default());
        all.insert((Kind::Role, RecordId::of(role.id.0)), part);
    }
    for action in Action::all(conn, tenant)? {
        let runs_as = action.runs_as.and_then(|role| names.get(&role)).map(String::as_str);
        all.insert((Kind::Action, RecordId::of(action.id.0)), Part::action(&action, runs_as));
    }
    for job in CronJob::all(conn, tenant)? {
        all.insert((Kind::CronJob, RecordId::of(job.id.0)), Part::cron_job(&job));
    }
    Ok(all)
}

/// What the pack put there before: its parts with their ids, and as it wrote them.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    pub owned: &'a [Owned],
    pub parts: &'a [Part],
}

pub fn compare(wanted: &[Part], before: Before<'_>, standing: &Standing) -> Plan {
    let mut plan = Plan::default();
    for part in wanted {
        let own = before.owned.iter().find(|own| (own.kind, &own.name) == (part.kind, &part.name));
        let own = own.map(|own| own.id).filter(|id| standing.contains_key(&(part.kind, *id)));
        let is_named = |((kind, id), other): (&(Kind, RecordId), &Part)| {
            *kind == part.kind && other.name == part.name && Some(*id) != own
        };
        if standing.iter().any(is_named) {
            plan.conflicts.push(Conflict { kind: part.kind, name: part.name.clone() });
        }
        let now = own.and_then(|id| standing.get(&(part.kind, id)));
        let (change, told) = match now {
            None => (Change::Make, made(part)),
            Some(now) if now.shape == part.shape => (Change::Leave, Value::Null),
            Some(now) => (Change::Change, changed(now, part)),
        };
        plan.lines.push(line(part, change, by_hand(part, now, before), own, told));
    }
    let is_wanted = |own: &Owned| wanted.iter().any(|part| (part.kind, &part.name) == (own.kind, &own.name));
    for own in before.owned.iter().filter(|own| !is_wanted(own)) {
        if let Some(now) = standing.get(&(own.kind, own.id)) {
            let part = Part { kind: own.kind, name: own.name.clone(), shape: Value::Null };
            let by_hand = by_hand(&part, Some(now), before);
            plan.lines.push(line(&part, Change::Remove, by_hand, Some(own.id), json!({})));
        }
    }
    plan
}

fn line(part: &Part, change: Change, changed_by_hand: bool, id: Option<RecordId>, told: Value) -> Line {
    Line { kind: part.kind, name: part.name.clone(), change, changed_by_hand, id, told }
}

fn by_hand(part: &Part, now: Option<&Part>, before: Before<'_>) -> bool {
    let written = before.parts.iter().find(|was| (was.kind, &was.name) == (part.kind, &part.name));
    matches!((written, now), (Some(was), Some(now)) if was.shape != now.shape)
}

/// As the rooms themselves tell it before they make one.
fn made(part: &Part) -> Value {
    match part.kind {
        Kind::Role => json!({ "identifier": part.name }),
        Kind::Action => json!({ "name": part.name, "handler": part.shape.get("handler") }),
        Kind::CronJob => json!({ "name": part.name, "trigger": part.shape.get("trigger") }),
    }
}

fn changed(now: &Part, part: &Part) -> Value {
    let list = |shape: &Value| -> BTreeSet<String> {
        let held = shape.get("permissions").and_then(Value::as_array).into_iter().flatten();
        held.filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    if part.kind == Kind::Role {
        let (was, is) = (list(&now.shape), list(&part.shape));
        return json!({ "added": &is - &was, "removed": &was - &is });
    }
    let members = part.shape.as_object().into_iter().flatten();
    let changed = members.filter(|(name, value)| now.shape.get(name) != Some(value)).map(|(name, _)| name);
    json!({ "members": changed.collect::<Vec<_>>() })
}
