//! Webhooks and what each was sent, in the database.

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
    pub fn find(conn: &mut DbConn, tenant: TenantId, id: DeliveryId) -> QueryResult<Option<Self>> {
        let this = deliveries::table.find(id).filter(deliveries::tenant_id.eq(tenant));
        this.select(columns::<Self>()).get_result(conn).optional()
    }

    /// False when this event has reached this webhook before.
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<bool> {
        let insert = diesel::insert_into(deliveries::table).values(self).on_conflict_do_nothing().both();
        Ok(insert.execute(conn)? == 1)
    }

    pub fn tried(
        &self,
        conn: &mut DbConn,
        state: DeliveryState,
        tried: &Tried,
        now: Timestamp,
    ) -> QueryResult<usize> {
        use deliveries as d;
        let is_over = state != DeliveryState::Queued;
        let ended = is_over.then_some(now);
        diesel::update(d::table.find(self.id).filter(d::tenant_id.eq(self.tenant_id)))
            .set((
                (d::state.eq(state), d::attempts.eq(d::attempts + 1), d::updated_at.eq(now)),
                (d::last_status.eq(tried.status), d::last_error.eq(tried.error.as_deref())),
                (d::last_answer.eq(tried.answer.as_deref()), d::duration_ms.eq(tried.duration_ms)),
                d::ended_at.eq(ended),
            ))
            .execute(conn)
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
        let again = (d::state.eq(DeliveryState::Queued), d::updated_at.eq(now));
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
