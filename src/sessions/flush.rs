//! Writes down once a minute when sessions were last used. Started by the roof where requests are served; what is
//! gathered is written once more when it stops.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval_at};

use super::device::Seen;
use super::entity;
use crate::base::Result;
use crate::components::platform::{Cause, Component};
use crate::db::Above;
use crate::identity::House;

const EACH: Duration = Duration::from_secs(60);
/// Rows that one transaction changes.
const BATCH: usize = 500;

#[derive(Default)]
pub struct Flush {
    house: Option<House>,
    task: Option<JoinHandle<()>>,
}

impl Component for Flush {
    type Consumes = (House,);
    type Provides = ();

    fn name(&self) -> &'static str {
        "last-seen"
    }

    async fn init(&mut self, (house,): (House,)) -> Result<(), Cause> {
        self.house = Some(house);
        Ok(())
    }

    async fn start(&mut self) -> Result<(), Cause> {
        self.task = self.house.clone().map(|house| tokio::spawn(keep_flushing(house)));
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Cause> {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        match self.house.take() {
            Some(house) => Ok(flush(&house).await?),
            None => Ok(()),
        }
    }
}

async fn keep_flushing(house: House) {
    let mut minute = interval_at(tokio::time::Instant::now() + EACH, EACH);
    minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        minute.tick().await;
        if let Err(error) = flush(&house).await {
            tracing::warn!(%error, "last-seen times could not be written");
        }
    }
}

/// In the order of their ids, the one lock order, and a few hundred a transaction.
pub async fn flush(house: &House) -> Result<()> {
    let mut seen: Vec<Seen> =
        house.seen.take().into_iter().map(|(session, at)| Seen { session, at }).collect();
    seen.sort_by_key(|seen| seen.session);
    for batch in seen.chunks(BATCH) {
        let batch = batch.to_vec();
        house.db.above(Above::Housekeeping).write(move |conn| Ok(entity::touch(conn, &batch)?)).await?;
    }
    Ok(())
}
