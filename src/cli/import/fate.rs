//! What becomes of a line: its person is made, is there already, or is refused.

use std::collections::{BTreeMap, HashSet};

use aws_lc_rs::digest::{SHA256, digest};

use super::person::Wrong;
use super::source::Read;
use crate::auth::password::events::Imported;
use crate::base::Timestamp;

pub enum Fate {
    Make(Box<Imported>),
    There,
    Refused(Wrong),
}

pub struct Verdict {
    pub line: u64,
    pub email: Option<String>,
    pub fate: Fate,
}

impl Verdict {
    pub fn is_refused(&self) -> bool {
        matches!(self.fate, Fate::Refused(_))
    }
}

/// Knows which addresses stood in the file before. The database tells of earlier batches, so that only a dry run,
/// which writes nothing, has to remember them, and it does so up to a bound.
pub struct Judge {
    began: Timestamp,
    dry_run: bool,
    seen: HashSet<[u8; 12]>,
}

/// Some 64 MiB.
const REMEMBERED: usize = 2_000_000;

impl Judge {
    pub fn new(began: Timestamp, dry_run: bool) -> Self {
        Self { began, dry_run, seen: HashSet::new() }
    }

    pub fn over(&mut self, batch: Vec<Read>, known: &BTreeMap<String, Timestamp>) -> Vec<Verdict> {
        if !self.dry_run || self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        batch.into_iter().map(|read| self.of(read, known)).collect()
    }

    fn of(&mut self, Read { line, person }: Read, known: &BTreeMap<String, Timestamp>) -> Verdict {
        let email = person.as_ref().ok().map(|person| person.email.as_str().to_owned());
        let fate = match person {
            Err(wrong) => Fate::Refused(wrong),
            Ok(person) => {
                let address = person.email.as_str();
                match known.get(address) {
                    // This very run made them.
                    Some(since) if *since >= self.began => Fate::Refused(twice()),
                    Some(_) => Fate::There,
                    None if !self.seen.insert(mark(address)) => Fate::Refused(twice()),
                    None => Fate::Make(Box::new(person)),
                }
            }
        };
        Verdict { line, email, fate }
    }
}

fn twice() -> Wrong {
    Wrong::new("import.email.twice", "an earlier line has this address, or they signed up a moment ago")
}

fn mark(address: &str) -> [u8; 12] {
    let mut mark = [0; 12];
    mark.iter_mut().zip(digest(&SHA256, address.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    mark
}
