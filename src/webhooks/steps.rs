//! What other rooms send by a webhook, inside their own transaction.

use serde_json::Value;

use super::entity::{Delivery, Webhook};
use super::events::UNKNOWN_WEBHOOK;
use crate::base::{DomainEventId, Error, RecordId, Result, WebhookId};
use crate::db::tx::Tx;

/// Tells it of what happened. An event reaches a webhook once: false when it is told already.
pub fn tell(tx: &mut Tx, webhook: WebhookId, envelope: &Value) -> Result<bool> {
    let event = envelope.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    let event = event.ok_or_else(|| Error::internal("an envelope without its event"))?;
    send(tx, webhook, (event, envelope, None))
}

/// Says something in the chat behind it: of one event several things may be said, each by another cause.
pub fn say(
    tx: &mut Tx,
    webhook: WebhookId,
    (cause, envelope, text): (RecordId, &Value, &str),
) -> Result<bool> {
    send(tx, webhook, (DomainEventId::of(cause.0), envelope, Some(text)))
}

fn send(
    tx: &mut Tx,
    webhook: WebhookId,
    (event, envelope, text): (DomainEventId, &Value, Option<&str>),
) -> Result<bool> {
    let tenant = tx.tenant().ok_or_else(|| Error::internal("a message of nobody"))?;
    Webhook::find(tx.conn, tenant, webhook)?.ok_or_else(|| UNKNOWN_WEBHOOK.error())?;
    let trigger = envelope.get("event").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut envelope = envelope.clone();
    if let Value::Object(members) = &mut envelope {
        // Who they are is asked anew when it is sent, and told to whom it may be.
        members.remove("user");
        members.remove("tenant");
    }
    let delivery = Delivery {
        text: text.map(str::to_owned),
        ..Delivery::new((tenant, webhook), (event, trigger, envelope), tx.now)
    };
    let is_new = Delivery::insert(tx.conn, &[delivery])?;
    if is_new {
        tx.ring()?;
    }
    Ok(is_new)
}
