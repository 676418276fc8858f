//! Workers for tests: beside a server that does no work itself, with handlers of the test's own.

use std::time::{Duration, Instant};

use doorward::base::{JobId, TenantId};
use doorward::components::config::Config;
use doorward::components::platform::Platform;
use doorward::db::Above;
use doorward::db::tx::Work;
use doorward::identity::{Handler, Scope};
use doorward::jobs::entity::Job;
use doorward::jobs::entity::claim::{Asking, Taken, claim};
use doorward::jobs::entity::look::{self, Wanted};
use doorward::jobs::worker::Worker;

use super::Ground;
use super::app::{self, App};

/// As long as something may take that happens by itself, a busy machine included.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that leaves the work to the test's workers, who look often.
pub fn idle(ground: &Ground) -> Config {
    let mut config = app::config(ground);
    config.roles.work = false;
    config.jobs.poll = Duration::from_millis(20);
    config
}

/// Until it is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl App {
    pub async fn worker(&self, handlers: Vec<Handler>) -> Platform {
        self.hire(Worker::new(handlers)).await
    }

    pub async fn hire(&self, worker: Worker) -> Platform {
        let platform = Platform::builder(&self.clock)
            .given("house", self.running.house.clone())
            .required(worker)
            .build()
            .unwrap();
        platform.start().await.unwrap();
        platform
    }

    pub async fn enqueue(&self, tenant: Option<TenantId>, works: Vec<Work>) {
        let house = self.running.house.clone();
        let tenant = match tenant {
            Some(id) => house.tenant(id).await.unwrap(),
            None => None,
        };
        let works = std::sync::Mutex::new(works);
        let scope = Scope::of_house(house, tenant);
        let enqueued = scope
            .write(move |tx| works.lock().unwrap().drain(..).try_for_each(|work| tx.enqueue(work).map(drop)));
        enqueued.await.unwrap();
    }

    /// All jobs of a name, oldest first.
    pub fn jobs(&self, name: &str) -> Vec<Job> {
        let wanted = Wanted { name: Some(name.into()), ..Wanted::default() };
        look::page(&mut self.ground.connect(), &wanted, None, 10_000).unwrap()
    }

    pub fn job(&self, id: JobId) -> Job {
        let wanted = Wanted { from: Some(id), to: Some(id), ..Wanted::default() };
        look::page(&mut self.ground.connect(), &wanted, None, 1).unwrap().remove(0)
    }

    /// A claim as a worker makes it that is then never heard of again.
    pub async fn claim(&self, node: &str, name: &'static str, at_most: usize) -> Vec<Taken> {
        let now = self.clock.now();
        let asking = Asking {
            node: node.into(),
            names: vec![name],
            at_most,
            share: at_most,
            held: Default::default(),
            running: Vec::new(),
            now,
            leased_until: now + Duration::from_secs(60),
        };
        self.running
            .house
            .db
            .above(Above::Operator)
            .write(move |conn| Ok(claim(conn, &asking)?))
            .await
            .unwrap()
    }
}
