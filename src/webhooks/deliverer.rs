//! The deliverer: takes what is due, sends it, and writes down what came of it. Started by the roof where the role `work` is set.
//!
//! A receiver that is slow, silent or away holds nobody else up: each webhook and each tenant has so many places, and a webhook
//! that failed several times running has one. What is on its way when this process ends is due again, and sent again, as soon
//! as its time is over.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::entity::claim::{self, Ended, Places, Taken};
use super::entity::{Delivery, DeliveryState, Webhook};
use super::message;
use super::sending::{Parcel, WITHIN, attempt};
use crate::base::{Result, TenantId, WebhookId};
use crate::components::platform::{Cause, Component};
use crate::db::Above;
use crate::db::tx::{Audit, Tx};
use crate::identity::{House, Scope};
use crate::triggers::envelope::completed;

/// Sent at once: altogether, of a tenant, of a webhook.
const TOGETHER: usize = 128;
const OF_TENANT: usize = 64;
const OF_WEBHOOK: usize = 32;
/// Tries that came to nothing one after the other, until a webhook has one place.
const BROKEN: u32 = 5;
/// Webhooks of which it is known that they are broken.
const REMEMBERED: usize = 10_000;
/// Between a place that became free and the next look: several become free together.
const BREATH: Duration = Duration::from_millis(3);
/// Results that are written together.
const WRITTEN: usize = 256;

#[derive(Default)]
pub struct Deliverer {
    house: Option<House>,
    open: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Component for Deliverer {
    type Consumes = (House,);
    type Provides = ();

    fn name(&self) -> &'static str {
        "deliverer"
    }

    async fn init(&mut self, (house,): (House,)) -> Result<(), Cause> {
        self.house = Some(house);
        Ok(())
    }

    async fn start(&mut self) -> Result<(), Cause> {
        let Some(house) = self.house.take() else { return Ok(()) };
        let (results, written) = mpsc::unbounded_channel();
        self.open.send_replace(true);
        let crew = Crew { house: house.clone(), held: Arc::default(), results };
        self.tasks =
            vec![tokio::spawn(crew.deliver(self.open.subscribe())), tokio::spawn(write(house, written))];
        Ok(())
    }

