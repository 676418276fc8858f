//! The next times of a cron job, beside what the field's own library says of them.

use std::io::Write;
use std::process::{Command, Stdio};

use doorward::base::Timestamp;
use doorward::cronjobs::calendar::Calendar;
use serde_json::{Value, json};

use crate::recipes::packages;

const ZONES: [&str; 10] = [
    "UTC",
    "Europe/Amsterdam",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "America/St_Johns",
];
const FROM: [&str; 5] = [
    "2026-11-22T12:00:00Z",
    "2027-03-27T18:31:07Z",
    "2027-10-30T20:59:59Z",
    "2028-02-28T23:00:00Z",
    "2027-03-13T12:00:00Z",
];

/// The same numbers each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }

    fn field(&mut self, from: usize, to: usize) -> String {
        let span = to - from + 1;
        let one = |dice: &mut Self| from + dice.roll(span);
        match self.roll(6) {
            0 | 1 => "*".into(),
            2 => one(self).to_string(),
            3 => format!("*/{}", 2 + self.roll(span - 2)),
            4 => {
                let (a, b) = (one(self), one(self));
                format!("{}-{}", a.min(b), a.max(b))
            }
            _ => {
                let (a, b) = (one(self), one(self));
                if a == b { a.to_string() } else { format!("{a},{b}") }
            }
        }
    }

    fn expression(&mut self) -> String {
        let fields = [(0, 59), (0, 23), (1, 28), (1, 12), (0, 6)];
        fields.map(|(from, to)| self.field(from, to)).join(" ")
    }
}

fn theirs(asked: &Value) -> Vec<Vec<i64>> {
    let mut node = Command::new("node");
    let node = node.arg("check.mjs").current_dir(packages("tests/cronjobs"));
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    node.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let said = node.wait_with_output().unwrap();
    assert!(said.status.success());
    serde_json::from_slice(&said.stdout).unwrap()
}

#[test]
fn the_next_twenty_of_five_hundred_are_those_of_cron_parser() {
    let mut dice = Dice(0x6472_6f6f_7721);
    let asked: Vec<Value> = (0..500)
        .map(|_| {
            let (zone, from) = (ZONES[dice.roll(ZONES.len())], FROM[dice.roll(FROM.len())]);
            json!({ "expression": dice.expression(), "zone": zone, "from": from, "count": 20 })
        })
        .collect();
    let theirs = theirs(&json!(asked));

    let (mut others, mut compared) = (Vec::new(), 0);
    for (asked, theirs) in asked.iter().zip(theirs) {
        let text = |name: &str| asked[name].as_str().unwrap();
        let calendar = Calendar::read(text("expression"), text("zone")).unwrap();
        let ours = calendar.upcoming(Timestamp::parse(text("from")).unwrap(), 20);
        let ours = ours.iter().map(|at| Timestamp::parse(at).unwrap().seconds());
        let ours: Vec<i64> = ours.take(theirs.len()).collect();
        compared += theirs.len();
        if ours != theirs {
            let at = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs);
            others.push(format!("{asked}: from {at:?} on, ours {ours:?}, theirs {theirs:?}"));
        }
    }
    assert!(compared > 9_500, "{compared}");
    assert!(
        others.is_empty(),
        "{} of 500 differ:\n{}",
        others.len(),
        others[..others.len().min(5)].join("\n")
    );
}
