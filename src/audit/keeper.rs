//! Keeps the books: writes refusals down second by second, and takes the samples that no event counts.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::entity;
use crate::base::Result;
use crate::components::metrics::{names, pause_after};
use crate::db::Above;
use crate::identity::House;
use crate::identity::denials::BEAT;

/// Between two counts of live sessions, each of which reads them all.
const RARELY: Duration = Duration::from_secs(60);

pub struct Keeper {
    house: House,
    task: Option<JoinHandle<()>>,
}

impl Keeper {
    pub fn of(house: House) -> Self {
        Self { house, task: None }
    }

    pub fn begin(&mut self) {
        self.task = Some(tokio::spawn(keep(self.house.clone())));
    }

    /// What is still in memory is written before the end.
    pub async fn close(self) -> Result<()> {
        if let Some(task) = self.task {
            task.abort();
            // Ended by us, or long ago: either way it writes no more.
            drop(task.await);
        }
        self.house.denials.write_down(&self.house.db, self.house.clock.now(), true).await?;
        Ok(())
    }
}

async fn keep(house: House) {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = Instant::now();
    loop {
        beat.tick().await;
        let now = house.clock.now();
        if let Err(error) = house.denials.write_down(&house.db, now, false).await {
            tracing::warn!(%error, "refusals could not be written down; they wait");
        }
        metrics::gauge!(names::RECORDER_BYTES).set(as_float(house.recorder.bytes() as u64));
        let began = Instant::now();
        if began >= next {
            sample(&house).await;
            next = began + pause_after(began.elapsed(), RARELY);
        }
    }
}

async fn sample(house: &House) {
    let now = house.clock.now();
    match house.db.above(Above::Housekeeping).read(move |conn| Ok(entity::live_sessions(conn, now)?)).await {
        Ok(live) => metrics::gauge!(names::SESSIONS_LIVE).set(as_float(live.unsigned_abs())),
        Err(error) => tracing::warn!(%error, "live sessions could not be counted"),
    }
}

/// Exact up to four thousand million, which is enough of both.
fn as_float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
