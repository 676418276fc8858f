//! What belongs to one webhook: its secret, and what it missed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::{Replayed, SecretShown};
use super::events::{self, UNKNOWN_WEBHOOK};
use super::service;
use crate::base::{Result, Timestamp, WebhookId};
use crate::identity::{Access, Method, Route, Scope};
use crate::permissions::known::WEBHOOK_MANAGE;

const MANAGES: Access = Access::Permission(WEBHOOK_MANAGE);

pub fn routes() -> Vec<Route> {
    let mut all = vec![
        Route::new(Method::Get, "/webhooks/{webhook}/secret", MANAGES, show_secret)
            .named("webhooks.show_secret", "By what a webhook's messages are signed. Looking is audited.")
            .refuses(&[&UNKNOWN_WEBHOOK]),
        Route::new(Method::Post, "/webhooks/{webhook}/rotate-secret", MANAGES, rotate_secret)
            .named(
                "webhooks.rotate_secret",
                "A new secret. For a day messages are signed by the one before, too.",
            )
            .refuses(&[&UNKNOWN_WEBHOOK]),
        Route::new(Method::Post, "/webhooks/{webhook}/replay", MANAGES, replay)
            .named("webhooks.replay", "Send again what nobody took between two times, 500 at a go.")
            .refuses(&[&UNKNOWN_WEBHOOK]),
    ];
    all.extend(service::routes());
    all.extend(service::deliveries::routes());
    all
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichWebhook {
    webhook: WebhookId,
}

async fn show_secret(scope: Scope, body: WhichWebhook) -> Result<SecretShown> {
    events::show_secret(&scope, body.webhook).await
}

async fn rotate_secret(scope: Scope, body: WhichWebhook) -> Result<SecretShown> {
    events::rotate_secret(&scope, body.webhook).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    webhook: WebhookId,
    from: Timestamp,
    /// Not included.
    to: Timestamp,
}

async fn replay(scope: Scope, body: Range) -> Result<Replayed> {
    events::replay(&scope, body.webhook, (body.from, body.to)).await
}
