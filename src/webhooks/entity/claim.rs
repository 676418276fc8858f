//! Taking what is due, whosever it is: in order, each row by one node, and of nobody more than their places.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;

use super::{Delivery, DeliveryState, Tried, Webhook};
use crate::base::{DeliveryId, TenantId, Timestamp, WebhookId};
use crate::db::schema::{deliveries, tenants, webhooks};
use crate::db::{BothDsl, DbConn, Locked, columns};

/// Looks of one claim. Each passes by those whose places the look before found taken.
const LOOKS: usize = 4;

/// How many more each may be sent at once.
#[derive(Debug, Clone, Default)]
pub struct Places {
    pub at_most: usize,
    pub of_tenant: usize,
    pub of_webhook: usize,
    /// Where something is on its way, or little is to be sent at once.
    pub tenants: HashMap<TenantId, usize>,
    pub webhooks: HashMap<WebhookId, usize>,
}

impl Places {
    fn take(&mut self, tenant: TenantId, webhook: WebhookId) -> bool {
        let of_tenant = self.tenants.entry(tenant).or_insert(self.of_tenant);
        let of_webhook = self.webhooks.entry(webhook).or_insert(self.of_webhook);
        let is_free = *of_tenant > 0 && *of_webhook > 0;
        if is_free {
            (*of_tenant, *of_webhook) = (*of_tenant - 1, *of_webhook - 1);
        }
        is_free
    }

    fn full<K: Copy>(of: &HashMap<K, usize>) -> Vec<K> {
        of.iter().filter(|(_, places)| **places == 0).map(|(key, _)| *key).collect()
    }
}

#[derive(Debug, Default)]
pub struct Taken {
    pub deliveries: Vec<Delivery>,
    pub webhooks: BTreeMap<WebhookId, Webhook>,
    /// There was more than there were places.
    pub is_cut: bool,
}

pub fn is_due(conn: &mut DbConn, now: Timestamp) -> QueryResult<bool> {
    let due = deliveries::table.filter(deliveries::due_at.assume_not_null().le(now)).select(deliveries::id);
    due.first::<DeliveryId>(conn).optional().map(|found| found.is_some())
}

/// Until then nobody else takes them, and by that time it is known later whose result it is.
pub fn claim(conn: &mut DbConn, mut places: Places, now: Timestamp, until: Timestamp) -> QueryResult<Taken> {
    let (mut picked, mut is_cut): (Vec<DeliveryId>, bool) = (Vec::new(), false);
    for _ in 0..LOOKS {
        let room = places.at_most - picked.len();
        let due = due(conn, &places, (&picked, room), now)?;
        let (found, before) = (due.len(), picked.len());
        for (id, tenant, webhook) in due {
            if places.take(tenant, webhook) {
                picked.push(id);
            }
        }
        is_cut |= found == room || picked.len() - before < found;
        if picked.len() == places.at_most || picked.len() - before == found {
            break;
        }
    }
    if picked.is_empty() {
        return Ok(Taken { is_cut, ..Taken::default() });
    }
    let mut deliveries: Vec<Delivery> =
        diesel::update(deliveries::table.filter(deliveries::id.eq_any(picked)))
            .set(deliveries::due_at.eq(until))
            .returning(columns::<Delivery>())
            .get_results(conn)?;
    deliveries.sort_by_key(|delivery| (delivery.created_at, delivery.id));
    let ids: BTreeSet<WebhookId> = deliveries.iter().map(|delivery| delivery.webhook_id).collect();
    let found = webhooks::table.filter(webhooks::id.eq_any(ids)).select(columns::<Webhook>());
    let webhooks = found.load(conn)?.into_iter().map(|webhook: Webhook| (webhook.id, webhook)).collect();
    Ok(Taken { deliveries, webhooks, is_cut })
}

type Due = Vec<(DeliveryId, TenantId, WebhookId)>;

/// The order is also an index's, so that a long queue costs no more than a short one. Rows that another node is taking at this
/// moment are left to it.
fn due(
    conn: &mut DbConn,
    places: &Places,
    (picked, room): (&[DeliveryId], usize),
    now: Timestamp,
) -> QueryResult<Due> {
    let open = tenants::table
        .filter(tenants::id.eq(deliveries::tenant_id))
        .filter(tenants::suspended_at.is_null().and(tenants::deleted_at.is_null()))
        .select(tenants::id)
        .single_value();
    let query = deliveries::table
        .filter(deliveries::due_at.assume_not_null().le(now))
        .filter(open.is_not_null())
        .filter(deliveries::tenant_id.ne_all(Places::full(&places.tenants)))
        .filter(deliveries::webhook_id.ne_all(Places::full(&places.webhooks)))
        .filter(deliveries::id.ne_all(picked.to_vec()))
        .order((deliveries::due_at, deliveries::id))
        .limit(i64::try_from(room).unwrap_or(i64::MAX))
        .select((deliveries::id, deliveries::tenant_id, deliveries::webhook_id));
    Locked::skipping(query).both().load(conn)
}

/// What became of a try.
#[derive(Debug, Clone)]
pub struct Ended {
    pub id: DeliveryId,
    pub tenant: TenantId,
    /// Until when it was taken.
    pub taken_until: Option<Timestamp>,
    pub state: DeliveryState,
    /// When it is tried again.
    pub due_at: Option<Timestamp>,
    pub tried: Tried,
    /// The webhook as it was called, when it said that it wants no more.
    pub gone: Option<Webhook>,
}

/// False when somebody else has tried it since, or it is gone: what this try found counts for nothing.
pub fn finish(conn: &mut DbConn, ended: &Ended, now: Timestamp) -> QueryResult<bool> {
    use deliveries as d;
    let is_over = ended.state != DeliveryState::Queued;
    let ours = d::table.find(ended.id).filter(d::tenant_id.eq(ended.tenant));
    let ours = ours.filter(d::due_at.eq(ended.taken_until).and(d::state.eq(DeliveryState::Queued)));
    let tried = &ended.tried;
    let rows = diesel::update(ours)
        .set((
            (d::state.eq(ended.state), d::due_at.eq(ended.due_at), d::updated_at.eq(now)),
            d::attempts.eq(d::attempts + i32::from(ended.state != DeliveryState::Skipped)),
            (d::last_status.eq(tried.status), d::last_error.eq(tried.error.as_deref())),
            (d::last_answer.eq(tried.answer.as_deref()), d::duration_ms.eq(tried.duration_ms)),
            d::ended_at.eq(is_over.then_some(now)),
        ))
        .execute(conn)?;
    Ok(rows == 1)
}
