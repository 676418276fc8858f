//! Tenants' cron jobs in the database.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::prelude::*;
use serde_json::Value;

use crate::base::{CronJobId, TenantId, Timestamp};
use crate::db::schema::cron_jobs;
use crate::db::{BothDsl, DbConn, Json, columns};

/// Clocks of two nodes differ by less.
const AHEAD: Duration = Duration::from_secs(300);

crate::choice! {
    /// What counts for times at which nobody could throw it.
    #[derive(Default)]
    Missed {
        /// All of them are thrown once, as soon as somebody can.
        #[default]
        Once = "once",
        Skip = "skip",
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = cron_jobs, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct CronJob {
    pub id: CronJobId,
    /// Always; the rows of the house have none and are not read here.
    pub tenant_id: Option<TenantId>,
    pub name: String,
    pub description: String,
    pub expression: String,
    pub timezone: String,
    pub trigger_name: String,
    pub data: Json<Value>,
    pub missed: Missed,
    /// What whoever wrote it held then: nothing that follows from it does more.
    pub bounds: Json<BTreeSet<String>>,
    pub next_at: Timestamp,
    pub last_at: Option<Timestamp>,
    pub disabled_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl CronJob {
    pub fn find(conn: &mut DbConn, tenant: TenantId, id: CronJobId) -> QueryResult<Option<Self>> {
        let this = cron_jobs::table.find(id).filter(cron_jobs::tenant_id.eq(tenant));
        this.select(columns::<Self>()).get_result(conn).optional()
    }

    pub fn all(conn: &mut DbConn, tenant: TenantId) -> QueryResult<Vec<Self>> {
        let theirs = cron_jobs::table.filter(cron_jobs::tenant_id.eq(tenant)).order(cron_jobs::name);
        theirs.select(columns::<Self>()).load(conn)
    }

    pub fn count(conn: &mut DbConn, tenant: TenantId) -> QueryResult<i64> {
        cron_jobs::table.filter(cron_jobs::tenant_id.eq(tenant)).count().get_result(conn)
    }

    /// False when the tenant has one of this name.
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<bool> {
        let insert = diesel::insert_into(cron_jobs::table).values(self).on_conflict_do_nothing().both();
        Ok(insert.execute(conn)? == 1)
    }

    pub fn is_named(conn: &mut DbConn, tenant: TenantId, name: &str, but: CronJobId) -> QueryResult<bool> {
        let named = cron_jobs::table.filter(cron_jobs::tenant_id.eq(tenant).and(cron_jobs::name.eq(name)));
        Ok(named.filter(cron_jobs::id.ne(but)).count().get_result::<i64>(conn)? > 0)
    }

    pub fn update(&self, conn: &mut DbConn) -> QueryResult<usize> {
        let this = cron_jobs::table.find(self.id).filter(cron_jobs::tenant_id.eq(self.tenant_id));
        diesel::update(this).set(self).execute(conn)
    }

    pub fn delete(&self, conn: &mut DbConn) -> QueryResult<usize> {
        let this = cron_jobs::table.find(self.id).filter(cron_jobs::tenant_id.eq(self.tenant_id));
        diesel::delete(this).execute(conn)
    }

    /// Of all tenants, those that are due, the longest due first.
    pub fn due(conn: &mut DbConn, now: Timestamp, at_most: i64) -> QueryResult<Vec<Self>> {
        use cron_jobs as c;
        let due = c::table.filter(c::tenant_id.is_not_null().and(c::disabled_at.is_null()));
        due.filter(c::next_at.le(now)).order(c::next_at).limit(at_most).select(columns::<Self>()).load(conn)
    }

    /// Those that were thrown by a clock that was ahead: their next time may be years away.
    pub fn ahead(conn: &mut DbConn, now: Timestamp, at_most: i64) -> QueryResult<Vec<Self>> {
        use cron_jobs as c;
        let ahead = c::table.filter(c::tenant_id.is_not_null().and(c::disabled_at.is_null()));
        let ahead = ahead.filter(c::last_at.gt(now + AHEAD));
        ahead.order(c::last_at).limit(at_most).select(columns::<Self>()).load(conn)
    }

    /// True for the one who may throw it: of all who saw the same time, one moves it on.
    pub fn take(
        &self,
        conn: &mut DbConn,
        next: Timestamp,
        (thrown, now): (bool, Timestamp),
    ) -> QueryResult<bool> {
        use cron_jobs as c;
        let this = c::table.find(self.id).filter(c::tenant_id.eq(self.tenant_id));
        let this = this.filter(c::next_at.eq(self.next_at).and(c::updated_at.eq(self.updated_at)));
        let last = if thrown { Some(now) } else { self.last_at.filter(|last| *last <= now) };
        Ok(diesel::update(this).set((c::next_at.eq(next), c::last_at.eq(last))).execute(conn)? == 1)
    }

    /// What no later program understands throws nothing until somebody has written it anew.
    pub fn switch_off(&self, conn: &mut DbConn, now: Timestamp) -> QueryResult<usize> {
        let this = cron_jobs::table.find(self.id).filter(cron_jobs::tenant_id.eq(self.tenant_id));
        diesel::update(this).set(cron_jobs::disabled_at.eq(now)).execute(conn)
    }
}
