//! Threads that hash, and the line before them: bounded, fair between tenants, honest about its length.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::bench::{Bench, step_back};
use super::{Bounds, Counts};
use crate::base::error::BUSY;
use crate::base::{Error, Result, TenantId};

/// Works, and then hands back the sending of its answer, so that counters move before anybody sees it.
type Work = Box<dyn FnOnce(&mut Bench) -> Box<dyn FnOnce()> + Send>;

pub struct Pool(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    bounds: Bounds,
    counts: Counts,
}

#[derive(Default)]
struct State {
    /// One line a tenant, none of them empty; the first is served next and then goes to the back.
    lines: VecDeque<Line>,
    waiting: usize,
    last: u64,
    /// Of the latest hashes, weighing the newest by an eighth.
    average: Duration,
    closed: bool,
}

struct Line {
    tenant: Option<TenantId>,
    jobs: VecDeque<Job>,
}

struct Job {
    number: u64,
    since: Instant,
    work: Work,
}

impl Pool {
    pub fn start(bounds: Bounds, keep: u32) -> std::io::Result<Self> {
        let permits = bounds.permits.max(1);
        let (state, arrived) = (Mutex::default(), Condvar::new());
        let pool = Self(Arc::new(Shared { state, arrived, bounds, counts: Counts::default() }));
        for number in 0..permits {
            let shared = pool.0.clone();
            let thread = std::thread::Builder::new().name(format!("hasher-{number}"));
            thread.spawn(move || shared.serve(keep as usize))?;
        }
        Ok(pool)
    }

    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Waits for a thread and its answer. Whoever stops waiting leaves the line.
    pub async fn run<T: Send + 'static>(
        &self,
        tenant: Option<TenantId>,
        work: impl FnOnce(&mut Bench) -> T + Send + 'static,
    ) -> Result<T> {
        let (sender, mut answer) = oneshot::channel();
        let work: Work = Box::new(move |bench| {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(bench)));
            Box::new(move || drop(sender.send(outcome)))
        });
        let number = self.0.enter(tenant, work).ok_or_else(|| self.refusal())?;
        let place = Place { shared: &self.0, number };
        let outcome = match timeout(self.0.bounds.wait, &mut answer).await {
            Ok(outcome) => outcome,
            Err(_) if place.leave() => return Err(self.refusal()),
            Err(_) => answer.await,
        };
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(Error::internal("a password hash panicked")),
            // The job was pushed out of the line.
            Err(_) => Err(self.refusal()),
        }
    }

    fn refusal(&self) -> Error {
        self.0.counts.refuse();
        BUSY.retry_after(self.0.bounds.wait.as_secs())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.lines.clear();
        self.0.arrived.notify_all();
    }
}

struct Place<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Place<'_> {
    fn leave(&self) -> bool {
        let mut state = self.shared.lock();
        let left = state.remove(self.number);
        self.shared.counts.queue_is(state.waiting);
        left
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, tenant: Option<TenantId>, work: Work) -> Option<u64> {
        let mut state = self.lock();
        let own = state.lines.iter().find(|line| line.tenant == tenant).map_or(0, |line| line.jobs.len());
        // Refused at once rather than after a second in vain; the margin is for hashes slower than the average.
        if state.closed || state.expected(own, self.bounds.permits) > self.bounds.wait.mul_f64(0.8) {
            return None;
        }
        if state.waiting >= self.bounds.queue && !state.push_out(own) {
            return None;
        }
        state.last += 1;
        let job = Job { number: state.last, since: Instant::now(), work };
        state.push(tenant, job);
        self.counts.queue_is(state.waiting);
        self.arrived.notify_one();
        Some(state.last)
    }

    fn serve(&self, keep: usize) {
        step_back();
        let mut bench = Bench::new(keep);
        while let Some(job) = self.next(&mut bench) {
            if job.since.elapsed() > self.bounds.wait {
                continue;
            }
            self.counts.begin();
            let (began, held) = (Instant::now(), bench.bytes());
            let answer = (job.work)(&mut bench);
            self.counts.keep(held, bench.bytes());
            self.lock().measured(began.elapsed());
            self.counts.end();
            answer();
        }
    }

    fn next(&self, bench: &mut Bench) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.pop() {
                self.counts.queue_is(state.waiting);
                return Some(job);
            }
            if state.closed {
                self.counts.keep(bench.bytes(), 0);
                return None;
            }
            let (woken, outcome) =
                self.arrived.wait_timeout(state, self.bounds.idle).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if outcome.timed_out() && state.waiting == 0 {
                let held = bench.bytes();
                bench.clear();
                self.counts.keep(held, bench.bytes());
            }
        }
    }
}

impl State {
    /// How long a newcomer with `own` jobs before it in its line would wait, lines taking turns.
    fn expected(&self, own: usize, permits: usize) -> Duration {
        let ahead: usize = self.lines.iter().map(|line| line.jobs.len().min(own + 1)).sum();
        let rounds = u32::try_from(ahead / permits.max(1)).unwrap_or(u32::MAX);
        self.average.saturating_mul(rounds)
    }

    /// In a full house the longest line gives its newest place to a shorter one: a storm at one tenant must not
    /// keep the others out.
    fn push_out(&mut self, own: usize) -> bool {
        let longest = self.lines.iter_mut().max_by_key(|line| line.jobs.len());
        let given = longest.filter(|line| line.jobs.len() > own + 1).and_then(|line| line.jobs.pop_back());
        self.waiting -= usize::from(given.is_some());
        given.is_some()
    }

    fn push(&mut self, tenant: Option<TenantId>, job: Job) {
        self.waiting += 1;
        match self.lines.iter_mut().find(|line| line.tenant == tenant) {
            Some(line) => line.jobs.push_back(job),
            None => self.lines.push_back(Line { tenant, jobs: VecDeque::from([job]) }),
        }
    }

    fn pop(&mut self) -> Option<Job> {
        let mut line = self.lines.pop_front()?;
        let job = line.jobs.pop_front()?;
        self.waiting -= 1;
        if !line.jobs.is_empty() {
            self.lines.push_back(line);
        }
        Some(job)
    }

    fn remove(&mut self, number: u64) -> bool {
        for line in &mut self.lines {
            if let Some(at) = line.jobs.iter().position(|job| job.number == number) {
                line.jobs.remove(at);
                self.waiting -= 1;
                self.lines.retain(|line| !line.jobs.is_empty());
                return true;
            }
        }
        false
    }

    fn measured(&mut self, took: Duration) {
        self.average = if self.average.is_zero() { took } else { (self.average * 7 + took) / 8 };
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
