//! What happened becomes deliveries: one for each webhook that listens.

use std::collections::BTreeSet;

use super::entity::{Delivery, DeliveryState, Webhook};
use crate::base::{DeliveryId, RecordId, Result, TenantId, Timestamp, WebhookId};
use crate::db::Json;
use crate::db::tx::Tx;
use crate::triggers::entity::Event;
use crate::triggers::envelope;
use crate::triggers::outbox::{HeardBy, Listener, Listening};

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

fn begin(tx: &mut Tx, heard: &[HeardBy<'_>]) -> Result<()> {
    let Some(tenant) = tx.tenant() else { return Ok(()) };
    let webhooks: BTreeSet<WebhookId> =
        heard.iter().flat_map(|(_, ids)| ids.iter().map(|id| WebhookId::of(id.0))).collect();
    let webhooks: Vec<WebhookId> = webhooks.into_iter().collect();
    // One that was taken away meanwhile is told nothing.
    let known: BTreeSet<WebhookId> = Webhook::known(tx.conn, tenant, &webhooks)?.into_iter().collect();
    let mut deliveries = Vec::new();
    for (event, ids) in heard {
        let to = ids.iter().map(|id| WebhookId::of(id.0)).filter(|webhook| known.contains(webhook));
        deliveries.extend(to.map(|webhook| delivery((event, tenant), webhook, tx.now)));
    }
    if Delivery::insert(tx.conn, &deliveries)? { tx.ring() } else { Ok(()) }
}

fn delivery((event, tenant): (&Event, TenantId), webhook: WebhookId, now: Timestamp) -> Delivery {
    Delivery {
        id: DeliveryId::new(),
        tenant_id: tenant,
        webhook_id: webhook,
        event_id: event.id,
        trigger_name: event.trigger.clone(),
        envelope: Json(envelope::of(event)),
        state: DeliveryState::Queued,
        attempts: 0,
        last_status: None,
        last_error: None,
        last_answer: None,
        duration_ms: None,
        created_at: now,
        updated_at: now,
        ended_at: None,
        due_at: Some(now),
    }
}
