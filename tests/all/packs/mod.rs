//! Packs: what belongs together is installed, compared, brought up to date and removed as one.

mod installing;
mod rights;

use serde_json::{Value, json};

use crate::rights::kit::Desk;

/// Two roles, an action that runs as one of them, and a cron job.
pub fn welcome(version: &str) -> Value {
    json!({
        "name": "welcome",
        "version": version,
        "description": "Greets whoever is new.",
        "inputs": { "subject": { "about": "Of the mail." }, "zone": { "about": "Whose clock.", "default": "UTC" } },
        "roles": [
            { "identifier": "guest", "permissions": [] },
            { "identifier": "greeter", "permissions": ["auth:user:list"] },
        ],
        "actions": [{
            "name": "Greet", "listens": ["x.greet"], "handler": "mail", "runsAs": "greeter",
            "configuration": { "to": "person", "subject": "{{input.subject}}", "text": "Welcome, {{user.name}}." },
        }],
        "cronJobs": [{ "name": "Morning", "expression": "0 9 * * *", "timezone": "{{input.zone}}", "trigger": "x.greet" }],
    })
}

pub fn wanted(pack: &Value) -> Value {
    json!({ "pack": pack, "inputs": { "subject": "Hello" } })
}

/// What the tenant has of all that a pack may hold: names by kind.
pub async fn names(desk: &Desk<'_>) -> Value {
    let mut all = serde_json::Map::new();
    for (service, member) in
        [("roles", "identifier"), ("actions", "name"), ("cronjobs", "name"), ("packs", "version")]
    {
        let found = desk.look(&format!("/{service}?$limit=100")).await;
        let rows = found.json["data"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> =
            rows.iter().map(|row| row[member].as_str().unwrap().to_owned()).collect();
        names.sort();
        all.insert(service.into(), json!(names));
    }
    Value::Object(all)
}
