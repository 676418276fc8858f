//! What an apply would do: the tenants as they are, held against the tenants as they are wanted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::demo;
use crate::components::config::Environment;
use crate::tenancy::description::{ClientDescription, TenantDescription};

pub type Described = BTreeMap<String, TenantDescription>;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub tenants: Vec<TenantPlan>,
    /// What cannot be done, with the remedy. A plan with any of these is not carried out.
    pub refused: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantPlan {
    pub name: String,
    pub fate: Fate,
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    Create,
    Change,
    /// The file does not name it: it is left as it is.
    Left,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Line {
    Add {
        at: String,
        value: String,
    },
    Change {
        at: String,
        from: String,
        to: String,
    },
    /// Here and not in the file. Left, unless a host or an origin and one asks to prune.
    Drift {
        at: String,
        value: String,
        prunable: bool,
    },
}

impl Plan {
    /// Whether an apply would write anything.
    pub fn is_done(&self, prune: bool) -> bool {
        let acts = |line: &Line| match line {
            Line::Add { .. } | Line::Change { .. } => true,
            Line::Drift { prunable, .. } => prune && *prunable,
        };
        !self.tenants.iter().any(|tenant| tenant.fate == Fate::Create || tenant.lines.iter().any(acts))
    }

    pub fn has_drift(&self) -> bool {
        let drifts = |line: &Line| matches!(line, Line::Drift { .. });
        self.tenants.iter().any(|tenant| tenant.fate == Fate::Left || tenant.lines.iter().any(drifts))
    }
}

/// Tenants that no file has to name: the demo of a development server, which it makes by itself.
pub fn own(environment: Environment) -> &'static [&'static str] {
    if environment.is_development() { &[demo::NAME] } else { &[] }
}

/// `own` are left out unless the file names them.
pub fn compare(now: &Described, wanted: &Described, own: &[&str]) -> Plan {
    let mut plan = Plan::default();
    for (name, tenant) in wanted {
        let before = now.get(name);
        let lines = tenant_lines(before, tenant);
        if before.is_none() || !lines.is_empty() {
            let fate = if before.is_none() { Fate::Create } else { Fate::Change };
            plan.tenants.push(TenantPlan { name: name.clone(), fate, lines });
        }
        plan.refused.extend(refusals(now, tenant));
    }
    for name in now.keys().filter(|name| !wanted.contains_key(*name) && !own.contains(&name.as_str())) {
        plan.tenants.push(TenantPlan { name: name.clone(), fate: Fate::Left, lines: Vec::new() });
    }
    plan
}

fn tenant_lines(now: Option<&TenantDescription>, wanted: &TenantDescription) -> Vec<Line> {
    let mut lines = Vec::new();
    scalars(&mut lines, "", (now.map(tenant_values), tenant_values(wanted)));
    set(&mut lines, "api_hosts", (now.map(|now| &now.hosts), &wanted.hosts));
    roles(&mut lines, now, wanted);
    for (id, client) in &wanted.clients {
        let before = now.and_then(|now| now.clients.get(id));
        let at = format!("clients.{id}.");
        scalars(&mut lines, &at, (before.map(client_values), client_values(client)));
        set(&mut lines, &format!("{at}origins"), (before.map(|client| &client.origins), &client.origins));
    }
    for (id, client) in now.into_iter().flat_map(|now| &now.clients) {
        if !wanted.clients.contains_key(id) {
            let at = format!("clients.{id}");
            if client.is_default {
                // Two defaults cannot be: the file's own takes its place.
                let (from, to) = ("true".to_owned(), "false".to_owned());
                lines.push(Line::Change { at: format!("{at}.default"), from, to });
            }
            lines.push(Line::Drift { at, value: client.name.clone(), prunable: false });
        }
    }
    lines
}

fn roles(lines: &mut Vec<Line>, now: Option<&TenantDescription>, wanted: &TenantDescription) {
    for (role, held) in &wanted.roles {
        let before = now.and_then(|now| now.roles.get(role));
        if before.is_none() {
            lines.push(Line::Add { at: "roles".to_owned(), value: role.clone() });
        }
        set(lines, &format!("roles.{role}"), (before, held));
    }
    for role in
        now.into_iter().flat_map(|now| now.roles.keys()).filter(|role| !wanted.roles.contains_key(*role))
    {
        lines.push(Line::Drift { at: "roles".to_owned(), value: role.clone(), prunable: false });
    }
}

type Values = BTreeMap<String, String>;

fn scalars(lines: &mut Vec<Line>, at: &str, (now, wanted): (Option<Values>, Values)) {
    let mut now = now.unwrap_or_default();
    for (key, to) in wanted {
        let at = format!("{at}{key}");
        match now.remove(&key) {
            Some(from) if from == to => {}
            Some(from) => lines.push(Line::Change { at, from, to }),
            None => lines.push(Line::Add { at, value: to }),
        }
    }
    for (key, from) in now {
        lines.push(Line::Change { at: format!("{at}{key}"), from, to: "unset".to_owned() });
    }
}

