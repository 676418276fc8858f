//! Webhooks and what each was sent, in the database.

pub mod claim;

use diesel::prelude::*;
use serde_json::Value;

use crate::base::{DeliveryId, DomainEventId, TenantId, Timestamp, WebhookId};
use crate::db::dialect::padded;
use crate::db::schema::{deliveries, webhooks};
use crate::db::{BothDsl, DbConn, Json, columns};

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = webhooks, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct Webhook {
    pub id: WebhookId,
    pub tenant_id: TenantId,
    pub url: String,
    pub description: String,
    pub listens: Json<Vec<String>>,
    pub is_enabled: bool,
    /// Whether whoever wrote it last may look at people.
    pub shows_people: bool,
    pub secret_sealed: Vec<u8>,
    /// The one before, by which messages are signed too for a while.
    pub previous_sealed: Option<Vec<u8>>,
    pub previous_until: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Webhook {
    pub fn find(conn: &mut DbConn, tenant: TenantId, id: WebhookId) -> QueryResult<Option<Self>> {
        let this = webhooks::table.find(id).filter(webhooks::tenant_id.eq(tenant));
        this.select(columns::<Self>()).get_result(conn).optional()
    }

    /// Those of them that are there.
    pub fn known(conn: &mut DbConn, tenant: TenantId, ids: &[WebhookId]) -> QueryResult<Vec<WebhookId>> {
        let these = webhooks::table.filter(webhooks::id.eq_any(padded(ids)));
        these.filter(webhooks::tenant_id.eq(tenant)).select(webhooks::id).load(conn)
    }

    pub fn enabled(conn: &mut DbConn, tenants: &[TenantId]) -> QueryResult<Vec<Self>> {
        webhooks::table
            .filter(webhooks::tenant_id.eq_any(padded(tenants)).and(webhooks::is_enabled))
            .order(webhooks::id)
            .select(columns::<Self>())
            .load(conn)
    }

    pub fn count(conn: &mut DbConn, tenant: TenantId) -> QueryResult<i64> {
        webhooks::table.filter(webhooks::tenant_id.eq(tenant)).count().get_result(conn)
    }

    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<usize> {
        diesel::insert_into(webhooks::table).values(self).execute(conn)
    }

    pub fn update(&self, conn: &mut DbConn) -> QueryResult<usize> {
        let this = webhooks::table.find(self.id).filter(webhooks::tenant_id.eq(self.tenant_id));
        diesel::update(this).set(self).execute(conn)
    }

    /// While it still is at this address: what another one answers says nothing of where it is now.
    pub fn switch_off(&self, conn: &mut DbConn, now: Timestamp) -> QueryResult<bool> {
        use webhooks as w;
        let this = w::table.find(self.id).filter(w::tenant_id.eq(self.tenant_id).and(w::url.eq(&self.url)));
        let off = (w::is_enabled.eq(false), w::updated_at.eq(now));
        Ok(diesel::update(this).set(off).execute(conn)? == 1)
    }

    /// With what it was sent.
    pub fn delete(&self, conn: &mut DbConn) -> QueryResult<usize> {
        let this = webhooks::table.find(self.id).filter(webhooks::tenant_id.eq(self.tenant_id));
        diesel::delete(this).execute(conn)
    }
}

crate::choice! {
    DeliveryState {
        Queued = "queued",
        Done = "done",
        /// Nobody took it within a day and more.
        Failed = "failed",
        /// The webhook was switched off by then.
        Skipped = "skipped",
    }
}

/// Rows of one statement: PostgreSQL binds 65,535 values at most.
const TOGETHER: usize = 500;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = deliveries, treat_none_as_default_value = false)]
pub struct Delivery {
    pub id: DeliveryId,
    pub tenant_id: TenantId,
    pub webhook_id: WebhookId,
    pub event_id: DomainEventId,
    pub trigger_name: String,
    pub envelope: Json<Value>,
    pub state: DeliveryState,
    pub attempts: i32,
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    /// The beginning of what was answered last.
    pub last_answer: Option<String>,
    pub duration_ms: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// While it is queued: when it is tried next, or until when somebody is at it.
    pub due_at: Option<Timestamp>,
    /// What is said in a chat, with names that are filled in when it is sent; none where the event itself is told.
    pub text: Option<String>,
}

