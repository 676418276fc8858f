//! `/audit`: what happened in a tenant, for its auditors. Records are read and never changed.

use diesel::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::entity::AuditRecord;
use crate::base::{AuditId, RecordId, RequestId, Result, SessionId, TenantId, Timestamp, UserId};
use crate::db::schema::audit_records;
use crate::db::{ActorKind, DbConn, Outcome, columns};
use crate::identity::{Access, Route};
use crate::services::{Condition, Field, Resource, Service, View};

/// As `permissions` names it.
pub const READ: &str = "tenant:audit:read";

pub fn routes() -> Vec<Route> {
    Service::<Audit>::new().read(Access::Permission(READ)).routes()
}

struct Audit;

const AT: Field = Field::of("at", &audit_records::created_at).filters().sorts();

impl Resource for Audit {
    type Row = Record;
    const PATH: &'static str = "/audit";
    const ONE: &'static str = "record";
    const FIELDS: &'static [Field] = &[
        Field::of("id", &audit_records::id).filters().sorts(),
        AT,
        Field::of("action", &audit_records::action).filters(),
        Field::of("outcome", &audit_records::outcome).filters(),
        Field::of("actorId", &audit_records::actor_id).filters(),
        Field::of("targetId", &audit_records::target_id).filters(),
        Field::of("sessionId", &audit_records::session_id).filters(),
        Field::of("requestId", &audit_records::request_id).filters(),
    ];
    const SORT: &'static [(Field, bool)] = &[(AT, true)];
    // There are more of them than anybody waits for.
    const COUNTS: bool = false;

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<Record>> {
        let found = audit_records::table
            .filter(audit_records::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<AuditRecord>());
        Ok(found.load::<AuditRecord>(conn)?.into_iter().map(Record::from).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = audit_records::table.filter(audit_records::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditRecord")]
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
