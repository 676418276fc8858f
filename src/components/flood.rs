//! Says once in a while, with a number, what a stranger could otherwise fill the disk with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::Timestamp;

/// Keyed by words of ours alone, so it stays small.
#[derive(Debug, Clone, Default)]
pub struct Flood(Arc<Mutex<HashMap<&'static str, Said>>>);

#[derive(Debug)]
struct Said {
    at: Timestamp,
    since: u64,
}

impl Flood {
    /// Counts one. Some when it is time to say so, with how many there were since the last time.
    pub fn due(&self, what: &'static str, now: Timestamp, every: Duration) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = said.get_mut(what) else {
            said.insert(what, Said { at: now, since: 0 });
            return Some(1);
        };
        before.since += 1;
        // A clock that jumped back silences nobody.
        if now >= before.at && now.since(before.at) < every {
            return None;
        }
        before.at = now;
        Some(std::mem::take(&mut before.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_a_second_with_its_number() {
        let flood = Flood::default();
        let due = |micros: i64| flood.due("rate", Timestamp(micros), Duration::from_secs(1));

        let said: Vec<Option<u64>> = [0, 1, 2, 999_999, 1_000_000, 1_000_001, 3_000_000].map(due).to_vec();

        assert_eq!(said, [Some(1), None, None, None, Some(4), None, Some(2)]);
    }

    #[test]
    fn one_thing_does_not_silence_another() {
        let flood = Flood::default();
        let due = |what| flood.due(what, Timestamp(0), Duration::from_secs(1));

        assert_eq!((due("a"), due("b"), due("a")), (Some(1), Some(1), None));
    }
}
