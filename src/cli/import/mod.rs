//! `doorward users import`: people of another system, with the hashes that it made, a line each.

mod fate;
mod lines;
mod person;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;

use super::desk::{self, at_desk};
use super::settings::Flags;
use super::{Done, PARTLY};
use crate::auth::password::events::{self, AT_ONCE, Outcome};
use crate::base::{Error, Result};
use crate::components::terminal::say;
use crate::identity::Scope;
use crate::management::events::in_tenant;
use fate::{Fate, Judge, Verdict};
use source::{Format, Source};

/// What was understood of the file is said this often.
const TOLD_EVERY: u64 = 10_000;

const AFTER: &str = "\
A line of JSON, or of CSV under a head with the same names:
  {\"email\":\"ada@example.com\",\"verified\":true,\"passwordHash\":\"$2b$12$...\"}
  email,verified,passwordHash

  email         needed
  name          [default: none]
  locale        en or nl [default: the tenant's]
  verified      the address is known to be theirs [default: false]
  mustChange    they choose a new password at the next login [default: false]
  passwordHash  argon2, bcrypt, scrypt or pbkdf2 [default: they ask for a reset]

Who is there already is left alone, so the same file may be imported again.
Exit codes: 0 all are in, 6 some lines were refused, 1 it ended early.

Examples:
  doorward users import people.jsonl --tenant library --dry-run
  doorward users import people.csv --tenant library
  zcat people.jsonl.gz | doorward users import - --format jsonl --tenant library";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Import {
    /// One person a line, .jsonl or .csv; `-` reads from stdin.
    file: PathBuf,
    /// The tenant whose people they become.
    #[arg(long)]
    tenant: String,
    /// What the lines are, where the file's name does not tell.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Look at every line and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Stop at the first line that is refused; what stands before it is in.
    #[arg(long)]
    stop_on_error: bool,
}

#[derive(Debug, Default)]
struct Tally {
    made: u64,
    there: u64,
    refused: u64,
}

pub fn run(flags: &Flags, import: &Import) -> Done {
    let mut source = Source::open(&import.file, import.format)?;
    at_desk(flags, async |scope| {
        let scope = in_tenant(&scope, &import.tenant).await?;
        let mut tally = Tally::default();
        let stopped = carry(&scope, import, &mut source, &mut tally).await;
        say(&tally.told(import.dry_run));
        match stopped? {
            Some(line) => {
                eprintln!("doorward: stopped at line {line}; mend it, and run the same command again");
                Ok(ExitCode::FAILURE)
            }
            None if tally.refused > 0 => Ok(ExitCode::from(PARTLY)),
            None => Ok(desk::OK),
        }
    })
}

/// A batch at a time, so that a file of millions needs no more memory than a short one. Gives the line it stopped at.
async fn carry(
    scope: &Scope,
    import: &Import,
    source: &mut Source,
    tally: &mut Tally,
) -> Result<Option<u64>> {
    let mut judge = Judge::new(scope.now(), import.dry_run);
    loop {
        let batch = source.batch(AT_ONCE).map_err(Error::internal)?;
        if batch.is_empty() {
            return Ok(None);
        }
        let addresses = batch.iter().filter_map(|line| line.person.as_ref().ok()).map(|p| p.email.as_str());
        let known = events::known_among(scope, addresses.map(str::to_owned).collect()).await?;
        let mut verdicts = judge.over(batch, &known);
        let wrong = verdicts.iter().position(Verdict::is_refused).filter(|_| import.stop_on_error);
        verdicts.truncate(wrong.map_or(usize::MAX, |at| at + 1));
        let stopped = verdicts.last().filter(|_| wrong.is_some()).map(|verdict| verdict.line);
        let before = tally.lines();
        settle(scope, import.dry_run, verdicts, tally).await?;
        tally.tell(before, import.dry_run);
        if stopped.is_some() {
            return Ok(stopped);
        }
    }
}

async fn settle(scope: &Scope, dry_run: bool, verdicts: Vec<Verdict>, tally: &mut Tally) -> Result<()> {
    let (mut lines, mut people) = (Vec::new(), Vec::new());
    for Verdict { line, email, fate } in verdicts {
        match fate {
            Fate::Make(person) => {
                lines.push((line, email));
                people.push(*person);
            }
            Fate::There => tally.there += 1,
            Fate::Refused(wrong) => tally.refuse(&wrong.told(line, email.as_deref())),
        }
    }
    if dry_run {
        tally.made += people.len() as u64;
        return Ok(());
    }
    let outcomes = events::carry_over(scope, people).await?;
    for ((line, email), outcome) in lines.into_iter().zip(outcomes) {
        match outcome {
            Outcome::Made(_) => tally.made += 1,
            // Somebody signed up with it since we looked.
            Outcome::There(_) => tally.there += 1,
            Outcome::Refused(why) => {
                tally.refuse(&person::Wrong::hash(why).told(line, email.as_deref()));
            }
        }
    }
    Ok(())
}

impl Tally {
    fn refuse(&mut self, told: &str) {
        self.refused += 1;
        eprintln!("{told}");
    }

    fn lines(&self) -> u64 {
        self.made + self.there + self.refused
    }

    fn tell(&self, before: u64, dry_run: bool) {
        if self.lines() / TOLD_EVERY > before / TOLD_EVERY {
            eprintln!("doorward: {} lines: {}", self.lines(), self.counts(dry_run));
        }
    }

    fn counts(&self, dry_run: bool) -> String {
        let made = if dry_run { "would be made" } else { "made" };
        format!("{} {made}, {} already there, {} refused", self.made, self.there, self.refused)
    }

    fn told(&self, dry_run: bool) -> String {
        let changed = if dry_run { " (a dry run: nothing was changed)" } else { "" };
        format!("{}{changed}", self.counts(dry_run))
    }
}
