//! One try of one delivery: signed, sent, and what was answered written down.

use std::time::{Duration, Instant};

use tracing::instrument;

use super::entity::{Delivery, DeliveryState, Tried, Webhook};
use super::{message, secret};
use crate::base::{DeliveryId, Error, Result};
use crate::components::egress::Outgoing;
use crate::db::tx::Audit;
use crate::identity::job::Outcome;
use crate::identity::{Claimed, Failure, Handler, Scope};
use crate::triggers::envelope::completed;

pub const NAME: &str = "webhooks.deliver";
/// From the first step to the last byte.
const WITHIN: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(20);
/// Of an answer, in bytes: for whoever looks why it was refused.
const SHOWN: usize = 1024;
/// RFC 9110: whoever answers this wants no more.
const GONE: u16 = 410;

pub fn handler() -> Handler {
    Handler::new(NAME, carry).within(PATIENCE)
}

async fn carry(scope: Scope, job: Claimed) -> Outcome {
    let id = job.data.get("delivery").and_then(|id| id.as_str()).and_then(|id| id.parse().ok());
    let Some(id): Option<DeliveryId> = id else {
        return Err(Failure::Never("a delivery without its id".into()));
    };
    let Some(parcel) = found(&scope, id).await? else { return Ok(()) };
    if !parcel.webhook.is_enabled {
        return Ok(ended(&scope, &job, (parcel, DeliveryState::Skipped), Tried::default()).await?);
    }
    let tried = send(&scope, &parcel).await?;
    let is_taken = tried.status.is_some_and(|status| (200..300).contains(&status));
    if is_taken {
        return Ok(ended(&scope, &job, (parcel, DeliveryState::Done), tried).await?);
    }
    let is_over = tried.status == Some(GONE.into()) || job.attempt >= job.max_attempts;
    let words =
        tried.error.clone().unwrap_or_else(|| format!("answered {}", tried.status.unwrap_or_default()));
    if is_over {
        return Ok(ended(&scope, &job, (parcel, DeliveryState::Failed), tried).await?);
    }
    noted(&scope, parcel, tried).await?;
    Err(Failure::Again(words))
}

#[derive(Clone)]
struct Parcel {
    delivery: Delivery,
    webhook: Webhook,
    body: Vec<u8>,
}

async fn found(scope: &Scope, id: DeliveryId) -> Result<Option<Parcel>> {
    let tenant = scope.tenant()?.clone();
    let read = scope.read(move |conn| {
        let Some(delivery) = Delivery::find(conn, tenant.id, id)? else { return Ok(None) };
        let Some(webhook) = Webhook::find(conn, tenant.id, delivery.webhook_id)? else { return Ok(None) };
        let envelope = completed(conn, &tenant, delivery.envelope.0.clone())?;
        let body = message::of(&delivery, &tenant, envelope);
        Ok(Some(Parcel { delivery, webhook, body }))
    });
    read.await
}

#[instrument(name = "webhooks.send", skip_all, fields(delivery = %parcel.delivery.id, trigger = %parcel.delivery.trigger_name))]
async fn send(scope: &Scope, parcel: &Parcel) -> Result<Tried> {
    let now = scope.now();
    let (id, seconds) = (parcel.delivery.id.to_string(), now.seconds().to_string());
    let signed = [id.as_bytes(), b".", seconds.as_bytes(), b".", &parcel.body].concat();
    let signature = secret::signatures(&scope.house.vault, &parcel.webhook, &signed, now)?;
    let url = parcel.webhook.url.parse().map_err(Error::internal)?;
    let headers = vec![
        ("content-type", message::CONTENT_TYPE.to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", seconds),
        ("webhook-signature", signature),
    ];
    let begun = Instant::now();
    let answered =
        scope.house.egress.post(Outgoing { url, headers, body: parcel.body.clone(), within: WITHIN }).await;
    let duration_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    Ok(match answered {
        Ok(answered) => {
            let shown = answered.body.get(..SHOWN.min(answered.body.len())).unwrap_or_default();
            // NUL is no text to PostgreSQL.
            let shown = String::from_utf8_lossy(shown).replace('\0', "\u{fffd}");
            Tried { status: Some(answered.status.into()), error: None, answer: Some(shown), duration_ms }
        }
        Err(why) => Tried { error: Some(why.words().to_owned()), duration_ms, ..Tried::default() },
    })
}

/// The end of it, together with that of its job.
async fn ended(
    scope: &Scope,
    job: &Claimed,
    (parcel, state): (Parcel, DeliveryState),
    tried: Tried,
) -> Result<()> {
    let job = job.clone();
    let write = scope.write(move |tx| {
        parcel.delivery.tried(tx.conn, state, &tried, tx.now)?;
        if tried.status == Some(GONE.into()) && parcel.webhook.switch_off(tx.conn, tx.now)? {
            tx.audit(Audit::success("webhooks.gone").of("webhook", parcel.webhook.id))?;
        }
        job.done_with(tx)
    });
    write.await
}

async fn noted(scope: &Scope, parcel: Parcel, tried: Tried) -> Result<()> {
    let write = scope.write(move |tx| {
        parcel.delivery.tried(tx.conn, DeliveryState::Queued, &tried, tx.now)?;
        Ok(())
    });
    write.await
}
