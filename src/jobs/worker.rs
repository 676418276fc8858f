//! The worker: claims what is due as places are free, keeps its leases alive, and hands them back when it stops.
//! Started by the roof where the role `work` is set.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::entity::claim::{self, Asking, Taken};
use super::entity::lease::{self, Lease};
use super::{cron, entity, running};
use crate::base::{JobId, Result, TenantId};
use crate::components::metrics::{names, pause_after};
use crate::components::platform::{Cause, Component};
use crate::db::Above;
use crate::identity::{Handler, House};

/// Work in progress may take so long to end when the worker stops; what does not is handed back.
const DRAIN: Duration = Duration::from_secs(20);
/// How often the queue is counted.
const COUNT: Duration = Duration::from_secs(15);
/// Names told of once; more than any other version of this program has.
const TOLD: usize = 256;

pub struct Worker {
    handlers: Vec<Handler>,
    patience: Duration,
    crew: Option<Crew>,
    loops: Vec<JoinHandle<()>>,
}

/// What the loops share.
#[derive(Clone)]
struct Crew {
    house: House,
    handlers: Arc<Vec<Handler>>,
    node: String,
    held: Arc<Mutex<Held>>,
    open: watch::Sender<bool>,
}

#[derive(Default)]
struct Held {
    running: HashMap<Lease, (Option<TenantId>, AbortHandle)>,
    /// Served last: whoever else waits comes first.
    last: HashSet<TenantId>,
}

impl Worker {
    pub fn new(handlers: Vec<Handler>) -> Self {
        Self { handlers, patience: DRAIN, crew: None, loops: Vec::new() }
    }

    /// How long work in progress may take to end when the worker stops.
    pub fn draining(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

impl Component for Worker {
    type Consumes = (House,);
    type Provides = ();

    fn name(&self) -> &'static str {
        "worker"
    }

    async fn init(&mut self, (house,): (House,)) -> Result<(), Cause> {
        let mut names = HashSet::new();
        for handler in &self.handlers {
            if !names.insert(handler.name) {
                return Err(format!("two handlers are called `{}`", handler.name).into());
            }
        }
        self.crew = Some(Crew {
            house,
            handlers: Arc::new(self.handlers.clone()),
            node: JobId::new().to_string(),
            held: Arc::default(),
            open: watch::Sender::new(true),
        });
        Ok(())
    }

    async fn start(&mut self) -> Result<(), Cause> {
        let Some(crew) = &self.crew else { return Ok(()) };
        cron::register(&crew.house, &crew.handlers).await?;
        self.loops = vec![
            tokio::spawn(crew.clone().work()),
            tokio::spawn(crew.clone().stay_alive()),
            tokio::spawn(crew.clone().keep_time()),
        ];
        Ok(())
    }

    async fn drain(&mut self) -> Result<(), Cause> {
        let Some(crew) = &self.crew else { return Ok(()) };
        crew.open.send_replace(false);
        crew.house.work.notify_waiters();
        // The working loop ends when its last job has ended.
        if let Some(work) = self.loops.first_mut()
            && timeout(self.patience, work).await.is_ok()
        {
            self.loops.remove(0);
        }
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Cause> {
        self.loops.drain(..).for_each(|task| task.abort());
        let Some(crew) = self.crew.take() else { return Ok(()) };
        let left = crew.let_go();
        if !left.is_empty() {
            tracing::warn!(jobs = left.len(), "jobs are handed back");
            running::hand_back(&crew.house, left).await?;
        }
        Ok(())
    }
}

impl Crew {
    async fn work(self) {
        let mut running = JoinSet::new();
        let mut open = self.open.subscribe();
        while *open.borrow_and_update() {
            // Listening begins before the look: what is enqueued in between rings all the same.
            let mut rung = std::pin::pin!(self.house.work.notified());
            rung.as_mut().enable();
            let free = self.house.config.jobs.workers.get().saturating_sub(running.len());
            let taken = if free > 0 { self.claim(free).await } else { Vec::new() };
            let found = taken.len();
            for taken in taken {
                self.begin(&mut running, taken);
            }
            if found > 0 && found == free {
                running.join_next().await;
                continue;
            }
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(self.pause()) => {}
                Some(_) = running.join_next(), if !running.is_empty() => {}
                _ = open.changed() => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    fn pause(&self) -> Duration {
        self.house.random.jitter(self.house.config.jobs.poll, 20)
    }

    async fn claim(&self, free: usize) -> Vec<Taken> {
        match self.try_claim(free).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "no work can be claimed");
                Vec::new()
            }
        }
    }

    async fn try_claim(&self, free: usize) -> Result<Vec<Taken>> {
        let asking = self.asking(free);
        let clock = self.house.clock.clone();
        let lease = self.house.config.jobs.lease;
        let claimed = self.house.db.above(Above::Work).write(move |conn| {
            let now = clock.now();
            Ok(claim::claim(conn, &Asking { now, leased_until: now + lease, ..asking.clone() })?)
        });
        let taken = claimed.await?;
        self.held().last = taken.iter().filter_map(|taken| taken.job.tenant_id).collect();
        Ok(taken)
    }

    fn asking(&self, free: usize) -> Asking {
        let now = self.house.clock.now();
        let held = self.held();
        let mut of_tenants: HashMap<TenantId, usize> = HashMap::new();
        for tenant in held.running.values().filter_map(|(tenant, _)| *tenant) {
            *of_tenants.entry(tenant).or_default() += 1;
        }
        let share = self.house.config.jobs.workers.get().div_ceil(4);
        if free == 1 {
            held.last.iter().for_each(|tenant| *of_tenants.entry(*tenant).or_default() += share);
        }
        Asking {
            node: self.node.clone(),
            names: self.handlers.iter().map(|handler| handler.name).collect(),
            at_most: free,
            share,
            held: of_tenants,
            running: held.running.keys().map(|lease| lease.id).collect(),
            now,
            leased_until: now,
        }
    }

    fn begin(&self, running: &mut JoinSet<()>, taken: Taken) {
        let lease = Lease { id: taken.job.id, fence: taken.job.fence };
        let tenant = taken.job.tenant_id;
        let Some(handler) = self.handlers.iter().find(|handler| handler.name == taken.job.name) else {
            return;
        };
        let (house, handler, held) = (self.house.clone(), handler.clone(), self.held.clone());
        // Held before it can end, so that its end finds it.
        let mut book = self.held();
        let abort = running.spawn(async move {
            running::carry_out(house, handler, taken).await;
            held.lock().unwrap_or_else(PoisonError::into_inner).running.remove(&lease);
        });
        book.running.insert(lease, (tenant, abort));
    }

    /// Prolongs the leases, a third of their time at a go. A run whose lease has gone to another is ended.
    async fn stay_alive(self) {
        let lease = self.house.config.jobs.lease;
        let mut beat = interval((lease / 3).max(Duration::from_millis(10)));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let held: Vec<Lease> = self.held().running.keys().copied().collect();
            if held.is_empty() {
                continue;
            }
            let (asked, node, until) = (held.clone(), self.node.clone(), self.house.clock.now() + lease);
            let renewed = self
                .house
                .db
                .above(Above::Work)
                .write(move |conn| Ok(lease::renew(conn, &node, &asked, until)?))
                .await;
            match renewed {
                Ok(ours) => self.end_lost(held.into_iter().filter(|lease| !ours.contains(lease))).await,
                Err(error) => tracing::warn!(%error, "leases could not be renewed"),
            }
        }
    }

