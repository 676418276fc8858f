//! `/inbound-webhooks`: where other programs' messages come in, as a service.

use diesel::prelude::*;

use super::answers::InboundShown;
use super::changes::{InboundChange, NewInbound};
use super::entity::Inbound;
use super::events::{self, DUPLICATE_NAME, TOO_MANY_INBOUND, UNKNOWN_INBOUND};
use crate::base::{InboundWebhookId, Result, TenantId};
use crate::db::schema::inbound_webhooks;
use crate::db::{DbConn, columns};
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, Route, Scope};
use crate::permissions::known::WEBHOOK_MANAGE;
use crate::services::{Condition, Field, Resource, Service, View};

const MANAGES: Access = Access::Permission(WEBHOOK_MANAGE);

pub fn routes() -> Vec<Route> {
    Service::<Inbounds>::new()
        .read(MANAGES)
        .create(MANAGES, create)
        .refuses(&[&DUPLICATE_NAME, &TOO_MANY_INBOUND, &DENIED, &UNANSWERED])
        .patch(MANAGES, patch)
        .refuses(&[&UNKNOWN_INBOUND, &DUPLICATE_NAME, &DENIED, &UNANSWERED])
        .remove(MANAGES, remove)
        .refuses(&[&UNKNOWN_INBOUND, &DENIED, &UNANSWERED])
        .routes()
}

struct Inbounds;

impl Resource for Inbounds {
    type Row = InboundShown;
    const PATH: &'static str = "/inbound-webhooks";
    const ONE: &'static str = "inbound webhook";
    const SUBJECT: Option<&'static str> = Some("inboundWebhook");
    const FIELDS: &'static [Field] = &[
        Field::of("id", &inbound_webhooks::id).filters().sorts(),
        Field::of("createdAt", &inbound_webhooks::created_at).filters().sorts(),
        Field::of("updatedAt", &inbound_webhooks::updated_at).filters().sorts(),
        Field::of("name", &inbound_webhooks::name).filters().sorts(),
        Field::of("trigger", &inbound_webhooks::trigger_name).filters(),
    ];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<InboundShown>> {
        let found = inbound_webhooks::table
            .filter(inbound_webhooks::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<Inbound>())
            .load::<Inbound>(conn)?;
        Ok(found.into_iter().map(InboundShown::from).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = inbound_webhooks::table.filter(inbound_webhooks::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

async fn create(scope: Scope, new: NewInbound) -> Result<InboundWebhookId> {
    events::create(&scope, new).await
}

async fn patch(scope: Scope, id: InboundWebhookId, change: InboundChange) -> Result<()> {
    events::change(&scope, id, change).await
}

async fn remove(scope: Scope, id: InboundWebhookId) -> Result<()> {
    events::remove(&scope, id).await
}
