//! What happened becomes deliveries: one for each webhook that listens.

use serde_json::json;

use super::delivering;
use super::entity::{Delivery, DeliveryState, Webhook};
use crate::base::{DeliveryId, RecordId, Result, WebhookId};
use crate::db::Json;
use crate::db::tx::{Tx, Work};
use crate::triggers::entity::Event;
use crate::triggers::envelope;
use crate::triggers::outbox::{Listener, Listening};

pub fn listener() -> Listener {
    let enabled = |conn: &mut _, tenants: &_| {
        let listening = |webhook: Webhook| Listening {
            id: RecordId::of(webhook.id.0),
            tenant: webhook.tenant_id,
            listens: webhook.listens.0,
            since: webhook.created_at,
        };
        Ok(Webhook::enabled(conn, tenants)?.into_iter().map(listening).collect())
    };
    Listener { enabled, begin }
}

fn begin(tx: &mut Tx, event: &Event, ids: &[RecordId]) -> Result<()> {
    let Some(tenant) = tx.tenant() else { return Ok(()) };
    for id in ids {
        let Some(webhook) = Webhook::find(tx.conn, tenant, WebhookId::of(id.0))? else { continue };
        let delivery = Delivery {
            id: DeliveryId::new(),
            tenant_id: tenant,
            webhook_id: webhook.id,
            event_id: event.id,
            trigger_name: event.trigger.clone(),
            envelope: Json(envelope::of(event)),
            state: DeliveryState::Queued,
            attempts: 0,
            last_status: None,
            last_error: None,
            last_answer: None,
            duration_ms: None,
            created_at: tx.now,
            updated_at: tx.now,
            ended_at: None,
        };
        if delivery.insert(tx.conn)? {
            send(tx, &delivery)?;
        }
    }
    Ok(())
}

pub fn send(tx: &mut Tx, delivery: &Delivery) -> Result<()> {
    tx.enqueue(Work::delivery(delivering::NAME, json!({ "delivery": delivery.id }))).map(drop)
}
