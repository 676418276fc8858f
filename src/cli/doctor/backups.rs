//! Whether the database could be brought back, and whether what opens it lies apart from it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;

use super::Finding;
use crate::components::Clock;
use crate::components::config::{Environment, Loaded, Source};
use crate::components::database::file_of;
use crate::db::DbConn;
use crate::db::durability::{Archiving, archiving};
use crate::management::entity::copies::last_backup;

/// Whoever backs up every night is never warned of a night.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// In production alone: what is lost elsewhere can be made again.
pub fn backups(loaded: &Loaded, conn: &mut DbConn) -> Option<Finding> {
    if loaded.config.environment != Environment::Production {
        return None;
    }
    if conn.is_postgres() {
        return archive(archiving(conn)?);
    }
    let remedy = "`doorward backup FILE`, every night, to another machine: docs/backup.md";
    Some(match last_backup(conn) {
        Err(error) => Finding::fail("backups", error.to_string(), "the database must answer"),
        Ok(None) => Finding::warn("backups", "there was never one", remedy),
        Ok(Some((at, to))) if Clock::real().now().since(at) > STALE => {
            Finding::warn("backups", format!("the last one is of {at}, to {to}"), remedy)
        }
        Ok(Some((at, to))) => Finding::ok("backups", format!("the last one is of {at}, to {to}")),
    })
}

fn archive(archiving: Archiving) -> Option<Finding> {
    let remedy = "set archive_mode and archive_command (docs/backup.md), unless your provider makes backups of its own";
    Some(match archiving {
        Archiving::Off => {
            Finding::warn("backups", "PostgreSQL archives no log, so a backup ends where it began", remedy)
        }
        Archiving::Fails => {
            let remedy = "PostgreSQL's log says why; until it is mended the log fills its disk";
            Finding::warn("backups", "PostgreSQL could not archive its log when it last tried", remedy)
        }
        Archiving::Runs => Finding::ok("backups", "PostgreSQL archives its log"),
    })
}

/// Whoever gets hold of a folder with both has everything. Development keeps them together on purpose.
pub fn key_apart(loaded: &Loaded, conn: &mut DbConn) -> Option<Finding> {
    if loaded.config.environment.is_local() {
        return None;
    }
    let key = match loaded.sources.get("keys.master")? {
        Source::VariableFile(_, path) | Source::File(path) => path.canonicalize().ok()?,
        _ => return None,
    };
    let database = file_of(loaded.config.database.url.expose_secret());
    let backup = last_backup(conn).ok().flatten().map(|(_, to)| PathBuf::from(to));
    let beside = |file: &Path| file.canonicalize().is_ok_and(|file| are_together(&key, &file));
    let remedy = "move it, and give its new place in DOORWARD_MASTER_KEY_FILE: whoever gets that folder has everything";
    let [database, backup] = [(database, "the database"), (backup, "the last backup")]
        .map(|(file, what)| file.filter(|file| beside(file)).map(|file| (file, what)));
    let (file, what) = database.or(backup)?;
    let words = format!("key kept beside the data: {} and {what}, {}", key.display(), file.display());
    Some(Finding::warn("master key", words, remedy))
}

/// Below one folder, be it the one's or the other's. Everything is below the root.
fn are_together(key: &Path, data: &Path) -> bool {
    let (Some(key), Some(data)) = (key.parent(), data.parent()) else { return false };
    let root = Path::new("/");
    (key != root && data.starts_with(key)) || (data != root && key.starts_with(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_beside_the_data_when_one_folder_holds_the_other() {
        let together = |key: &str| are_together(Path::new(key), Path::new("/var/lib/doorward/doorward.db"));

        assert!(together("/var/lib/doorward/master.key"));
        assert!(together("/var/lib/doorward/keys/master.key"));
        assert!(together("/var/lib/master.key"));
        assert!(!together("/etc/doorward/master.key"));
        assert!(!together("/master.key"));
        assert!(!together("/var/lib/doorward-keys/master.key"));
    }
}