    /// One that has just ended is missing from the answer too: only those still held are ended.
    async fn end_lost(&self, lost: impl Iterator<Item = Lease>) {
        for lease in lost {
            let (id, fence) = (lease.id, lease.fence);
            let gone = self
                .house
                .db
                .above(Above::Work)
                .read(move |conn| Ok(lease::is_lost(conn, Lease { id, fence })?))
                .await;
            if !gone.unwrap_or(false) {
                continue;
            }
            if let Some((_, abort)) = self.held().running.remove(&lease) {
                tracing::warn!(job = %lease.id, "the lease went to another worker; this run is ended");
                abort.abort();
            }
        }
    }

    /// The schedule, and the counts that operators look at.
    async fn keep_time(self) {
        let mut told = HashSet::new();
        let mut next = Instant::now();
        loop {
            if let Err(error) = cron::tick(&self.house, &self.handlers).await {
                tracing::warn!(%error, "the schedule could not be read");
            }
            let began = Instant::now();
            if began >= next {
                if let Err(error) = self.count(&mut told).await {
                    tracing::warn!(%error, "the queue could not be counted");
                }
                next = began + pause_after(began.elapsed(), COUNT);
            }
            tokio::time::sleep(self.pause()).await;
        }
    }

    async fn count(&self, told: &mut HashSet<String>) -> Result<()> {
        let names: Vec<&str> = self.handlers.iter().map(|handler| handler.name).collect();
        let now = self.house.clock.now();
        let (counts, unknown, oldest) = self
            .house
            .db
            .above(Above::Work)
            .read(move |conn| {
                let counts = entity::look::counts(conn)?;
                let unknown = entity::look::unknown(conn, &names, now)?;
                Ok((counts, unknown, entity::look::oldest_due(conn, now)?))
            })
            .await?;
        for state in entity::JobState::ALL {
            let count = counts.iter().find(|(known, _)| known == state).map_or(0, |(_, count)| *count);
            metrics::gauge!(names::JOBS, "state" => state.word()).set(count as f64);
        }
        let waits = oldest.map_or(Duration::ZERO, |at| now.since(at));
        metrics::gauge!(names::JOBS_OLDEST_DUE).set(waits.as_secs_f64());
        let all: i64 = unknown.iter().map(|(_, count)| count).sum();
        metrics::gauge!(names::JOBS_UNKNOWN).set(all as f64);
        for (name, count) in unknown {
            if told.len() < TOLD && told.insert(name.clone()) {
                tracing::warn!(%name, count, "jobs of a name that this version does not know are left alone");
            }
        }
        Ok(())
    }

    fn let_go(&self) -> Vec<Lease> {
        let running = std::mem::take(&mut self.held().running);
        running.values().for_each(|(_, abort)| abort.abort());
        running.into_keys().collect()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
