//! `doorward restore`: a backup in the database's place, made harmless before it stands there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::desk::{self, at_desk, with};
use super::settings::Flags;
use super::verify::{is_wrong, shown};
use super::{Done, ELSEWHERE, NO};
use crate::app::Given;
use crate::base::Error;
use crate::components::copies::{Draft, beside, is_unchanged, keep_aside};
use crate::components::database::{close, file_of, make_folder};
use crate::components::terminal::say;
use crate::db::copy::{Settled, settle};
use crate::db::durability::is_recovering;
use crate::db::{DbConn, is_postgres, migrate};
use crate::identity::Scope;
use crate::management::entity::copies::Ended;
use crate::management::events::{copies, verify};

#[derive(Debug, clap::Args)]
#[command(after_help = "All sessions end, links and codes die, signing keys are revoked, and waiting\n\
                        mails are put aside: the copy does not know which of them ended, were used\n\
                        or were sent since.\n\
                        Exit code 5 if the restored database breaks a rule, 7 for a FILE on\n\
                        PostgreSQL, which is restored by its own programs.\n\n\
                        Examples:\n  doorward restore /mnt/backup/doorward-monday.db\n  \
                        doorward restore --after-recovery")]
pub struct Restore {
    /// What `doorward backup` wrote.
    #[arg(value_name = "FILE", required_unless_present = "after_recovery")]
    from: Option<PathBuf>,
    /// Take the place of a database that is there; it is kept beside, under a name with the date.
    #[arg(long)]
    force: bool,
    /// The database was brought back by other means: do only what must follow.
    #[arg(long, conflicts_with_all = ["from", "force"])]
    after_recovery: bool,
}

pub fn run(flags: &Flags, restore: &Restore) -> Done {
    let loaded = flags.load()?;
    let url = loaded.config.database.url.expose_secret();
    match &restore.from {
        None => {
            if is_postgres(url) {
                recovered(url)?;
            }
            after_recovery(flags, file_of(url).as_deref())
        }
        Some(_) if is_postgres(url) => {
            eprintln!(
                "doorward: PostgreSQL is restored by its own programs (docs/backup.md); afterwards run `doorward \
                 restore --after-recovery`, before any server starts"
            );
            Ok(ExitCode::from(ELSEWHERE))
        }
        Some(from) => {
            let target =
                file_of(url).ok_or("this database lives in memory alone: there is no file to restore")?;
            if let Some(path) = loaded.would_make_master_key(Path::new(".")) {
                return Err(format!(
                    "there is no master key at {}: put the one there that the backup was made under, or name it by \
                     DOORWARD_MASTER_KEY_FILE; a new one would open nothing of it",
                    path.display()
                ));
            }
            in_place(&flags.for_command()?, from, (&target, restore.force))
        }
    }
}

const SERVED: &str = "a server runs on it; stop that first";

fn recovered(url: &str) -> Result<(), String> {
    let mut conn = DbConn::open(url).map_err(|error| format!("the database does not answer: {error}"))?;
    match is_recovering(&mut conn).map_err(|error| error.words())? {
        true => Err("PostgreSQL still replays its log; wait until pg_is_in_recovery() says f".into()),
        false => Ok(()),
    }
}

fn after_recovery(flags: &Flags, file: Option<&Path>) -> Done {
    let named = |file: &Path, why: &str| format!("{}: {why}", file.display());
    let _closed = match file {
        Some(file) if !file.exists() => return Err(named(file, "there is no database")),
        Some(file) => {
            Some(close(file).map_err(|error| named(file, &error.to_string()))?.ok_or(named(file, SERVED))?)
        }
        None => None,
    };
    at_desk(flags, end_what_was)
}

/// The transaction, and what the database looks like then.
async fn end_what_was(scope: Scope) -> Result<ExitCode, Error> {
    let ended = copies::restore(&scope).await?;
    let faults = verify::verify(&scope).await?;
    say(&told(&ended));
    let wrong = is_wrong(&faults);
    if wrong {
        say(&shown(&faults));
    } else {
        say("the database is sound");
    }
    Ok(if wrong { ExitCode::from(NO) } else { desk::OK })
}

