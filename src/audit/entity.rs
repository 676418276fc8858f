//! Audit records in the database. They are read and never changed.

pub mod followed;

use diesel::prelude::*;

use crate::base::{AuditId, RecordId, RequestId, SessionId, TenantId, Timestamp, UserId};
use crate::db::schema::{audit_records, sessions};
use crate::db::{ActorKind, DbConn, Json, Outcome, columns};

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = audit_records)]
pub struct AuditRecord {
    pub id: AuditId,
    pub tenant_id: Option<TenantId>,
    pub action: String,
    pub outcome: Outcome,
    pub reason: Option<String>,
    pub actor_kind: ActorKind,
    pub actor_id: Option<RecordId>,
    pub on_behalf_of: Option<UserId>,
    pub target_kind: Option<String>,
    pub target_id: Option<RecordId>,
    pub session_id: Option<SessionId>,
    pub request_id: Option<RequestId>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub count: i64,
    pub data: Json<serde_json::Value>,
    pub created_at: Timestamp,
}

/// A request writes a handful; a sum may carry the id of its first.
const OF_A_REQUEST: i64 = 100;

/// All that a request left, oldest first; in one tenant, or for operators in all.
pub fn of_request(
    conn: &mut DbConn,
    tenant: Option<TenantId>,
    request: RequestId,
) -> QueryResult<Vec<AuditRecord>> {
    use audit_records as a;
    let mut query = a::table.filter(a::request_id.eq(request)).select(columns::<AuditRecord>()).into_boxed();
    if let Some(tenant) = tenant {
        query = query.filter(a::tenant_id.eq(tenant));
    }
    query.order((a::created_at, a::id)).limit(OF_A_REQUEST).load(conn)
}

pub fn live_sessions(conn: &mut DbConn, now: Timestamp) -> QueryResult<i64> {
    let live = sessions::table.filter(sessions::revoked_at.is_null());
    live.filter(sessions::idle_expires_at.gt(now)).count().get_result(conn)
}
