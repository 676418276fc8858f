//! Looking on: in which state each component is, since when and why; and asking the platform to stop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::consumes::Lender;
use super::node::{Lent, Node, message_of};
use super::{Cause, Health, Platform};
use crate::base::Timestamp;
use crate::components::Clock;
use crate::components::metrics::names;

/// For the component that answers questions about the others. Clones look at the same platform. It holds nothing: a platform that
/// is dropped is gone with its threads and connections, whoever looked on.
#[derive(Clone)]
pub struct Watch(Weak<House>);

/// The number of a state is the value of the gauge `doorward_component_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Declared,
    Initializing,
    Initialized,
    Starting,
    Started,
    Degraded,
    Draining,
    Stopped,
    Failed,
}

#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub name: &'static str,
    pub required: bool,
    pub state: State,
    pub cause: Option<String>,
    pub since: Timestamp,
    pub provides: Option<&'static str>,
    pub consumes: Vec<&'static str>,
}

#[derive(Debug, Clone)]
pub struct Standing {
    pub state: State,
    pub cause: Option<String>,
    pub since: Timestamp,
}

/// What a platform and its watches share.
pub struct House {
    /// Providers before their consumers.
    pub nodes: Vec<Arc<Node>>,
    /// Those whose start has come to an end, well or badly, in that order.
    pub risen: Mutex<Vec<Arc<Node>>>,
    pub stopping: AtomicBool,
    /// One permit for each time that somebody asked for the stop.
    pub asked: Semaphore,
    /// Between being unready and taking nothing new, so that whoever sends us requests has noticed.
    pub pause: Duration,
    clock: Clock,
}

impl Platform {
    pub fn watch(&self) -> Watch {
        Watch(Arc::downgrade(&self.house))
    }

    pub fn status(&self) -> Vec<Status> {
        self.house.status()
    }

    /// Pairs of consumer and provider.
    pub fn edges(&self) -> Vec<(&'static str, &'static str)> {
        let of = |node: &Arc<Node>| node.providers.iter().map(|p| (node.name, *p)).collect::<Vec<_>>();
        self.house.nodes.iter().flat_map(of).collect()
    }
}

impl Watch {
    /// Providers come before their consumers.
    pub fn status(&self) -> Vec<Status> {
        self.0.upgrade().map_or_else(Vec::new, |house| house.status())
    }

    /// Whether requests should be sent here: every required component serves, and no stop has begun.
    pub fn is_ready(&self) -> bool {
        self.0.upgrade().is_some_and(|house| house.is_ready())
    }

    /// Whether the start is behind us; it stays so, also while the platform stops.
    pub fn has_started(&self) -> bool {
        self.0.upgrade().is_some_and(|house| house.has_started())
    }

    /// Does what a signal does: the first call stops softly, one that comes a second later or more stops hard.
    pub fn stop(&self) {
        if let Some(house) = self.0.upgrade() {
            house.asked.add_permits(1);
        }
    }
}

impl House {
    pub fn new(clock: Clock, nodes: Vec<Arc<Node>>, pause: Duration) -> Self {
        let asked = Semaphore::new(0);
        Self { nodes, risen: Mutex::default(), stopping: AtomicBool::new(false), asked, pause, clock }
    }

    pub fn lending<'a>(
        self: &Arc<Self>,
        init: impl FnOnce(&Lender<'_>) -> BoxFuture<'a, Result<Lent, Cause>>,
    ) -> BoxFuture<'a, Result<Lent, Cause>> {
        init(&Lender { nodes: &self.nodes, watch: &Watch(Arc::downgrade(self)) })
    }

    pub fn enter(&self, node: &Node, state: State, cause: Option<String>) {
        self.enter_if(node, state, cause, |_| true);
    }

    /// A change of state is an event in the log and a value of the gauge, whose label is bounded by the code.
    fn enter_if(&self, node: &Node, state: State, cause: Option<String>, may: fn(State) -> bool) {
        let mut standing = node.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if !may(standing.state) || (standing.state == state && standing.cause == cause) {
            return;
        }
        metrics::gauge!(names::COMPONENT_STATE, "component" => node.name).set(f64::from(state as u8));
        let (component, reason) = (node.name, cause.as_deref());
        match state {
            State::Failed => tracing::error!(component, ?state, cause = reason, "component state"),
            State::Degraded => tracing::warn!(component, ?state, cause = reason, "component state"),
            _ => tracing::debug!(component, ?state, cause = reason, "component state"),
        }
        *standing = Standing { state, cause, since: self.clock.now() };
    }

    fn status(&self) -> Vec<Status> {
        self.nodes.iter().map(|node| self.status_of(node)).collect()
    }

    fn is_ready(&self) -> bool {
        let serves = |status: Status| matches!(status.state, State::Started | State::Degraded);
        !self.stopping.load(Ordering::SeqCst)
            && self.nodes.iter().filter(|node| node.required).all(|node| serves(self.status_of(node)))
    }

    fn has_started(&self) -> bool {
        let risen = self.risen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_up = |node: &&Arc<Node>| risen.iter().any(|up| up.name == node.name);
        self.nodes.iter().filter(|node| node.required).all(|node| is_up(&node))
    }

    fn status_of(&self, node: &Node) -> Status {
        self.feel(node);
        let Standing { state, cause, since } = node.standing();
        let consumes = node.needs.iter().map(|need| need.label).collect();
        let (name, required, provides) = (node.name, node.required, node.provides_label);
        Status { name, required, state, cause, since, provides, consumes }
    }

    /// Lets what a running component says of its health become its state.
    fn feel(&self, node: &Node) {
        let Some(lent) = node.lent().filter(|_| node.runs.load(Ordering::SeqCst)) else { return };
        let (state, cause) = match catch_unwind(AssertUnwindSafe(|| (lent.health)())) {
            Ok(Health::Ok) => (State::Started, None),
            Ok(Health::Degraded(cause)) => (State::Degraded, Some(cause)),
            Ok(Health::Failed(cause)) => (State::Failed, Some(cause)),
            Err(panic) => {
                (State::Failed, Some(format!("its health panicked: {}", message_of(panic.as_ref()))))
            }
        };
        let running = |state| matches!(state, State::Started | State::Degraded | State::Failed);
        self.enter_if(node, state, cause, running);
    }
}

impl Standing {
    pub fn declared(since: Timestamp) -> Self {
        Self { state: State::Declared, cause: None, since }
    }
}
