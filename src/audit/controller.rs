//! `/audit`: what an auditor of a tenant may read of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entity::{AuditRecord, Filter};
use super::events;
use crate::base::error::INVALID;
use crate::base::{AuditId, FieldError, RecordId, RequestId, Result, SessionId, Timestamp, UserId};
use crate::db::{ActorKind, Outcome};
use crate::http::Number;
use crate::identity::{Access, Method, Route, Scope};

pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::Get, "/audit", Access::Permission(READ), list)
            .named("audit.list", "What happened in this tenant and what was refused, newest first."),
    ]
}

/// As `permissions` names it.
pub const READ: &str = "tenant:audit:read";

const USUAL: u64 = 10;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[derive(Default)]
pub struct Question {
    /// As `doorward-request-id` and every error said it.
    request_id: Option<RequestId>,
    action: Option<String>,
    outcome: Option<Outcome>,
    actor_id: Option<RecordId>,
    target_id: Option<RecordId>,
    /// `next` of the page before.
    after: Option<String>,
    limit: Option<Number>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    records: Vec<Record>,
    /// Absent on the last page.
    next: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    id: AuditId,
    at: Timestamp,
    action: String,
    outcome: Outcome,
    reason: Option<String>,
    actor: Who,
    on_behalf_of: Option<UserId>,
    target: Option<What>,
    session_id: Option<SessionId>,
    request_id: Option<RequestId>,
    address: Option<String>,
    user_agent: Option<String>,
    /// More than one where many alike were summed.
    count: i64,
    data: Value,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditActor")]
pub struct Who {
    kind: ActorKind,
    id: Option<RecordId>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditTarget")]
pub struct What {
    kind: String,
    id: Option<RecordId>,
}

async fn list(scope: Scope, question: Question) -> Result<Page> {
    let limit = question.limit.map_or(USUAL, |limit| limit.0);
    let after = question.after.as_deref().map(read_key).transpose()?;
    let filter = Filter {
        request: question.request_id,
        action: question.action,
        outcome: question.outcome,
        actor: question.actor_id,
        target: question.target_id,
        after,
    };
    let (records, more) = events::list(&scope, filter, i64::try_from(limit).unwrap_or(events::MOST)).await?;
    let next = records.last().filter(|_| more).map(|last| format!("{}_{}", last.created_at.0, last.id));
    Ok(Page { records: records.into_iter().map(Record::from).collect(), next })
}

fn read_key(text: &str) -> Result<(Timestamp, AuditId)> {
    let key = text.split_once('_').and_then(|(at, id)| Some((Timestamp(at.parse().ok()?), id.parse().ok()?)));
    let wrong = || FieldError::new("$.after", "validator.pattern", "Send `next` of the page before.");
    key.ok_or_else(|| INVALID.with(vec![wrong()]))
}

impl From<AuditRecord> for Record {
    fn from(row: AuditRecord) -> Self {
        Self {
            id: row.id,
            at: row.created_at,
            action: row.action,
            outcome: row.outcome,
            reason: row.reason,
            actor: Who { kind: row.actor_kind, id: row.actor_id },
            on_behalf_of: row.on_behalf_of,
            target: row.target_kind.map(|kind| What { kind, id: row.target_id }),
            session_id: row.session_id,
            request_id: row.request_id,
            address: row.address,
            user_agent: row.user_agent,
            count: row.count,
            data: row.data.0,
        }
    }
}
