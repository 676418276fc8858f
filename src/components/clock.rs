//! What time it is: asked of a handle, so that a test can move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::platform::Handle;
use crate::base::Timestamp;

#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Real,
    Settable(Arc<AtomicI64>),
}

impl Handle for Clock {}

impl Clock {
    pub fn real() -> Self {
        Self(Source::Real)
    }

    /// Stands still until it is advanced; its clones move with it.
    pub fn settable(at: Timestamp) -> Self {
        Self(Source::Settable(Arc::new(AtomicI64::new(at.0))))
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::Real => Timestamp::EPOCH + wall_time(),
            Source::Settable(at) => Timestamp(at.load(Ordering::SeqCst)),
        }
    }

    /// # Panics
    ///
    /// On a real clock: only a test moves time.
    pub fn advance(&self, by: Duration) {
        match &self.0 {
            Source::Real => panic!("A real clock cannot be advanced; make it with Clock::settable."),
            Source::Settable(at) => {
                let moved = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
                at.fetch_add(moved, Ordering::SeqCst);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settable_clock_moves_only_when_advanced_and_its_clones_move_with_it() {
        let clock = Clock::settable(Timestamp::from_seconds(100));
        let clone = clock.clone();

        clock.advance(Duration::from_secs(5));

        assert_eq!(clone.now(), Timestamp::from_seconds(105));
    }

    #[test]
    fn a_real_clock_tells_a_time_of_this_century() {
        let now = Clock::real().now();

        assert!(now > Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        assert!(now < Timestamp::parse("2100-01-01T00:00:00Z").unwrap());
    }

    #[test]
    #[should_panic(expected = "A real clock cannot be advanced")]
    fn a_real_clock_cannot_be_advanced() {
        Clock::real().advance(Duration::from_secs(1));
    }
}
