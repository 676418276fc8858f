//! One try of one delivery: signed, sent, and what came of it.

use std::time::{Duration, Instant};

use tracing::instrument;

use super::entity::claim::Ended;
use super::entity::{Delivery, DeliveryState, Tried, Webhook};
use super::message::Message;
use super::secret;
use crate::base::{Error, Result};
use crate::components::egress::Outgoing;
use crate::identity::House;
use crate::jobs::backoff;

/// From the first step to the last byte.
pub const WITHIN: Duration = Duration::from_secs(10);
/// They span more than a day.
const TRIES: i32 = 20;
/// Of an answer, in bytes: for whoever looks why it was refused.
const SHOWN: usize = 1024;
/// RFC 9110: whoever answers this wants no more.
const GONE: i32 = 410;

/// What is sent, and to whom.
#[derive(Debug, Clone)]
pub struct Parcel {
    pub delivery: Delivery,
    pub webhook: Webhook,
    pub message: Message,
}

/// Tries it once. What keeps us from trying is ours to mend, and the receiver misses nothing by it.
pub async fn attempt(house: &House, parcel: Parcel) -> Ended {
    let Parcel { delivery, webhook, .. } = &parcel;
    let ended = |state, due_at, tried, gone| Ended {
        id: delivery.id,
        tenant: delivery.tenant_id,
        taken_until: delivery.due_at,
        state,
        due_at,
        tried,
        gone,
    };
    if !webhook.is_enabled {
        return ended(DeliveryState::Skipped, None, Tried::default(), None);
    }
    let tried = send(house, &parcel).await.unwrap_or_else(|error| {
        tracing::error!(%error, delivery = %delivery.id, "a message could not be made");
        Tried { error: Some("It could not be made here.".into()), ..Tried::default() }
    });
    if tried.status.is_some_and(|status| (200..300).contains(&status)) {
        return ended(DeliveryState::Done, None, tried, None);
    }
    let gone = (tried.status == Some(GONE)).then(|| webhook.clone());
    let attempt = delivery.attempts + 1;
    if gone.is_some() || attempt >= TRIES {
        return ended(DeliveryState::Failed, None, tried, gone);
    }
    let due_at = house.clock.now() + backoff::after(attempt, house.random);
    ended(DeliveryState::Queued, Some(due_at), tried, None)
}

#[instrument(name = "webhooks.send", skip_all, fields(delivery = %parcel.delivery.id, trigger = %parcel.delivery.trigger_name))]
async fn send(house: &House, parcel: &Parcel) -> Result<Tried> {
    let id = parcel.delivery.id.to_string();
    let outgoing = signed(house, (&parcel.webhook, id), (parcel.message.clone(), WITHIN))?;
    let begun = Instant::now();
    let answered = house.egress.post(outgoing).await;
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

/// A message by its id, as the webhook's receiver takes it.
pub fn signed(
    house: &House,
    (webhook, id): (&Webhook, String),
    (Message { content_type, body }, within): (Message, Duration),
) -> Result<Outgoing> {
    let now = house.clock.now();
    let seconds = now.seconds().to_string();
    let signed = [id.as_bytes(), b".", seconds.as_bytes(), b".", &body].concat();
    let signature = secret::signatures(&house.vault, webhook, &signed, now)?;
    let headers = vec![
        ("content-type", content_type.to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", seconds),
        ("webhook-signature", signature),
    ];
    let url = webhook.url.parse().map_err(Error::internal)?;
    Ok(Outgoing { url, headers, body, within })
}
