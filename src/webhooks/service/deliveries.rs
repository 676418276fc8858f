//! `/deliveries`: what each webhook was sent, newest first.

use diesel::prelude::*;

use crate::base::{DeliveryId, Result, TenantId};
use crate::db::schema::deliveries;
use crate::db::{DbConn, columns};
use crate::identity::{Access, Nothing, Route, Scope};
use crate::permissions::known::WEBHOOK_MANAGE;
use crate::services::{Condition, Field, Resource, Service, View};
use crate::webhooks::answers::DeliveryShown;
use crate::webhooks::entity::Delivery;
use crate::webhooks::events::{self, NOT_OVER, UNKNOWN_DELIVERY};

const MANAGES: Access = Access::Permission(WEBHOOK_MANAGE);

pub fn routes() -> Vec<Route> {
    Service::<Deliveries>::new()
        .read(MANAGES)
        .method("resend", "Send a message again, whatever became of it.", MANAGES, resend)
        .refuses(&[&UNKNOWN_DELIVERY, &NOT_OVER])
        .routes()
}

struct Deliveries;

const CREATED: Field = Field::of("createdAt", &deliveries::created_at).filters().sorts();

impl Resource for Deliveries {
    type Row = DeliveryShown;
    const PATH: &'static str = "/deliveries";
    const ONE: &'static str = "delivery";
    // Thousands may come of one morning.
    const COUNTS: bool = false;
    const FIELDS: &'static [Field] = &[
        Field::of("id", &deliveries::id).filters().sorts(),
        CREATED,
        Field::of("webhook", &deliveries::webhook_id).filters(),
        Field::of("event", &deliveries::event_id).filters(),
        Field::of("trigger", &deliveries::trigger_name).filters(),
        Field::of("state", &deliveries::state).filters(),
    ];
    const SORT: &'static [(Field, bool)] = &[(CREATED, true)];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<DeliveryShown>> {
        let found = deliveries::table
            .filter(deliveries::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<Delivery>())
            .load::<Delivery>(conn)?;
        Ok(found.into_iter().map(DeliveryShown::from).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = deliveries::table.filter(deliveries::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

async fn resend(scope: Scope, id: DeliveryId, _: Nothing) -> Result<()> {
    events::resend(&scope, id).await
}
