//! The recorder: the last requests and jobs of this node as trees of spans, in a fixed piece of memory.
//!
//! A root is a span named `request` or `job` of this program; what happens inside it is its tree. Kept are names,
//! times, and the fields on the list in `fields.rs`: ids and words, so that a secret cannot get in by mistake.

mod fields;
mod layer;
mod tree;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use tokio::sync::Notify;

pub use layer::{Recording, is_root};
pub use tree::{Step, Tree};

use super::clock::Clock;
use super::limiter::network;
use super::platform::Handle;
use super::vault::Vault;
use crate::base::{RequestId, Result, Timestamp};

/// A tree takes at least this much, so there are at most so many of them.
const LEAST: usize = 256;

#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

impl Handle for Recorder {}

struct Inner {
    clock: Clock,
    /// Numbers of trees begin anew with each process; this tells one from the other.
    began: Timestamp,
    /// A quarter of the whole is for trees that still grow.
    growing: Budget,
    /// The rest is for those that are done.
    most: usize,
    kept: Mutex<Kept>,
    news: Notify,
}

struct Kept {
    /// Never grows beyond the places it was made with.
    trees: VecDeque<Arc<Tree>>,
    places: usize,
    bytes: usize,
    last: u64,
}

/// Bytes that are spent and given back by many threads, and never more than there are.
struct Budget {
    most: usize,
    used: AtomicUsize,
}

impl Recorder {
    /// Holds at most so many bytes; with none it records nothing.
    pub fn new(bytes: usize, clock: Clock) -> Self {
        let growing = Budget { most: bytes / 4, used: AtomicUsize::new(0) };
        let places = (bytes - bytes / 4) / LEAST;
        let slots = places * size_of::<Arc<Tree>>();
        let trees = VecDeque::with_capacity(places);
        let kept = Kept { trees, places, bytes: 0, last: 0 };
        let most = (bytes - bytes / 4).saturating_sub(slots + size_of::<Inner>());
        let (began, kept, news) = (clock.now(), Mutex::new(kept), Notify::new());
        Self(Arc::new(Inner { clock, began, growing, most, kept, news }))
    }

    /// The one of this process, made by the first call: the log's layers stand in every thread, and so does this.
    pub fn shared(bytes: usize, clock: &Clock) -> Self {
        static SHARED: OnceLock<Recorder> = OnceLock::new();
        SHARED.get_or_init(|| Self::new(bytes, clock.clone())).clone()
    }

    /// What a subscriber needs to feed this recorder.
    pub fn layer(&self) -> Recording {
        Recording(self.clone())
    }

    /// All that it holds now, in bytes.
    pub fn bytes(&self) -> usize {
        let kept = self.kept();
        let slots = kept.trees.capacity() * size_of::<Arc<Tree>>();
        kept.bytes + slots + size_of::<Inner>() + self.0.growing.used.load(Ordering::Relaxed)
    }

    pub fn began(&self) -> Timestamp {
        self.0.began
    }

    /// Oldest first, those after the number given.
    pub fn after(&self, number: u64) -> Vec<Arc<Tree>> {
        let kept = self.kept();
        let newest: Vec<_> =
            kept.trees.iter().rev().take_while(|tree| tree.number > number).cloned().collect();
        newest.into_iter().rev().collect()
    }

    /// Newest first.
    pub fn latest(&self, at_most: usize) -> Vec<Arc<Tree>> {
        self.kept().trees.iter().rev().take(at_most).cloned().collect()
    }

    pub fn find(&self, id: RequestId) -> Option<Arc<Tree>> {
        self.kept().trees.iter().rev().find(|tree| tree.id() == Some(id.0)).cloned()
    }

    /// Waits until there is something after the number given, or for as long as told.
    pub async fn wait(&self, after: u64, patience: Duration) -> Vec<Arc<Tree>> {
        let waiting = async {
            loop {
                let news = self.0.news.notified();
                let found = self.after(after);
                if !found.is_empty() {
                    return found;
                }
                news.await;
            }
        };
        tokio::time::timeout(patience, waiting).await.unwrap_or_default()
    }

    /// Strictly within its bytes: the oldest make room first.
    fn keep(&self, mut tree: Tree) {
        let bytes = tree.bytes();
        if bytes > self.0.most {
            return;
        }
        let mut kept = self.kept();
        kept.last += 1;
        tree.number = kept.last;
        while kept.bytes + bytes > self.0.most || kept.trees.len() >= kept.places {
            let Some(oldest) = kept.trees.pop_front() else { return };
            kept.bytes -= oldest.bytes();
        }
        kept.bytes += bytes;
        kept.trees.push_back(Arc::new(tree));
        drop(kept);
        self.0.news.notify_waiters();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Budget {
    fn spend(&self, bytes: usize) -> bool {
        let within = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.most);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Stands for a caller's network in what people read: the same on every node, and no way back to the address.
#[derive(Clone)]
pub struct Disguise(Arc<hmac::Key>);

impl Disguise {
    pub fn new(vault: &Vault) -> Result<Self> {
        let key = vault.mac("recorder.address", None, b"disguise")?;
        Ok(Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &key))))
    }

    pub fn of(&self, address: IpAddr) -> String {
        let tag = hmac::sign(&self.0, &network(address));
        hex::encode(tag.as_ref().get(..8).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
