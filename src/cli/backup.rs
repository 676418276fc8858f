//! `doorward backup`: a copy of the SQLite database, whole and looked at, while a server goes on writing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use secrecy::ExposeSecret;

use super::desk::{self, at_desk};
use super::settings::Flags;
use super::{Done, ELSEWHERE};
use crate::base::Error;
use crate::components::copies::{Draft, digest, digest_line, digest_of};
use crate::components::database::file_of;
use crate::components::terminal::say;
use crate::db::is_postgres;
use crate::identity::Scope;
use crate::management::events::copies;

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 7 on PostgreSQL, which has its own ways: docs/backup.md.\n\n\
                        Examples:\n  doorward backup /mnt/backup/doorward-monday.db\n  doorward backup /mnt/backup/doorward.db --force")]
pub struct Backup {
    /// Where to put it; FILE.sha256 is put beside it.
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// Put it in the place of one that is there.
    #[arg(long)]
    force: bool,
}

pub fn run(flags: &Flags, backup: &Backup) -> Done {
    let loaded = flags.load()?;
    let url = loaded.config.database.url.expose_secret();
    if is_postgres(url) {
        eprintln!(
            "doorward: PostgreSQL is backed up by its own programs, pg_basebackup with an archive of its log, or \
             pg_dump: docs/backup.md has the commands"
        );
        return Ok(ExitCode::from(ELSEWHERE));
    }
    let database = file_of(url).ok_or("this database lives in memory alone: there is no file to copy")?;
    if !database.exists() {
        return Err(format!("there is no database at {} yet", database.display()));
    }
    refuse(&backup.to, &database, backup.force)?;
    at_desk(flags, async |scope| {
        let words = back_up(&scope, &backup.to).await?;
        say(&words);
        Ok(desk::OK)
    })
}

/// What must not be written over.
fn refuse(to: &Path, database: &Path, force: bool) -> Result<(), String> {
    let own =
        ["", "-wal", "-shm", ".serving"].map(|ending| crate::components::copies::beside(database, ending));
    let same = |own: &PathBuf| {
        own == to || own.canonicalize().is_ok_and(|own| to.canonicalize().is_ok_and(|to| own == to))
    };
    if own.iter().any(same) {
        return Err(format!("{} belongs to the database itself; name another file", to.display()));
    }
    if to.is_dir() {
        return Err(format!("{} is a folder; name a file in it", to.display()));
    }
    if to.exists() && !force {
        return Err(format!("{} is there already; name another, or say --force", to.display()));
    }
    Ok(())
}

async fn back_up(scope: &Scope, to: &Path) -> Result<String, Error> {
    let began = scope.now();
    let named = |error: std::io::Error| Error::internal(format!("{}: {error}", to.display()));
    let draft = Draft::beside(to).map_err(named)?;
    copies::copy_into(scope, draft.path().to_owned()).await?;
    copies::check_copy(draft.path(), scope.house.config.environment, &scope.house.vault)?;
    let line = digest_line(&digest(draft.path()).map_err(named)?, to);
    let beside = Draft::beside(&digest_of(to)).map_err(named)?;
    beside.write(&line).map_err(named)?;
    let bytes = draft.put(to).map_err(named)?;
    beside.put(&digest_of(to)).map_err(named)?;
    let whole = to.canonicalize().map_err(named)?;
    copies::note_backup(scope, whole.display().to_string(), bytes).await?;
    let took = scope.now().since(began).as_millis();
    Ok(format!(
        "{} holds the database as of {began}: {}, {took} ms; it is sound and opens with this master key, which is not in it",
        whole.display(),
        sized(bytes)
    ))
}

fn sized(bytes: u64) -> String {
    match bytes {
        bytes if bytes < 1 << 20 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        bytes => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}
