//! Starting: what does not depend on each other at the same time, and all of it or nothing.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::node::Node;
use super::watch::{House, State};
use super::{Cause, Platform};

/// Which component kept the platform from starting, and why.
#[derive(Debug)]
pub struct NotStarted {
    pub component: &'static str,
    pub cause: Cause,
    step: Step,
    /// In the order in which they were stopped again.
    pub stopped: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Init,
    Start,
}

impl Platform {
    /// Initialises every component and then starts every component. If a required one fails, what had come up
    /// is stopped again, in reverse.
    pub async fn start(&self) -> Result<(), NotStarted> {
        let began = Instant::now();
        match self.house.rise().await {
            Ok(()) => {
                self.house.tell_risen(began.elapsed());
                Ok(())
            }
            Err(mut failure) => {
                failure.stopped = self.house.fall().await.stopped;
                Err(failure)
            }
        }
    }
}

impl House {
    async fn rise(self: &Arc<Self>) -> Result<(), NotStarted> {
        self.everywhere(Step::Init).await?;
        self.everywhere(Step::Start).await
    }

    /// One line for all of them; what did not come up has been told.
    fn tell_risen(&self, took: Duration) {
        let up = self.nodes.iter().filter(|node| node.runs.load(Ordering::SeqCst)).map(|node| node.name);
        let names: Vec<_> = up.collect();
        tracing::info!("started in {} ms: {}", took.as_millis(), names.join(", "));
    }

    /// A component's turn comes when all its providers are through. On the first error the others are dropped.
    async fn everywhere(self: &Arc<Self>, step: Step) -> Result<(), NotStarted> {
        let mut through = HashSet::new();
        let mut waiting = self.nodes.clone();
        let mut running = FuturesUnordered::new();
        loop {
            let free = |node: &Arc<Node>| node.providers.iter().all(|name| through.contains(name));
            let (next, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(free);
            waiting = rest;
            running.extend(next.into_iter().map(|node| self.one(node, step)));
            match running.next().await {
                Some(name) => through.insert(name?),
                None => return Ok(()),
            };
        }
    }

    async fn one(self: &Arc<Self>, node: Arc<Node>, step: Step) -> Result<&'static str, NotStarted> {
        let done = match step {
            Step::Init => self.init(&node).await,
            Step::Start if node.lent().is_some() => self.begin(&node).await,
            Step::Start => Ok(()),
        };
        match done {
            Ok(()) => Ok(node.name),
            Err(cause) if node.required => {
                self.enter(&node, State::Failed, Some(cause.to_string()));
                Err(NotStarted { component: node.name, cause, step, stopped: Vec::new() })
            }
            Err(cause) => {
                self.enter(&node, State::Degraded, Some(cause.to_string()));
                Ok(node.name)
            }
        }
    }

    async fn init(self: &Arc<Self>, node: &Arc<Node>) -> Result<(), Cause> {
        self.enter(node, State::Initializing, None);
        node.init(self).await?;
        self.enter(node, State::Initialized, None);
        Ok(())
    }

    async fn begin(&self, node: &Arc<Node>) -> Result<(), Cause> {
        self.enter(node, State::Starting, None);
        let started = node.start().await;
        self.risen.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(node));
        started?;
        self.enter(node, State::Started, None);
        node.runs.store(true, Ordering::SeqCst);
        Ok(())
    }
}

impl NotStarted {
    pub(super) fn deaf(cause: std::io::Error) -> Self {
        Self { component: "signals", cause: cause.into(), step: Step::Start, stopped: Vec::new() }
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Init => "initialise",
            Step::Start => "start",
        };
        write!(f, "The component `{}` failed to {step}: {}.", self.component, self.cause)?;
        match self.stopped.as_slice() {
            [] => Ok(()),
            stopped => write!(f, " What had come up was stopped again: {}.", stopped.join(", ")),
        }
    }
}

impl std::error::Error for NotStarted {}