fn set(lines: &mut Vec<Line>, at: &str, (now, wanted): (Option<&BTreeSet<String>>, &BTreeSet<String>)) {
    let none = BTreeSet::new();
    let now = now.unwrap_or(&none);
    for value in wanted.difference(now) {
        lines.push(Line::Add { at: at.to_owned(), value: value.clone() });
    }
    for value in now.difference(wanted) {
        lines.push(Line::Drift { at: at.to_owned(), value: value.clone(), prunable: true });
    }
}

fn tenant_values(tenant: &TenantDescription) -> Values {
    let mut values = BTreeMap::from([
        ("display_name".to_owned(), tenant.display_name.clone()),
        ("public_url".to_owned(), tenant.public_url.clone()),
        ("issuer".to_owned(), tenant.issuer.clone()),
    ]);
    if tenant.data.as_object().is_none_or(|data| !data.is_empty()) {
        values.insert("data".to_owned(), tenant.data.to_string());
    }
    values.extend(members("settings.", serde_json::to_value(&tenant.settings).unwrap_or_default()));
    // The accent is the colour `brand`, told once.
    values.remove("settings.accent");
    let mut colours = tenant.settings.colours.clone();
    colours.extend(tenant.settings.accent.clone().map(|accent| ("brand".to_owned(), accent)));
    values.remove("settings.colours");
    values.extend(colours.into_iter().map(|(name, colour)| (format!("settings.colours.{name}"), colour)));
    values
}

fn client_values(client: &ClientDescription) -> Values {
    let mut values = BTreeMap::from([
        ("name".to_owned(), client.name.clone()),
        ("kind".to_owned(), client.kind.word().to_owned()),
        ("default".to_owned(), client.is_default.to_string()),
    ]);
    for (key, list) in [("continue_urls", &client.continue_urls), ("audiences", &client.audiences)] {
        if !list.is_empty() {
            values.insert(key.to_owned(), list.join(", "));
        }
    }
    values.extend(members("lifetimes.", serde_json::to_value(&client.settings).unwrap_or_default()));
    values
}

/// The members of an object that say something.
fn members(at: &str, object: Value) -> Values {
    let told = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let Value::Object(members) = object else { return BTreeMap::new() };
    let said = members.into_iter().filter(|(_, value)| !is_nothing(value));
    said.map(|(key, value)| (format!("{at}{key}"), told(&value))).collect()
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// What is another tenant's cannot be claimed, and an identity is not edited.
fn refusals(now: &Described, wanted: &TenantDescription) -> Vec<String> {
    let name = &wanted.name;
    let mut refused = Vec::new();
    if let Some(before) = now.get(name) {
        if before.issuer != wanted.issuer {
            refused.push(format!(
                "{name}: its issuer is {}, the file says {}. Tokens name it, so it is not edited but moved: \
                 `doorward tenants move-issuer {name} {}`.",
                before.issuer, wanted.issuer, wanted.issuer
            ));
        }
        for (id, client) in &wanted.clients {
            let was = before.clients.get(id).filter(|was| was.kind != client.kind);
            refused.extend(was.map(|was| {
                let (was, is) = (was.kind.word(), client.kind.word());
                format!("{name}: the client {id} is of kind {was} and cannot become {is}. Make a new client.")
            }));
        }
    }
    for other in now.values().filter(|other| other.name != *name) {
        refused.extend(claims(other, wanted));
    }
    refused
}

fn claims(other: &TenantDescription, wanted: &TenantDescription) -> Vec<String> {
    let (name, owner) = (&wanted.name, &other.name);
    let mut refused = Vec::new();
    for host in wanted.hosts.intersection(&other.hosts) {
        refused.push(format!(
            "{name}: the API host {host} is taken by the tenant {owner}. Prune it there first."
        ));
    }
    if wanted.issuer == other.issuer {
        refused.push(format!("{name}: the issuer {} is that of the tenant {owner}.", wanted.issuer));
    }
    for (id, client) in &wanted.clients {
        if other.clients.contains_key(id) {
            refused.push(format!("{name}: the public id {id} is taken by a client of the tenant {owner}."));
        }
        let hosted =
            |origin: &&String| origin.split_once("://").is_some_and(|(_, host)| other.hosts.contains(host));
        // A page on another tenant's API host could act there as that tenant's own.
        for origin in client.origins.iter().filter(hosted) {
            refused.push(format!("{name}: the origin {origin} is on an API host of the tenant {owner}."));
        }
    }
    refused
}
