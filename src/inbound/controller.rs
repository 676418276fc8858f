//! What comes in by an inbound webhook, and its secret.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::SecretShown;
use super::events::{self, REFUSED, UNKNOWN_INBOUND};
use super::service;
use crate::base::{InboundWebhookId, Result};
use crate::identity::route::{SUCCESS, Success};
use crate::identity::{Access, Method, Route, Scope};
use crate::permissions::known::WEBHOOK_MANAGE;

pub fn routes() -> Vec<Route> {
    let mut all = vec![
        Route::of_message("/hooks/{tenant}/{hook}", Access::Open, receive)
            .named("inbound.receive", "A message of another program, signed as it signs.")
            .refuses(&[&REFUSED]),
        Route::new(
            Method::Get,
            "/inbound-webhooks/{inboundWebhook}/secret",
            Access::Permission(WEBHOOK_MANAGE),
            show_secret,
        )
        .named("inbound.show_secret", "By what a sender signs. Looking is audited.")
        .refuses(&[&UNKNOWN_INBOUND]),
    ];
    all.extend(service::routes());
    all
}

/// An id that is none is nobody's.
async fn receive(scope: Scope, body: Vec<u8>) -> Result<Success> {
    let id = |name: &str| scope.incoming.params.get(name).cloned().unwrap_or_default();
    let tenant = id("tenant").parse().map_err(|_| REFUSED.because("tenant"))?;
    let hook = id("hook").parse().map_err(|_| REFUSED.because("unknown"))?;
    events::receive(&scope, (tenant, hook), body).await?;
    Ok(SUCCESS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WhichInbound {
    inbound_webhook: InboundWebhookId,
}

async fn show_secret(scope: Scope, which: WhichInbound) -> Result<SecretShown> {
    events::show_secret(&scope, which.inbound_webhook).await
}
