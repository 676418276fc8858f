//! One component inside the kernel: its type erased, its steps timed, its panics caught, its state told.

use std::any::{Any, TypeId};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tracing::{Instrument, info_span};

use super::consumes::{Lender, Need, label};
use super::watch::{House, Standing};
use super::{Cause, Component, Consumes, Health};

pub struct Node {
    pub name: &'static str,
    pub required: bool,
    pub provides: TypeId,
    pub provides_label: Option<&'static str>,
    pub needs: Vec<Need>,
    /// The components that provide what this one needs.
    pub providers: Vec<&'static str>,
    pub standing: Mutex<Standing>,
    /// From a start that went well to the beginning of the stop: the time in which its health counts.
    pub runs: AtomicBool,
    patience: Duration,
    lent: OnceLock<Lent>,
    /// Empty once it is stopped.
    life: tokio::sync::Mutex<Option<Box<dyn Life>>>,
}

/// What came of `init`.
pub struct Lent {
    pub handle: Box<dyn Any + Send + Sync>,
    pub health: Box<dyn Fn() -> Health + Send + Sync>,
}

/// [`Component`] without its types.
pub trait Life: Send {
    fn init<'a>(&'a mut self, lender: &Lender<'_>) -> BoxFuture<'a, Result<Lent, Cause>>;
    fn start(&mut self) -> BoxFuture<'_, Result<(), Cause>>;
    fn drain(&mut self) -> BoxFuture<'_, Result<(), Cause>>;
    fn stop(&mut self) -> BoxFuture<'_, Result<(), Cause>>;
}

impl Node {
    pub fn of<C: Component>(component: C, required: bool, standing: Standing) -> Self {
        let provides = TypeId::of::<C::Provides>();
        Self {
            name: component.name(),
            required,
            provides,
            provides_label: (provides != TypeId::of::<()>()).then(label::<C::Provides>),
            needs: C::Consumes::needs(),
            providers: Vec::new(),
            standing: Mutex::new(standing),
            runs: AtomicBool::new(false),
            patience: component.patience(),
            lent: OnceLock::new(),
            life: tokio::sync::Mutex::new(Some(Box::new(component))),
        }
    }

    /// `None` until it is initialised, and for ever if that failed.
    pub fn lent(&self) -> Option<&Lent> {
        self.lent.get()
    }

    pub fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub async fn init(self: &Arc<Self>, house: &Arc<House>) -> Result<(), Cause> {
        let (node, house) = (Arc::clone(self), Arc::clone(house));
        let lent = self.guarded(async move {
            match node.life.lock().await.as_deref_mut() {
                Some(life) => house.lending(|lender| life.init(lender)).await,
                None => Err("it has been stopped before".into()),
            }
        });
        let lent = lent.await?;
        self.lent.set(lent).map_err(|_| Cause::from("it has been initialised before"))
    }

    pub async fn start(self: &Arc<Self>) -> Result<(), Cause> {
        self.step(|life| life.start()).await
    }

    pub async fn drain(self: &Arc<Self>) -> Result<(), Cause> {
        self.step(|life| life.drain()).await
    }

    /// Also drops the component, and with it the handles that it holds.
    pub async fn stop(self: &Arc<Self>) -> Result<(), Cause> {
        let node = Arc::clone(self);
        let stopped = self.guarded(async move {
            let taken = node.life.lock().await.take();
            match taken {
                Some(mut life) if node.lent().is_some() => life.stop().await,
                _ => Ok(()),
            }
        });
        stopped.await
    }

    async fn step(
        self: &Arc<Self>,
        step: for<'a> fn(&'a mut dyn Life) -> BoxFuture<'a, Result<(), Cause>>,
    ) -> Result<(), Cause> {
        let node = Arc::clone(self);
        let stepped = self.guarded(async move {
            match node.life.lock().await.as_deref_mut() {
                Some(life) => step(life).await,
                None => Ok(()),
            }
        });
        stepped.await
    }

    /// In a task of its own: a component that blocks its thread cannot block the kernel's time limit, and one
    /// that panics ends only its task. Dropping this future aborts the task.
    async fn guarded<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Cause>> + Send + 'static,
    ) -> Result<T, Cause> {
        let mut task = JoinSet::new();
        task.spawn(work.instrument(info_span!("component", name = self.name)));
        match timeout(self.patience, task.join_next()).await {
            Ok(Some(Ok(done))) => done,
            Ok(Some(Err(broken))) => Err(words_of(broken).into()),
            Ok(None) => Err("its task is gone".into()),
            Err(_) => Err(format!("it did not finish within {:?}", self.patience).into()),
        }
    }
}

impl<C: Component> Life for C {
    fn init<'a>(&'a mut self, lender: &Lender<'_>) -> BoxFuture<'a, Result<Lent, Cause>> {
        let consumed = C::Consumes::take(lender);
        let init = async move {
            let consumed = consumed.ok_or("a component whose handle it consumes is not there")?;
            let handle = Component::init(self, consumed).await?;
            let watched = handle.clone();
            Ok(Lent { handle: Box::new(handle), health: Box::new(move || C::health(&watched)) })
        };
        init.boxed()
    }

    fn start(&mut self) -> BoxFuture<'_, Result<(), Cause>> {
        Component::start(self).boxed()
    }

    fn drain(&mut self) -> BoxFuture<'_, Result<(), Cause>> {
        Component::drain(self).boxed()
    }

    fn stop(&mut self) -> BoxFuture<'_, Result<(), Cause>> {
        Component::stop(self).boxed()
    }
}

fn words_of(broken: JoinError) -> String {
    match broken.try_into_panic() {
        Ok(panic) => format!("it panicked: {}", message_of(panic.as_ref())),
        Err(aborted) => aborted.to_string(),
    }
}

pub fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
