//! How long a counter stays closed after so many wrong guesses in a row.

use std::time::Duration;

use crate::base::Timestamp;
use crate::components::config::Guesses;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Until a recovery step clears it.
const FOR_GOOD: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Doubles with every failure from the first that is delayed, up to a quarter of an hour; the last one closes for good.
pub fn after(failures: u32, settings: &Guesses) -> Duration {
    if failures >= settings.at_most.get() {
        return FOR_GOOD;
    }
    match failures.checked_sub(settings.delay_from.get()) {
        None => Duration::ZERO,
        Some(doublings) => FIRST.saturating_mul(1 << doublings.min(16)).min(LONGEST),
    }
}

/// From each number of failures on, until when: highest first, so that the first that fits counts.
pub fn steps(now: Timestamp, settings: &Guesses) -> Vec<(i32, Timestamp)> {
    let from = settings.delay_from.get();
    let growing = (from..from.saturating_add(9)).filter(|failures| *failures < settings.at_most.get());
    let mut steps: Vec<u32> = growing.chain([settings.at_most.get()]).collect();
    steps.reverse();
    let step = |failures: u32| (i32::try_from(failures).unwrap_or(i32::MAX), now + after(failures, settings));
    steps.into_iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Guesses {
        Guesses { delay_from: 5.try_into().unwrap(), at_most: 100.try_into().unwrap() }
    }

    #[test]
    fn the_fifth_failure_closes_for_five_seconds_and_each_further_one_for_twice_as_long() {
        let seconds: Vec<u64> = (4..14).map(|failures| after(failures, &settings()).as_secs()).collect();

        assert_eq!(seconds, [0, 5, 10, 20, 40, 80, 160, 320, 640, 900]);
    }

    #[test]
    fn the_hundredth_closes_for_good() {
        assert_eq!(after(99, &settings()), LONGEST);
        assert_eq!(after(100, &settings()), FOR_GOOD);
    }

    #[test]
    fn the_steps_say_what_the_delays_say() {
        let now = Timestamp::from_seconds(1);
        let steps = steps(now, &settings());

        for failures in 1..=120_u32 {
            let step = steps.iter().find(|(from, _)| failures >= u32::try_from(*from).unwrap());
            assert_eq!(
                step.map_or(now, |(_, until)| *until),
                now + after(failures, &settings()),
                "{failures}"
            );
        }
    }
}