/// What one try came to.
#[derive(Debug, Clone, Default)]
pub struct Tried {
    pub status: Option<i32>,
    pub error: Option<String>,
    pub answer: Option<String>,
    pub duration_ms: i64,
}

impl Delivery {
    /// Due at once.
    pub fn new(
        (tenant, webhook): (TenantId, WebhookId),
        (event, trigger, envelope): (DomainEventId, String, Value),
        now: Timestamp,
    ) -> Self {
        Self {
            id: DeliveryId::new(),
            tenant_id: tenant,
            webhook_id: webhook,
            event_id: event,
            trigger_name: trigger,
            envelope: Json(envelope),
            state: DeliveryState::Queued,
            attempts: 0,
            last_status: None,
            last_error: None,
            last_answer: None,
            duration_ms: None,
            created_at: now,
            updated_at: now,
            ended_at: None,
            due_at: Some(now),
            text: None,
        }
    }

    pub fn find(conn: &mut DbConn, tenant: TenantId, id: DeliveryId) -> QueryResult<Option<Self>> {
        let this = deliveries::table.find(id).filter(deliveries::tenant_id.eq(tenant));
        this.select(columns::<Self>()).get_result(conn).optional()
    }

    /// Those that are new: an event reaches a webhook once. Says whether there were any.
    pub fn insert(conn: &mut DbConn, all: &[Self]) -> QueryResult<bool> {
        let mut rows = 0;
        // On SQLite nothing is saved by asking together.
        let together = if conn.is_postgres() { TOGETHER } else { 1 };
        for some in all.chunks(together) {
            rows += match (&mut *conn, some) {
                (DbConn::Pg(pg), some) => diesel::insert_into(deliveries::table)
                    .values(some)
                    .on_conflict_do_nothing()
                    .execute(pg)?,
                (conn, [one]) => diesel::insert_into(deliveries::table)
                    .values(one)
                    .on_conflict_do_nothing()
                    .both()
                    .execute(conn)?,
                _ => 0,
            };
        }
        Ok(rows > 0)
    }

    /// Of a webhook's, those that came to nothing between two times, oldest first.
    pub fn failed(
        conn: &mut DbConn,
        webhook: &Webhook,
        (from, to): (Timestamp, Timestamp),
        at_most: i64,
    ) -> QueryResult<Vec<Self>> {
        use deliveries as d;
        d::table
            .filter(d::webhook_id.eq(webhook.id).and(d::created_at.ge(from)).and(d::created_at.lt(to)))
            .filter(d::state.eq(DeliveryState::Failed))
            .order((d::created_at, d::id))
            .limit(at_most)
            .select(columns::<Self>())
            .load(conn)
    }

    pub fn requeue(&self, conn: &mut DbConn, now: Timestamp) -> QueryResult<usize> {
        use deliveries as d;
        let this = d::table.find(self.id).filter(d::tenant_id.eq(self.tenant_id));
        let again = (d::state.eq(DeliveryState::Queued), d::updated_at.eq(now), d::due_at.eq(now));
        diesel::update(this).set((again, d::ended_at.eq(None::<Timestamp>))).execute(conn)
    }
}

/// What is older than it has to be, a bounded number at a time.
pub fn clean(conn: &mut DbConn, than: Timestamp, at_most: i64) -> QueryResult<usize> {
    let old = deliveries::table
        .filter(deliveries::created_at.lt(than))
        .order(deliveries::created_at)
        .select(deliveries::id)
        .limit(at_most);
    let ids: Vec<DeliveryId> = old.load(conn)?;
    diesel::delete(deliveries::table.filter(deliveries::id.eq_any(ids))).execute(conn)
}
