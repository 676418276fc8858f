//! How long a failed job waits: longer each time, and never at the same moment as its neighbours.

use std::time::Duration;

use crate::components::Random;

const FIRST: Duration = Duration::from_secs(5);
/// With the twenty attempts of a delivery this spans more than a day.
const LONGEST: Duration = Duration::from_secs(4 * 3600);
const JITTER_PERCENT: u32 = 20;

pub fn after(attempt: i32, random: Random) -> Duration {
    random.jitter(steady(attempt), JITTER_PERCENT)
}

fn steady(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hook_2_a_delivery_is_tried_for_more_than_a_day() {
        let all: Duration = (1..20).map(steady).sum();

        assert_eq!((steady(1), steady(2), steady(99)), (FIRST, FIRST * 2, LONGEST));
        assert!(all * 4 / 5 > Duration::from_secs(24 * 3600), "{all:?}");
    }

    #[test]
    fn two_jobs_that_failed_together_come_back_apart() {
        let waits: std::collections::HashSet<Duration> = (0..100).map(|_| after(5, Random)).collect();

        assert!(waits.len() > 90, "{}", waits.len());
    }
}
