//! What requests leave behind in memory, written down by and by.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::audit::keeper::Keeper;
use crate::components::platform::{Cause, Component, Handle};
use crate::guesses;
use crate::identity::House;

/// Writes summed refusals down, once a minute and at the end.
#[derive(Default)]
pub struct Refusals {
    house: Option<House>,
    ticking: Option<JoinHandle<()>>,
}

impl Component for Refusals {
    type Consumes = (House,);
    type Provides = ();

    fn name(&self) -> &'static str {
        "refusals"
    }

    async fn init(&mut self, (house,): (House,)) -> Result<(), Cause> {
        self.house = Some(house);
        Ok(())
    }

    async fn start(&mut self) -> Result<(), Cause> {
        let Some(house) = self.house.clone() else { return Ok(()) };
        self.ticking = Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(60)).await;
                if let Err(error) = guesses::events::write_down(&house).await {
                    tracing::error!(%error, "summed refusals were not written");
                }
            }
        }));
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Cause> {
        if let Some(ticking) = self.ticking.take() {
            ticking.abort();
        }
        if let Some(house) = self.house.take() {
            guesses::events::write_down(&house).await?;
        }
        Ok(())
    }
}

/// Writes down, second by second, what requests leave behind in memory.
#[derive(Default)]
pub struct Books(Option<Keeper>);

/// Whoever makes entries consumes this, and so is stopped before the books are closed.
#[derive(Clone, Copy, Debug)]
pub struct Open;

impl Handle for Open {}

impl Component for Books {
    type Consumes = (House,);
    type Provides = Open;

    fn name(&self) -> &'static str {
        "bookkeeping"
    }

    async fn init(&mut self, (house,): (House,)) -> Result<Open, Cause> {
        self.0 = Some(Keeper::of(house));
        Ok(Open)
    }

    async fn start(&mut self) -> Result<(), Cause> {
        self.0.iter_mut().for_each(Keeper::begin);
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Cause> {
        match self.0.take() {
            Some(keeper) => Ok(keeper.close().await?),
            None => Ok(()),
        }
    }
}
