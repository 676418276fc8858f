//! Counts what would fill the disk if each were written down: refusals, summed until somebody takes the sums away.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::TenantId;

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Line {
    pub tenant: TenantId,
    pub action: &'static str,
    pub reason: &'static str,
    /// None when more addresses came than are told apart.
    pub address: Option<std::net::IpAddr>,
}

/// An attacker owns many addresses; beyond these they are one line of each tenant.
const LINES: usize = 1_024;

#[derive(Debug, Default)]
pub struct Tally(Mutex<HashMap<Line, i64>>);

impl Tally {
    pub fn note(&self, line: Line) {
        let mut lines = self.lines();
        let full = lines.len() >= LINES && !lines.contains_key(&line);
        let line = if full { Line { address: None, ..line } } else { line };
        *lines.entry(line).or_default() += 1;
    }

    pub fn take(&self) -> Vec<(Line, i64)> {
        self.lines().drain().collect()
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Line, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(last: u32) -> Line {
        let address = Some(std::net::IpAddr::from(last.to_be_bytes()));
        Line { tenant: TenantId::of(uuid::Uuid::nil()), action: "guess", reason: "blocked", address }
    }

    #[test]
    fn alike_are_one_line_with_their_number() {
        let tally = Tally::default();

        (0..3).for_each(|_| tally.note(line(1)));

        assert_eq!(tally.take(), [(line(1), 3)]);
        assert_eq!(tally.take(), []);
    }

    #[test]
    fn a_crowd_of_addresses_takes_bounded_room_and_loses_no_count() {
        let tally = Tally::default();

        (0..5_000).for_each(|address| tally.note(line(address)));

        let taken = tally.take();
        assert!(taken.len() <= LINES + 1);
        assert_eq!(taken.iter().map(|(_, count)| count).sum::<i64>(), 5_000);
    }
}
