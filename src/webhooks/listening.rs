//! What happened becomes deliveries: one for each webhook that listens.

use std::collections::BTreeSet;

use super::entity::{Delivery, Webhook};
use crate::base::{RecordId, Result, WebhookId};
use crate::db::tx::Tx;
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
        let told = || (event.id, event.trigger.clone(), envelope::of(event));
        deliveries.extend(to.map(|webhook| Delivery::new((tenant, webhook), told(), tx.now)));
    }
    if Delivery::insert(tx.conn, &deliveries)? { tx.ring() } else { Ok(()) }
}
