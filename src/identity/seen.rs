//! When sessions were last used, gathered in memory: a request must not wait for a disk to say that it came.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::base::{SessionId, Timestamp};

/// Some 8 MiB; beyond it new sessions wait for the next flush to be told of.
const ROOM: usize = 100_000;
/// A time within so many seconds of what is already written down tells nobody anything.
const MINUTE: i64 = 60;

#[derive(Default)]
pub struct LastSeen(Mutex<HashMap<SessionId, Timestamp>>);

impl LastSeen {
    /// To the minute: what is shown needs no more.
    pub fn note(&self, session: SessionId, now: Timestamp) {
        let minute = Timestamp::from_seconds(now.seconds() - now.seconds().rem_euclid(MINUTE));
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < ROOM || seen.contains_key(&session) {
            seen.insert(session, minute);
        }
    }

    pub fn take(&self) -> Vec<(SessionId, Timestamp)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_is_used_a_thousand_times_is_told_of_once_and_to_the_minute() {
        let (seen, session) = (LastSeen::default(), SessionId::new());

        (0..1000).for_each(|second| seen.note(session, Timestamp::from_seconds(second)));

        assert_eq!(seen.take(), [(session, Timestamp::from_seconds(960))]);
        assert!(seen.take().is_empty());
    }

    #[test]
    fn the_map_is_bounded() {
        let seen = LastSeen::default();

        (0..ROOM + 10).for_each(|_| seen.note(SessionId::new(), Timestamp::EPOCH));

        assert_eq!(seen.take().len(), ROOM);
    }
}
