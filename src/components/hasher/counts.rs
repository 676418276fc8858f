//! What the hasher counts, and how long foreign hashes take.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{counter, gauge};

use crate::components::metrics::names;

/// Read by tests and `doctor`; the same numbers go to the metrics.
#[derive(Default)]
pub struct Counts {
    done: AtomicU64,
    in_flight: AtomicU64,
    queued: AtomicU64,
    refused: AtomicU64,
    memory: AtomicU64,
}

impl Counts {
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub fn queued(&self) -> u64 {
        self.queued.load(Ordering::SeqCst)
    }

    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }

    /// Bytes that the threads keep for their next hash.
    pub fn memory(&self) -> u64 {
        self.memory.load(Ordering::SeqCst)
    }

    pub(super) fn begin(&self) {
        gauge!(names::HASHES_IN_FLIGHT).set(as_float(self.in_flight.fetch_add(1, Ordering::SeqCst) + 1));
    }

    pub(super) fn end(&self) {
        self.done.fetch_add(1, Ordering::SeqCst);
        counter!(names::HASHES).increment(1);
        gauge!(names::HASHES_IN_FLIGHT).set(as_float(self.in_flight.fetch_sub(1, Ordering::SeqCst) - 1));
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::SeqCst);
        counter!(names::HASHES_REFUSED).increment(1);
    }

    pub(super) fn queue_is(&self, length: usize) {
        self.queued.store(length as u64, Ordering::SeqCst);
        gauge!(names::HASHES_QUEUED).set(as_float(length as u64));
    }

    pub(super) fn keep(&self, before: usize, after: usize) {
        self.memory.fetch_add(after as u64, Ordering::SeqCst);
        self.memory.fetch_sub(before as u64, Ordering::SeqCst);
    }
}

fn as_float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

const SAMPLES: usize = 128;
const SCHEMES: usize = 64;

/// The latest measured times of each foreign scheme and cost.
#[derive(Default)]
pub struct Floor(Mutex<BTreeMap<String, VecDeque<Duration>>>);

impl Floor {
    pub fn note(&self, scheme: String, took: Duration) {
        let mut schemes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if schemes.len() >= SCHEMES && !schemes.contains_key(&scheme) {
            // An import may hold any number of costs; the quickest matter least for a floor.
            let quickest = schemes.iter().min_by_key(|(_, times)| p99(times)).map(|(name, _)| name.clone());
            quickest.and_then(|name| schemes.remove(&name));
        }
        let times = schemes.entry(scheme).or_default();
        if times.len() == SAMPLES {
            times.pop_front();
        }
        times.push_back(took);
    }

    pub fn p99(&self) -> Duration {
        let schemes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        schemes.values().map(p99).max().unwrap_or_default()
    }
}

fn p99(times: &VecDeque<Duration>) -> Duration {
    let mut sorted: Vec<Duration> = times.iter().copied().collect();
    sorted.sort_unstable();
    let rank = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}
