//! Stopping: softly at the first signal, hard at the second or at the deadline.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, interval, sleep, timeout};

use super::node::Node;
use super::watch::{House, State};
use super::{NotStarted, Platform};

/// How long a hard stop waits for all components together.
const HARD: Duration = Duration::from_secs(2);
/// A signal repeated within this is the same one.
const ECHO: Duration = Duration::from_secs(1);
/// How often the health of the components is asked for when nobody else asks.
const PULSE: Duration = Duration::from_secs(5);

/// How the platform ended. Anything but `Clean` deserves an exit code of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Clean,
    /// Everything was asked to stop; these sentences say what went wrong.
    Troubled(Vec<String>),
    /// Work in progress was abandoned, for this reason.
    Hard(&'static str),
}

/// What came of stopping everything.
#[derive(Default)]
pub struct Fall {
    pub stopped: Vec<&'static str>,
    pub trouble: Vec<String>,
}

impl Platform {
    /// The life of a server: starts, serves until SIGTERM, SIGINT or [`Watch::stop`](super::Watch::stop), then
    /// drains and stops within the deadline (25 s where nothing else is said).
    ///
    /// Signals are heard before the first component is touched: as process 1 of a container a signal without a
    /// listener would be lost.
    pub async fn run_until_signal(&self, deadline: Duration) -> Result<Outcome, NotStarted> {
        let mut signals = Signals::listen(&self.house).map_err(NotStarted::deaf)?;
        tokio::select! {
            started = self.start() => started?,
            () = signals.next() => return Ok(self.end(deadline, &mut signals).await),
        }
        let mut pulse = interval(PULSE);
        loop {
            tokio::select! {
                () = signals.next() => return Ok(self.end(deadline, &mut signals).await),
                _ = pulse.tick() => drop(self.status()),
            }
        }
    }

    /// Drains and stops, however long that takes within the patience of each component.
    pub async fn stop(&self) -> Outcome {
        match self.house.settle().await {
            none if none.is_empty() => Outcome::Clean,
            some => Outcome::Troubled(some),
        }
    }

    async fn end(&self, deadline: Duration, signals: &mut Signals) -> Outcome {
        let reason = tokio::select! {
            outcome = self.leave() => return outcome,
            () = signals.again() => "a second signal came",
            () = sleep(deadline) => "the deadline passed",
        };
        tracing::error!(reason, "hard stop");
        if timeout(HARD, self.house.fall()).await.is_err() {
            tracing::error!("some components did not even stop hard");
        }
        Outcome::Hard(reason)
    }
}

impl Platform {
    /// Unready first: for the length of the pause we still answer whoever has not noticed.
    async fn leave(&self) -> Outcome {
        self.house.stopping.store(true, Ordering::SeqCst);
        tracing::info!(pause = ?self.house.pause, "stopping: not ready any more, and after the pause no new requests");
        sleep(self.house.pause).await;
        let outcome = self.stop().await;
        tracing::info!("stopped");
        outcome
    }
}

impl House {
    /// Drains all at the same time: every handle serves until the last one is drained. Then stops in reverse.
    pub async fn settle(&self) -> Vec<String> {
        self.stopping.store(true, Ordering::SeqCst);
        let running = self.nodes.iter().filter(|node| node.runs.load(Ordering::SeqCst));
        let drained = join_all(running.map(|node| self.drain(node))).await;
        let mut trouble: Vec<String> = drained.into_iter().flatten().collect();
        trouble.extend(self.fall().await.trouble);
        trouble
    }

    async fn drain(&self, node: &Arc<Node>) -> Option<String> {
        node.runs.store(false, Ordering::SeqCst);
        self.enter(node, State::Draining, None);
        let cause = node.drain().await.err()?;
        Some(format!("The component `{}` failed to drain: {cause}.", node.name))
    }

    /// Stops all that was initialised, users before what they use. One that fails does not keep the rest up.
    pub async fn fall(&self) -> Fall {
        self.stopping.store(true, Ordering::SeqCst);
        let mut fall = Fall::default();
        for node in self.falling() {
            node.runs.store(false, Ordering::SeqCst);
            let stopped = node.stop().await;
            let failed_before = node.standing().state == State::Failed;
            match stopped {
                Ok(()) if failed_before => {}
                Ok(()) => {
                    self.enter(&node, State::Stopped, None);
                    fall.stopped.extend(node.lent().map(|_| node.name));
                }
                Err(cause) => {
                    self.enter(&node, State::Failed, Some(format!("it failed to stop: {cause}")));
                    fall.trouble.push(format!("The component `{}` failed to stop: {cause}.", node.name));
                }
            }
        }
        fall
    }

    /// First what never came to start, on which nothing that started can depend; then the reverse of the start.
    fn falling(&self) -> Vec<Arc<Node>> {
        let risen = self.risen.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |node: &&Arc<Node>| !risen.iter().any(|up| up.name == node.name);
        self.nodes.iter().rev().filter(idle).chain(risen.iter().rev()).cloned().collect()
    }
}

/// SIGTERM, SIGINT and [`Watch::stop`](super::Watch::stop), as one.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    house: Arc<House>,
}

impl Signals {
    fn listen(house: &Arc<House>) -> io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, house: Arc::clone(house) })
    }

    /// A signal that is no echo of the one before: supervisors signal a process and its group, which is one wish.
    async fn again(&mut self) {
        let first = Instant::now();
        loop {
            self.next().await;
            if first.elapsed() >= ECHO {
                return;
            }
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            Ok(asked) = self.house.asked.acquire() => asked.forget(),
        }
    }
}
