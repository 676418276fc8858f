//! Actions and their runs, in the database.

use std::collections::BTreeSet;

use diesel::prelude::*;
use serde_json::Value;

use super::handlers::Kind;
use crate::base::{ActionId, ActionRunId, DomainEventId, RoleId, TenantId, Timestamp};
use crate::db::dialect::padded;
use crate::db::schema::{action_runs, actions};
use crate::db::{BothDsl, DbConn, Json, columns};

/// Permissions, by their identifiers.
pub type Rights = BTreeSet<String>;

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = actions, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct Action {
    pub id: ActionId,
    pub tenant_id: TenantId,
    pub name: String,
    pub description: String,
    pub listens: Json<Vec<String>>,
    pub conditions: Json<Value>,
    pub handler: Kind,
    pub configuration: Json<Value>,
    pub throws_on_success: Json<Vec<String>>,
    pub throws_on_failure: Json<Vec<String>>,
    pub priority: i32,
    pub is_enabled: bool,
    pub max_attempts: i32,
    /// What whoever wrote it last held then.
    pub bounds: Json<Rights>,
    pub runs_as: Option<RoleId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Action {
    pub fn find(conn: &mut DbConn, tenant: TenantId, id: ActionId) -> QueryResult<Option<Self>> {
        let this = actions::table.find(id).filter(actions::tenant_id.eq(tenant));
        this.select(columns::<Self>()).get_result(conn).optional()
    }

    /// All that these tenants have switched on, in the order in which they run.
    pub fn enabled(conn: &mut DbConn, tenants: &[TenantId]) -> QueryResult<Vec<Self>> {
        actions::table
            .filter(actions::tenant_id.eq_any(padded(tenants)).and(actions::is_enabled))
            .order((actions::priority, actions::id))
            .select(columns::<Self>())
            .load(conn)
    }

    pub fn count(conn: &mut DbConn, tenant: TenantId) -> QueryResult<i64> {
        actions::table.filter(actions::tenant_id.eq(tenant)).count().get_result(conn)
    }

    /// False when the tenant has one of this name.
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<bool> {
        let insert = diesel::insert_into(actions::table).values(self).on_conflict_do_nothing().both();
        Ok(insert.execute(conn)? == 1)
    }

    pub fn is_named(conn: &mut DbConn, tenant: TenantId, name: &str, but: ActionId) -> QueryResult<bool> {
        let named = actions::table.filter(actions::tenant_id.eq(tenant).and(actions::name.eq(name)));
        let found = named.filter(actions::id.ne(but)).count().get_result::<i64>(conn)?;
        Ok(found > 0)
    }

    /// By its name; for an operator.
    pub fn named(conn: &mut DbConn, tenant: TenantId, name: &str) -> QueryResult<Option<Self>> {
        let this = actions::table.filter(actions::tenant_id.eq(tenant).and(actions::name.eq(name)));
        this.select(columns::<Self>()).get_result(conn).optional()
    }

    pub fn all(conn: &mut DbConn, tenant: TenantId) -> QueryResult<Vec<Self>> {
        let all = actions::table.filter(actions::tenant_id.eq(tenant)).order(actions::name);
        all.select(columns::<Self>()).load(conn)
    }

    pub fn update(&self, conn: &mut DbConn) -> QueryResult<usize> {
        let this = actions::table.find(self.id).filter(actions::tenant_id.eq(self.tenant_id));
        diesel::update(this).set(self).execute(conn)
    }

    pub fn delete(&self, conn: &mut DbConn) -> QueryResult<usize> {
        let this = actions::table.find(self.id).filter(actions::tenant_id.eq(self.tenant_id));
        diesel::delete(this).execute(conn)
    }
}

crate::choice! {
    /// What became of a run.
    RunState {
        Queued = "queued",
        Done = "done",
        /// Its conditions did not hold, or the action was gone or switched off.
        Skipped = "skipped",
        Failed = "failed",
        /// Before it was done: it said no.
        Denied = "denied",
        /// Never begun: its chain was too long.
        Stopped = "stopped",
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = action_runs, treat_none_as_default_value = false)]
pub struct Run {
    pub id: ActionRunId,
    pub tenant_id: TenantId,
    pub action_id: ActionId,
    pub action_name: String,
    pub event_id: DomainEventId,
    pub trigger_name: String,
    /// The event with which the chain began.
    pub chain_id: DomainEventId,
    /// Runs before it in the chain.
    pub depth: i32,
    /// More than this it does not do, whatever its role holds.
    pub bounds: Json<Rights>,
    pub envelope: Json<Value>,
    pub state: RunState,
    pub attempts: i32,
    pub detail: Json<Value>,
    pub last_error: Option<String>,
    pub duration_ms: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// What one try came to.
#[derive(Debug)]
pub struct Ended<'t> {
    pub state: RunState,
    pub attempt: i32,
    pub detail: &'t Value,
    pub error: Option<&'t str>,
    pub duration_ms: i64,
    pub now: Timestamp,
}

impl Run {
    pub fn find(conn: &mut DbConn, tenant: TenantId, id: ActionRunId) -> QueryResult<Option<Self>> {
        let this = action_runs::table.find(id).filter(action_runs::tenant_id.eq(tenant));
        this.select(columns::<Self>()).get_result(conn).optional()
    }

    /// False when this event has reached this action before.
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<bool> {
        let insert = diesel::insert_into(action_runs::table).values(self).on_conflict_do_nothing().both();
        Ok(insert.execute(conn)? == 1)
    }

    /// Which chain a run belongs to, how far it is from its beginning, and what it may do at most. None: it is no run.
    pub fn chain(
        conn: &mut DbConn,
        id: ActionRunId,
    ) -> QueryResult<Option<(DomainEventId, i32, Json<Rights>)>> {
        use action_runs as r;
        r::table.find(id).select((r::chain_id, r::depth, r::bounds)).first(conn).optional()
    }

    pub fn of_chain(conn: &mut DbConn, chain: DomainEventId) -> QueryResult<i64> {
        action_runs::table.filter(action_runs::chain_id.eq(chain)).count().get_result(conn)
    }

    pub fn end(&self, conn: &mut DbConn, ended: &Ended<'_>) -> QueryResult<usize> {
        use action_runs as r;
        let is_over = ended.state != RunState::Queued;
        diesel::update(r::table.find(self.id).filter(r::tenant_id.eq(self.tenant_id)))
            .set((
                (r::state.eq(ended.state), r::attempts.eq(ended.attempt), r::updated_at.eq(ended.now)),
                (r::detail.eq(Json(ended.detail.clone())), r::last_error.eq(ended.error)),
                (r::duration_ms.eq(ended.duration_ms), r::ended_at.eq(is_over.then_some(ended.now))),
            ))
            .execute(conn)
    }
}

/// What is older than it has to be, a bounded number at a time.
pub fn clean(conn: &mut DbConn, than: Timestamp, at_most: i64) -> QueryResult<usize> {
    let old = action_runs::table
        .filter(action_runs::created_at.lt(than))
        .order(action_runs::created_at)
        .select(action_runs::id)
        .limit(at_most);
    let ids: Vec<ActionRunId> = old.load(conn)?;
    diesel::delete(action_runs::table.filter(action_runs::id.eq_any(ids))).execute(conn)
}