fn told(ended: &Ended) -> String {
    let Ended { sessions, pending_logins, proofs, jobs, keys } = ended;
    format!(
        "ended {sessions} sessions and {pending_logins} pending logins; {proofs} links and codes are void; {jobs} waiting \
         mails and errands are put aside (`doorward jobs list --state dead`); {keys} signing keys are revoked, the next \
         login makes new ones\n\
         undone with the rest is what happened since the copy: passwords changed, people disabled, roles taken away; do \
         again what matters"
    )
}

fn in_place(given: &Given, from: &Path, (target, force): (&Path, bool)) -> Done {
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    unchanged(from)?;
    make_folder(target).map_err(at(target))?;
    let closed = close(target).map_err(at(target))?;
    let _closed = closed.ok_or_else(|| format!("{}: {SERVED}", target.display()))?;
    replaceable(target, force)?;
    let draft = Draft::beside(target).map_err(at(target))?;
    draft.fill(from).map_err(at(from))?;
    let code = make_harmless(given, draft.path())?;
    alone(draft.path())?;
    if target.exists() {
        // A look again: a command may have begun since.
        replaceable(target, true)?;
        let aside = beside(target, &format!(".before-{}", dated(given)));
        keep_aside(target, &aside).map_err(at(&aside))?;
        say(&format!("what was there is kept as {}", aside.display()));
    }
    draft.put(target).map_err(at(target))?;
    say(&format!("{} is restored from {}", target.display(), from.display()));
    Ok(code)
}

/// As part of a file's name.
fn dated(given: &Given) -> String {
    given.clock.now().to_string().replace([':', '-'], "")
}

/// The one who restores must learn it before, not the one who logs in after.
fn unchanged(from: &Path) -> Result<(), String> {
    let named = |why: &str| format!("{}: {why}", from.display());
    if !from.is_file() {
        return Err(named("there is no such file"));
    }
    if fs::metadata(beside(from, "-wal")).is_ok_and(|log| log.len() > 0) {
        return Err(named(
            "this is a database in use, not a backup: part of it lies in the -wal file beside it",
        ));
    }
    match is_unchanged(from).map_err(|error| named(&error.to_string()))? {
        Some(true) => Ok(()),
        Some(false) => {
            Err(named("it is not what was backed up: its digest is not that of the .sha256 file beside it"))
        }
        None => {
            eprintln!(
                "doorward: {}",
                named("there is no .sha256 file beside it, so its bytes were compared with nothing")
            );
            Ok(())
        }
    }
}

/// A database that nobody has open, or one so damaged that nobody can.
fn replaceable(target: &Path, force: bool) -> Result<(), String> {
    if !target.exists() {
        return Ok(());
    }
    if !force {
        let kept = "there is a database already; --force puts the backup in its place and keeps it beside";
        return Err(format!("{}: {kept}", target.display()));
    }
    match settle(target) {
        Settled::Alone => Ok(()),
        Settled::InUse => Err(format!("{}: somebody has it open; end that first", target.display())),
        Settled::Damaged(words) => {
            eprintln!("doorward: {}: {words}; it is kept as it is", target.display());
            Ok(())
        }
    }
}

/// All of it before the copy stands where a server would find it.
fn make_harmless(given: &Given, file: &Path) -> Done {
    copies::check_copy(file, given.config.environment, &given.vault).map_err(|error| error.words())?;
    let url = format!("sqlite://{}", file.display());
    let environment = given.config.environment.to_string();
    migrate(&url, &environment, given.clock.now()).map_err(|error| error.words())?;
    let mut config = (*given.config).clone();
    config.database.url = url.into();
    with(&Given { config: Arc::new(config), ..given.clone() }, end_what_was)
}

/// Connections close a moment after their last user.
fn alone(file: &Path) -> Result<(), String> {
    for _ in 0..100 {
        match settle(file) {
            Settled::Alone => return Ok(()),
            Settled::InUse => std::thread::sleep(Duration::from_millis(50)),
            Settled::Damaged(words) => return Err(format!("{}: {words}", file.display())),
        }
    }
    Err(format!("{}: somebody else has it open", file.display()))
}