    /// What is on its way may arrive, and what came of it is written.
    async fn drain(&mut self) -> Result<(), Cause> {
        self.open.send_replace(false);
        let all = async {
            for task in &mut self.tasks {
                let _ = task.await;
            }
        };
        if timeout(WITHIN + WITHIN / 2, all).await.is_ok() {
            self.tasks.clear();
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        WITHIN * 2
    }

    async fn stop(&mut self) -> Result<(), Cause> {
        self.tasks.drain(..).for_each(|task| task.abort());
        Ok(())
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

/// What the tries share.
#[derive(Clone)]
struct Crew {
    house: House,
    held: Arc<Mutex<Held>>,
    results: UnboundedSender<Ended>,
}

/// What is on its way, and who failed how often since anything was taken.
#[derive(Default)]
struct Held {
    tenants: HashMap<TenantId, usize>,
    webhooks: HashMap<WebhookId, usize>,
    failures: HashMap<WebhookId, u32>,
}

impl Held {
    fn places(&self, at_most: usize) -> Places {
        let left = |most: usize, held: &usize| most.saturating_sub(*held);
        let tenants = self.tenants.iter().map(|(id, held)| (*id, left(OF_TENANT, held))).collect();
        let mut webhooks: HashMap<WebhookId, usize> =
            self.webhooks.iter().map(|(id, held)| (*id, left(OF_WEBHOOK, held))).collect();
        for (id, _) in self.failures.iter().filter(|(_, count)| **count >= BROKEN) {
            webhooks.insert(*id, 1_usize.saturating_sub(self.webhooks.get(id).copied().unwrap_or_default()));
        }
        Places { at_most, of_tenant: OF_TENANT, of_webhook: OF_WEBHOOK, tenants, webhooks }
    }

    fn begin(&mut self, delivery: &Delivery) {
        *self.tenants.entry(delivery.tenant_id).or_default() += 1;
        *self.webhooks.entry(delivery.webhook_id).or_default() += 1;
    }

    fn end(&mut self, (tenant, webhook): (TenantId, WebhookId), is_well: bool) {
        release(&mut self.tenants, tenant);
        release(&mut self.webhooks, webhook);
        if is_well {
            self.failures.remove(&webhook);
        } else if self.failures.len() < REMEMBERED || self.failures.contains_key(&webhook) {
            *self.failures.entry(webhook).or_default() += 1;
        }
    }
}

fn release<K: std::hash::Hash + Eq>(held: &mut HashMap<K, usize>, key: K) {
    if let Some(count) = held.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            held.remove(&key);
        }
    }
}

impl Crew {
    async fn deliver(self, mut open: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        while *open.borrow_and_update() {
            // Listening begins before the look: what comes in between rings all the same.
            let mut rung = std::pin::pin!(self.house.work.notified());
            rung.as_mut().enable();
            let is_cut = self.begin(&mut running).await;
            tokio::select! {
                () = rung => {}
                () = sleep(self.house.random.jitter(self.house.config.jobs.poll, 20)) => {}
                Some(_) = running.join_next(), if is_cut => sleep(BREATH).await,
                _ = open.changed() => {}
            }
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
    }

    /// Sends what there are places for; true when more waits for a place.
    async fn begin(&self, running: &mut JoinSet<()>) -> bool {
        let free = TOGETHER.saturating_sub(running.len());
        if free == 0 {
            return true;
        }
        match self.take(free).await {
            Ok((parcels, is_cut)) => {
                for parcel in parcels {
                    self.held().begin(&parcel.delivery);
                    running.spawn(self.clone().carry(parcel));
                }
                is_cut
            }
            Err(error) => {
                tracing::warn!(error = error.words(), "nothing can be delivered; trying again");
                false
            }
        }
    }

    async fn take(&self, free: usize) -> Result<(Vec<Parcel>, bool)> {
        let (db, clock) = (&self.house.db, self.house.clock.clone());
        let now = clock.now();
        if !db.above(Above::Work).read(move |conn| Ok(claim::is_due(conn, now)?)).await? {
            return Ok((Vec::new(), false));
        }
        let (places, lease) = (self.held().places(free), self.house.config.jobs.lease);
        let claimed = db.above(Above::Work).write(move |conn| {
            let now = clock.now();
            Ok(claim::claim(conn, places.clone(), now, now + lease)?)
        });
        let Taken { deliveries, webhooks, is_cut } = claimed.await?;
        let mut of_tenants: BTreeMap<TenantId, Vec<(Delivery, Webhook)>> = BTreeMap::new();
        for delivery in deliveries {
            if let Some(webhook) = webhooks.get(&delivery.webhook_id).cloned() {
                of_tenants.entry(delivery.tenant_id).or_default().push((delivery, webhook));
            }
        }
        let mut parcels = Vec::new();
        for (tenant, deliveries) in of_tenants {
            // One tenant's trouble is nobody else's: theirs are due again when their time is over.
            let packed = self.packed(tenant, deliveries).await.unwrap_or_else(|error| {
                tracing::warn!(error = error.words(), %tenant, "messages cannot be made; trying again");
                Vec::new()
            });
            parcels.extend(packed);
        }
        Ok((parcels, is_cut))
    }

    async fn packed(&self, tenant: TenantId, deliveries: Vec<(Delivery, Webhook)>) -> Result<Vec<Parcel>> {
        let Some(tenant) = self.house.tenant(tenant).await? else { return Ok(Vec::new()) };
        let packed = self.house.db.within(tenant.id).read(move |conn| {
            let pack = |(delivery, webhook): &(Delivery, Webhook)| {
                let envelope = completed(conn, &tenant, delivery.envelope.0.clone())?;
                let message = message::of((delivery, webhook), &tenant, envelope);
                Ok(Parcel { delivery: delivery.clone(), webhook: webhook.clone(), message })
            };
            deliveries.iter().map(pack).collect()
        });
        packed.await
    }

    async fn carry(self, parcel: Parcel) {
        let key = (parcel.delivery.tenant_id, parcel.delivery.webhook_id);
        let ended = attempt(&self.house, parcel).await;
        let is_well = matches!(ended.state, DeliveryState::Done | DeliveryState::Skipped);
        self.held().end(key, is_well);
        let _ = self.results.send(ended);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came while the last were written is written together. What cannot be is sent again: nobody knows that it arrived.
async fn write(house: House, mut results: UnboundedReceiver<Ended>) {
    let scope = Scope::of_house(house, None);
    let mut some = Vec::new();
    while results.recv_many(&mut some, WRITTEN).await > 0 {
        let all = std::mem::take(&mut some);
        let written =
            scope.write_above(Above::Work, move |tx| all.iter().try_for_each(|ended| keep(tx, ended)));
        if let Err(error) = written.await {
            tracing::warn!(
                error = error.words(),
                "what was delivered cannot be written down; it is sent again"
            );
        }
    }
}

fn keep(tx: &mut Tx, ended: &Ended) -> Result<()> {
    claim::finish(tx.conn, ended, tx.now)?;
    let Some(webhook) = &ended.gone else { return Ok(()) };
    if !webhook.switch_off(tx.conn, tx.now)? {
        return Ok(());
    }
    tx.within(ended.tenant, |tx| tx.audit(Audit::success("webhooks.gone").of("webhook", webhook.id)))
}
