//! `doorward events show`: one request, from the memory of a development server, from the audit of any, and with all that
//! followed from it.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::feed::Feed;
use super::told::Told;
use super::tree::tree;
use crate::audit::entity::AuditRecord;
use crate::audit::entity::followed::{Followed, Kind};
use crate::audit::events::{by_request, followed};
use crate::base::{RequestId, Result};
use crate::cli::desk::{self, at_desk};
use crate::cli::settings::Flags;
use crate::cli::{Done, NO};
use crate::components::terminal::{Ink, paint, say};
use crate::db::Outcome;
use crate::identity::Scope;

const AFTER: &str = "\
The id stands in every answer, as `doorward-request-id`, and in every error, as
`requestId`. The audit is asked in the database, so this works in every
environment and for every node; the steps are known to a running development
server alone. What followed is told as a tree: what happened, which actions
heard it, what they did, and what happened by that. The id of an event, a run or
a job shows what followed from it.
Exit code 5 if nobody knows the request.

Example:
  doorward events show 0199f2c1-7a10-7bb3-9d5c-0a4be1d2c3f4";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Show {
    /// As the answer had it.
    #[arg(value_name = "REQUEST_ID")]
    id: RequestId,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(flags: &Flags, show: &Show) -> Done {
    let config = flags.load()?.config;
    let developing = config.environment.is_development();
    at_desk(flags, async |scope| {
        let told = match developing {
            true => Feed(config.server.listen).one(show.id).await.ok().flatten(),
            false => None,
        };
        let records = told_of(&scope, by_request(&scope, show.id).await?).await?;
        let followed = followed(&scope, show.id).await?;
        if told.is_none() && records.is_empty() && followed.is_empty() {
            eprintln!("{}", unknown(show.id, developing));
            return Ok(ExitCode::from(NO));
        }
        if show.json {
            desk::json(&json!({ "request": told, "audit": records, "followed": followed }));
        } else {
            say(&page(told.as_ref(), &records, &followed));
        }
        Ok(desk::OK)
    })
}

fn unknown(id: RequestId, developing: bool) -> String {
    let steps = if developing {
        "a running development server remembers the last thousands of requests"
    } else {
        "steps are remembered in development alone"
    };
    format!(
        "doorward: nothing is known of {id}. The audit keeps what changed something and what was refused with 401, \
         403, 409, 412 or 429, within a second or two; {steps}."
    )
}

async fn told_of(scope: &Scope, records: Vec<AuditRecord>) -> Result<Vec<Value>> {
    let mut told = Vec::with_capacity(records.len());
    for record in records {
        let tenant = match record.tenant_id {
            Some(id) => scope.house.tenant(id).await?.map(|tenant| tenant.name.clone()),
            None => None,
        };
        told.push(json!({
            "at": record.created_at,
            "tenant": tenant,
            "action": record.action,
            "outcome": record.outcome,
            "reason": record.reason,
            "actor": { "kind": record.actor_kind, "id": record.actor_id },
            "onBehalfOf": record.on_behalf_of,
            "target": record.target_kind.map(|kind| json!({ "kind": kind, "id": record.target_id })),
            "session": record.session_id,
            "address": record.address,
            "userAgent": record.user_agent,
            "count": record.count,
            "data": record.data.0,
        }));
    }
    Ok(told)
}

fn page(told: Option<&Value>, records: &[Value], followed: &[Followed]) -> String {
    let steps = told.map(|told| tree(&Told(told)));
    let audit = (!records.is_empty()).then(|| {
        let lines = records.iter().map(|record| entry(&Told(record)));
        format!("{}\n{}", paint(Ink::Bold, "In the audit"), lines.collect::<Vec<_>>().join("\n"))
    });
    let after = (!followed.is_empty()).then(|| {
        let lines: Vec<String> = followed.iter().map(consequence).collect();
        format!("{}\n{}", paint(Ink::Bold, "What followed"), lines.join("\n"))
    });
    steps.into_iter().chain(audit).chain(after).collect::<Vec<_>>().join("\n\n")
}

/// `  action Guests  done`, each under what it follows from.
fn consequence(one: &Followed) -> String {
    let what = match one.kind {
        Kind::Event => String::new(),
        Kind::Run => "action ".to_owned(),
        Kind::Job => "job ".to_owned(),
        Kind::Delivery => "to ".to_owned(),
    };
    let state = one.state.as_deref().unwrap_or_default();
    let ink = match state {
        "done" | "success" => Ink::Green,
        "failed" | "dead" | "denied" | "stopped" => Ink::Red,
        _ => Ink::Yellow,
    };
    let reason = one.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let line = format!("{}{what}{}  {}{reason}", "  ".repeat(one.depth + 1), one.name, paint(ink, state));
    format!("{}  {}", line.trim_end(), paint(Ink::Dim, &one.id.to_string()))
}

fn entry(record: &Told<'_>) -> String {
    let outcome = record.says("outcome");
    let ink = if outcome == json!(Outcome::Success) { Ink::Green } else { Ink::Yellow };
    let mut lines = vec![format!(
        "  {}  {}  {}{}",
        paint(Ink::Dim, record.says("at")),
        record.says("action"),
        paint(ink, outcome),
        if record.says("reason").is_empty() { String::new() } else { format!(": {}", record.says("reason")) },
    )];
    let nested = |member: &str, name: &str| {
        record.0.get(member).and_then(|inner| inner.get(name)).and_then(Value::as_str).unwrap_or_default()
    };
    let pair = |kind: &str, id: &str| format!("{kind} {id}").trim().to_owned();
    let facts = [
        ("tenant", record.says("tenant").to_owned()),
        ("by", pair(nested("actor", "kind"), nested("actor", "id"))),
        ("about", pair(nested("target", "kind"), nested("target", "id"))),
        ("session", record.says("session").to_owned()),
        ("from", pair(record.says("address"), record.says("userAgent"))),
    ];
    let known = facts.iter().filter(|(_, value)| !value.is_empty());
    lines.extend(known.map(|(name, value)| format!("    {name:<8} {value}")));
    let count = record.number("count");
    if count > 1.0 {
        lines.push(format!("    {count} alike within a minute"));
    }
    lines.join("\n")
}
