//! The component kernel: what a component is, and how components are built, started, watched and stopped.
//!
//! A component says in types what it consumes and what it provides. The kernel checks the whole graph before
//! anything happens, initialises and starts what does not depend on each other at the same time, and stops in
//! reverse. There is no look-up by name: what a component did not declare it cannot reach.
//!
//! Read on in `graph.rs` (building), `start.rs` and `stop.rs` (running), `watch.rs` (looking on).

mod consumes;
mod graph;
mod node;
mod start;
mod stop;
#[cfg(test)]
mod tests;
mod watch;

use std::error::Error;
use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

pub use consumes::{Consumes, Handle, Lender, Need, Wanted};
pub use graph::{Builder, Unsound};
pub use start::NotStarted;
pub use stop::Outcome;
pub use watch::{State, Status, Watch};

/// Why a component could not do what was asked of it. Becomes part of a sentence that people read.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Something with a life: `init`, `start`, `drain`, `stop`, once each and in this order.
///
/// `stop` is called for every component whose `init` succeeded, also when its `start` failed or never came.
///
/// What a component did not declare does not compile:
///
/// ```compile_fail,E0053
/// use doorward::components::{Clock, Random};
/// use doorward::components::platform::{Cause, Component};
///
/// struct Greedy;
///
/// impl Component for Greedy {
///     type Consumes = (Clock,);
///     type Provides = ();
///
///     fn name(&self) -> &'static str {
///         "greedy"
///     }
///
///     async fn init(&mut self, (clock, random): (Clock, Random)) -> Result<(), Cause> {
///         Ok(())
///     }
/// }
/// ```
pub trait Component: Send + 'static {
    /// A tuple of handles. `Option<H>` where the component can live without, or its provider is optional.
    type Consumes: Consumes;
    /// The handle that is lent to others; `()` if there is nothing to lend.
    type Provides: Handle;

    fn name(&self) -> &'static str;

    /// How long each of its steps may take.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Gets hold of what it needs, and does not act on its own yet.
    fn init(
        &mut self,
        consumed: Self::Consumes,
    ) -> impl Future<Output = Result<Self::Provides, Cause>> + Send;

    /// Begins to act on its own: to listen, to poll, to work.
    fn start(&mut self) -> impl Future<Output = Result<(), Cause>> + Send {
        ready(Ok(()))
    }

    /// Takes nothing new from outside and finishes what it has begun. Its handle still serves the others.
    fn drain(&mut self) -> impl Future<Output = Result<(), Cause>> + Send {
        ready(Ok(()))
    }

    /// Lets go of everything. Those who consumed its handle have been stopped before.
    fn stop(&mut self) -> impl Future<Output = Result<(), Cause>> + Send {
        ready(Ok(()))
    }

    /// How it fares while it is started. Asked often: answers from memory.
    fn health(_: &Self::Provides) -> Health {
        Health::Ok
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Ok,
    /// Still serves, though less well.
    Degraded(String),
    Failed(String),
}

/// Checked, and ready to be started. `run_until_signal` and `stop` end it in order; dropped, it is gone without a farewell.
pub struct Platform {
    house: Arc<watch::House>,
}
