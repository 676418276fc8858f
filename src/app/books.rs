//! What requests leave behind in memory, written down by and by.

use crate::audit::keeper::Keeper;
use crate::components::platform::{Cause, Component, Handle};
use crate::identity::House;

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
