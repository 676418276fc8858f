//! When a cron job is due: an expression of five fields, in a zone.
//!
//! Where a clock is set forward, what would fall into the hour that is left out happens at its end; where it is set back, a time
//! that comes twice happens once, the first time, and what is due by the hour happens in both.

use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::base::Timestamp;

/// Characters of an expression.
const LONGEST: usize = 100;
/// After a long absence no more are counted.
const COUNTED: usize = 1000;

/// Times that are due together.
#[derive(Debug, PartialEq, Eq)]
pub struct Times {
    pub count: usize,
    pub last: Timestamp,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    Expression,
    Zone,
    /// Such as the 30th of February.
    Never,
}

pub struct Calendar {
    cron: Cron,
    zone: Tz,
}

impl Calendar {
    pub fn read(expression: &str, zone: &str) -> Result<Self, Wrong> {
        let is_short = expression.len() <= LONGEST && expression.is_ascii();
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(expression).ok().filter(|_| is_short).ok_or(Wrong::Expression)?;
        let zone = Tz::from_str(zone).map_err(|_| Wrong::Zone)?;
        let calendar = Self { cron, zone };
        // From any time on: what is left of a leap year is no reason.
        if calendar.after(Timestamp::from_seconds(1_767_225_600)).is_none() {
            return Err(Wrong::Never);
        }
        Ok(calendar)
    }

    fn next(&self, at: &DateTime<Tz>) -> Option<DateTime<Tz>> {
        self.cron.find_next_occurrence(at, false).ok()
    }

    fn here(&self, at: Timestamp) -> Option<DateTime<Tz>> {
        DateTime::<Utc>::from_timestamp_micros(at.0).map(|at| at.with_timezone(&self.zone))
    }

    /// The first time after this one.
    pub fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let next = self.next(&self.here(at)?)?;
        Some(Timestamp(next.timestamp_micros()))
    }

    /// The next times after this one, with their distance from UTC.
    pub fn upcoming(&self, at: Timestamp, count: usize) -> Vec<String> {
        let first = self.here(at).and_then(|at| self.next(&at));
        let all = std::iter::successors(first, |at| self.next(at)).take(count);
        all.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)).collect()
    }

    /// Its times from one of them on, up to now. None where that one is still to come.
    pub fn times(&self, since: Timestamp, now: Timestamp) -> Option<Times> {
        let all = std::iter::successors(Some(since), |at| self.after(*at)).take_while(|at| *at <= now);
        let (count, last) = all.take(COUNTED).fold((0, None), |(count, _), at| (count + 1, Some(at)));
        last.map(|last| Times { count, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upcoming(expression: &str, zone: &str, at: &str, count: usize) -> Vec<String> {
        Calendar::read(expression, zone).unwrap().upcoming(Timestamp::parse(at).unwrap(), count)
    }

    #[test]
    fn what_is_no_expression_and_no_zone_and_never_is_told_apart() {
        let wrong = |expression: &str, zone: &str| Calendar::read(expression, zone).err();
        for expression in
            ["", "* * * *", "* * * * * *", "60 * * * *", "a b c d e", "* * * * * * *", "@reboot"]
        {
            assert_eq!(wrong(expression, "UTC"), Some(Wrong::Expression), "{expression}");
        }
        assert_eq!(wrong(&format!("{}* * * * *", "0,".repeat(60)), "UTC"), Some(Wrong::Expression));
        for zone in ["", "Mars/Olympus", "../etc/passwd", "+01:00"] {
            assert_eq!(wrong("* * * * *", zone), Some(Wrong::Zone), "{zone}");
        }
        assert_eq!(wrong("0 0 30 2 *", "UTC"), Some(Wrong::Never));
        assert!(wrong("0 0 29 2 *", "Europe/Amsterdam").is_none());
    }

    #[test]
    fn an_hour_that_is_left_out_and_one_that_comes_twice() {
        assert_eq!(
            upcoming("30 2 * * *", "Europe/Amsterdam", "2027-03-27T12:00:00Z", 2),
            ["2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"]
        );
        assert_eq!(
            upcoming("30 2 * * *", "Europe/Amsterdam", "2027-10-30T12:00:00Z", 2),
            ["2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"]
        );
        assert_eq!(
            upcoming("0 * * * *", "Europe/Amsterdam", "2027-10-30T23:30:00Z", 4),
            [
                "2027-10-31T02:00:00+02:00",
                "2027-10-31T02:00:00+01:00",
                "2027-10-31T03:00:00+01:00",
                "2027-10-31T04:00:00+01:00"
            ]
        );
    }

    #[test]
    fn what_was_missed_is_counted_to_an_end() {
        let calendar = Calendar::read("*/10 * * * *", "UTC").unwrap();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let since = |since: &str, now: &str| {
            calendar.times(at(since), at(now)).map(|times| (times.count, times.last))
        };
        assert_eq!(
            since("2026-11-22T12:00:00Z", "2026-11-22T12:00:30Z"),
            Some((1, at("2026-11-22T12:00:00Z")))
        );
        assert_eq!(
            since("2026-11-22T12:00:00Z", "2026-11-22T13:00:00Z"),
            Some((7, at("2026-11-22T13:00:00Z")))
        );
        assert_eq!(since("2016-11-22T12:00:00Z", "2026-11-22T13:00:00Z").unwrap().0, COUNTED);
        assert_eq!(since("2026-11-22T12:00:00Z", "2026-11-22T11:59:59Z"), None);
    }
}
