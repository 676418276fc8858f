//! What time it is: asked of a handle, so that a test can move it.
//!
//! A machine's clock may be set while a server serves. Set forward it is believed at once: what ends by it ends. Set
//! back it is not: time goes on from the latest that was told, by the steady clock, until whoever keeps the books has
//! ended for good what had ended by then, and says so ([`Clock::set_back`]). A time before this program was written is
//! never believed.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::platform::Handle;
use crate::base::Timestamp;

#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    /// Microseconds that our time is ahead of the steady clock's.
    lead: AtomicI64,
    told: Mutex<Told>,
    /// Before that nobody needs to know what was told: each request asks.
    was_set_back: AtomicBool,
}

#[derive(Debug)]
enum Source {
    Real { began: Instant, at: i64 },
    Settable { wall: AtomicI64, steady: AtomicI64 },
}

/// Which times were told, between one jump and the next.
#[derive(Debug)]
struct Told {
    /// The latest last.
    before: Vec<Span>,
    since: Timestamp,
}

#[derive(Debug)]
struct Span {
    start: Timestamp,
    end: Timestamp,
}

/// A clock that told one time and then an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetBack {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Handle for Clock {}

/// The first of January 2026: a machine that says less has lost the time.
const WRITTEN: i64 = 1_767_225_600_000_000;
/// Less is not worth a look at the books: our time stays that much ahead.
const TOLERATED: Duration = Duration::from_millis(100);
/// Each is of interest for as long as a token lives.
const REMEMBERED: usize = 32;
const LEAP: i64 = 1_000_000;

impl Clock {
    pub fn real() -> Self {
        let at = wall_time().max(WRITTEN);
        Self::of(Source::Real { began: Instant::now(), at }, at)
    }

    /// Stands still until it is advanced or set; its clones move with it.
    pub fn settable(at: Timestamp) -> Self {
        Self::of(Source::Settable { wall: AtomicI64::new(at.0), steady: AtomicI64::new(at.0) }, at.0)
    }

    fn of(source: Source, at: i64) -> Self {
        let told = Told { before: Vec::new(), since: Timestamp(at) };
        let (lead, was_set_back) = (AtomicI64::new(0), AtomicBool::new(false));
        Self(Arc::new(Inner { source, lead, told: Mutex::new(told), was_set_back }))
    }

    pub fn now(&self) -> Timestamp {
        let Inner { source, lead, .. } = &*self.0;
        // The wall first: a pause between the two makes our time no later than it is.
        let (wall, steady) = (source.wall(), source.steady());
        let known = lead.load(Ordering::SeqCst);
        let Some(ahead) = wall.map(|wall| wall - steady).filter(|ahead| *ahead > known) else {
            return Timestamp(steady.saturating_add(known));
        };
        let known = lead.fetch_max(ahead, Ordering::SeqCst);
        if ahead - known > LEAP {
            self.told().jump(Timestamp(steady + known), Timestamp(steady + ahead));
        }
        Timestamp(steady.saturating_add(ahead.max(known)))
    }

    /// For what is measured and not dated: it goes on, and nobody sets it.
    pub fn steady(&self) -> Timestamp {
        Timestamp(self.0.source.steady())
    }

    /// The machine's clock says an earlier time than we have told.
    pub fn is_behind(&self) -> Option<SetBack> {
        let from = self.now();
        let to = Timestamp(self.0.source.wall()?);
        (from.since(to) > TOLERATED).then_some(SetBack { from, to })
    }

    /// The machine's clock says a time that cannot be.
    pub fn is_lost(&self) -> bool {
        self.0.source.wall().is_none()
    }

    /// From now on the earlier time holds: what had ended by the later one has been ended for good.
    pub fn set_back(&self, step: SetBack) {
        let Some(wall) = self.0.source.wall() else { return };
        let mut told = self.told();
        told.jump(step.from, step.to);
        self.0.was_set_back.store(true, Ordering::SeqCst);
        self.0.lead.store(wall - self.0.source.steady(), Ordering::SeqCst);
    }

    /// Whether what was given at one time until another, both in seconds, had ended before the clock was set back. Where
    /// a time was told twice, it counts as given the second time.
    pub fn has_outlived(&self, given: i64, until: i64) -> bool {
        self.0.was_set_back.load(Ordering::SeqCst) && self.told().has_outlived(given, until)
    }

    /// Whether a time that has not come yet was told before the clock was set back.
    pub fn has_been(&self, seconds: i64) -> bool {
        self.0.was_set_back.load(Ordering::SeqCst) && self.told().latest() >= seconds
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time passes.
    ///
    /// # Panics
    ///
    /// On a real clock: only a test moves time.
    pub fn advance(&self, by: Duration) {
        let moved = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let (wall, steady) = self.0.source.settable();
        wall.fetch_add(moved, Ordering::SeqCst);
        steady.fetch_add(moved, Ordering::SeqCst);
    }

    /// Somebody sets the machine's clock.
    ///
    /// # Panics
    ///
    /// On a real clock, as [`Self::advance`] does.
    pub fn set(&self, at: Timestamp) {
        self.0.source.settable().0.store(at.0, Ordering::SeqCst);
    }
}

impl Told {
    fn jump(&mut self, end: Timestamp, since: Timestamp) {
        let excess = self.before.len().saturating_sub(REMEMBERED - 1);
        self.before.drain(..excess);
        self.before.push(Span { start: self.since, end });
        self.since = since;
    }

    fn latest(&self) -> i64 {
        self.before.iter().map(|span| span.end.seconds()).max().unwrap_or_default()
    }

    /// The youngest span that it may have been given in decides: the latest time that was told since then.
    fn has_outlived(&self, given: i64, until: i64) -> bool {
        if self.since.seconds() <= given {
            return false;
        }
        let (mut latest, mut left) = (i64::MIN, self.before.len());
        for span in self.before.iter().rev() {
            left -= 1;
            latest = latest.max(span.end.seconds());
            let from_the_first = left == 0 || span.start.seconds() <= given;
            if from_the_first && given <= span.end.seconds() {
                return until <= latest;
            }
        }
        true
    }
}

impl Source {
    /// None when it cannot be.
    fn wall(&self) -> Option<i64> {
        match self {
            Self::Real { .. } => Some(wall_time()).filter(|wall| *wall >= WRITTEN),
            Self::Settable { wall, .. } => Some(wall.load(Ordering::SeqCst)),
        }
    }

    fn steady(&self) -> i64 {
        match self {
            Self::Real { began, at } => {
                at.saturating_add(i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX))
            }
            Self::Settable { steady, .. } => steady.load(Ordering::SeqCst),
        }
    }

    fn settable(&self) -> (&AtomicI64, &AtomicI64) {
        match self {
            Self::Real { .. } => panic!("A real clock cannot be advanced; make it with Clock::settable."),
            Self::Settable { wall, steady } => (wall, steady),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall_time() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
