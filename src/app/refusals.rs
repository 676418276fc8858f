//! Writes summed refusals down.

use std::time::Duration;

use crate::components::platform::{Cause, Component};
use crate::guesses;
use crate::identity::house::House;

/// Once a minute, and at the end.
#[derive(Default)]
pub struct Refusals {
    house: Option<House>,
    ticking: Option<tokio::task::JoinHandle<()>>,
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
