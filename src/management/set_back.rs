//! Looks after the clock: when it is set back, what had ended by the time before is ended for good, and then the earlier
//! time holds. Started by the roof with every role.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::entity::set_back as entity;
use crate::base::{Result, Timestamp};
use crate::components::clock::SetBack;
use crate::components::platform::{Cause, Component};
use crate::db::Above;
use crate::identity::House;

const GLANCE: Duration = Duration::from_millis(250);
/// What ends while the books are closed ends with the rest.
const MARGIN: Duration = Duration::from_secs(5);
/// By then nobody writes any more who asked for the time before: no statement takes longer.
const STRAGGLERS: Duration = Duration::from_secs(40);
const RARELY: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Timekeeper {
    house: Option<House>,
    task: Option<JoinHandle<()>>,
}

impl Component for Timekeeper {
    type Consumes = (House,);
    type Provides = ();

    fn name(&self) -> &'static str {
        "timekeeper"
    }

    async fn init(&mut self, (house,): (House,)) -> Result<(), Cause> {
        self.house = Some(house);
        Ok(())
    }

    async fn start(&mut self) -> Result<(), Cause> {
        self.task = self.house.take().map(|house| tokio::spawn(keep(house)));
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Cause> {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        Ok(())
    }
}

async fn keep(house: House) {
    let mut glance = interval(GLANCE);
    glance.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut stragglers, mut said) = (None, None);
    loop {
        glance.tick().await;
        if house.clock.is_lost() && said.is_none_or(|at: Instant| at.elapsed() >= RARELY) {
            said = Some(Instant::now());
            tracing::error!("this machine's clock says a time that cannot be: its own count goes on");
        }
        if let Some(step) = house.clock.is_behind() {
            match set_back(&house, step).await {
                Ok(()) => stragglers = Some(Instant::now() + STRAGGLERS),
                Err(error) => tracing::warn!(%error, "the clock was set back; the time before holds on"),
            }
        }
        if stragglers.is_some_and(|at| Instant::now() >= at) {
            match bring_back(&house, house.clock.now()).await {
                Ok(()) => stragglers = None,
                Err(error) => {
                    tracing::warn!(%error, "what was made later than now could not be brought back")
                }
            }
        }
    }
}

/// The earlier time holds once all that had ended is ended; where that takes too long, once more.
pub async fn set_back(house: &House, step: SetBack) -> Result<()> {
    let seconds = step.from.since(step.to).as_secs_f64();
    let step = SetBack { from: step.from + MARGIN, ..step };
    for sql in entity::ENDED {
        house.db.above(Above::Housekeeping).write(move |conn| Ok(entity::end(conn, sql, step)?)).await?;
    }
    let life = house.config.lifetimes.code;
    house
        .db
        .above(Above::Housekeeping)
        .write(move |conn| Ok(entity::strike_codes(conn, step, life)?))
        .await?;
    bring_back(house, step.to).await?;
    if house.clock.now() > step.from {
        return Ok(());
    }
    house.clock.set_back(step);
    house.forget_all();
    tracing::warn!(seconds, "the clock was set back: what had ended by the time before stays ended");
    Ok(())
}

async fn bring_back(house: &House, to: Timestamp) -> Result<()> {
    for sql in entity::LATER {
        house.db.above(Above::Housekeeping).write(move |conn| Ok(entity::bring_back(conn, sql, to)?)).await?;
    }
    let until = to + house.config.jobs.lease;
    house.db.above(Above::Housekeeping).write(move |conn| Ok(entity::shorten_leases(conn, until)?)).await?;
    Ok(())
}
