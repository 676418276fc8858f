//! `/webhooks` and `/deliveries`: whom a tenant tells, and what each was sent, as services.

pub mod deliveries;

use diesel::prelude::*;

use super::answers::WebhookShown;
use super::changes::{NewWebhook, WebhookChange};
use super::entity::Webhook;
use super::events::{self, TOO_MANY_WEBHOOKS, UNKNOWN_WEBHOOK};
use crate::base::{Result, TenantId, WebhookId};
use crate::db::schema::webhooks;
use crate::db::{DbConn, columns};
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, Route, Scope};
use crate::permissions::known::WEBHOOK_MANAGE;
use crate::services::{Condition, Field, Resource, Service, View};

const MANAGES: Access = Access::Permission(WEBHOOK_MANAGE);

pub fn routes() -> Vec<Route> {
    Service::<Webhooks>::new()
        .read(MANAGES)
        .create(MANAGES, create)
        .refuses(&[&TOO_MANY_WEBHOOKS, &DENIED, &UNANSWERED])
        .patch(MANAGES, patch)
        .refuses(&[&UNKNOWN_WEBHOOK, &DENIED, &UNANSWERED])
        .remove(MANAGES, remove)
        .refuses(&[&UNKNOWN_WEBHOOK, &DENIED, &UNANSWERED])
        .routes()
}

struct Webhooks;

impl Resource for Webhooks {
    type Row = WebhookShown;
    const PATH: &'static str = "/webhooks";
    const ONE: &'static str = "webhook";
    const SUBJECT: Option<&'static str> = Some("webhook");
    const FIELDS: &'static [Field] = &[
        Field::of("id", &webhooks::id).filters().sorts(),
        Field::of("createdAt", &webhooks::created_at).filters().sorts(),
        Field::of("updatedAt", &webhooks::updated_at).filters().sorts(),
        Field::of("url", &webhooks::url).filters().sorts(),
        Field::of("isEnabled", &webhooks::is_enabled).filters(),
    ];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<WebhookShown>> {
        let found = webhooks::table
            .filter(webhooks::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<Webhook>())
            .load::<Webhook>(conn)?;
        Ok(found.into_iter().map(WebhookShown::from).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = webhooks::table.filter(webhooks::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

async fn create(scope: Scope, new: NewWebhook) -> Result<WebhookId> {
    events::create(&scope, new).await
}

async fn patch(scope: Scope, id: WebhookId, change: WebhookChange) -> Result<()> {
    events::change(&scope, id, change).await
}

async fn remove(scope: Scope, id: WebhookId) -> Result<()> {
    events::remove(&scope, id).await
}
