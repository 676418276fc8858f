//! Copies of the whole database: made, looked at, and made harmless where one took the database's place.

use std::path::{Path, PathBuf};

use serde_json::json;
use tracing::instrument;

use super::super::entity::canary;
use super::super::entity::copies::{self, Ended};
use crate::base::{Error, Result};
use crate::components::config::Environment;
use crate::components::vault::Vault;
use crate::db::copy::{self, Look};
use crate::db::migrate;
use crate::db::tx::Audit;
use crate::identity::Scope;

/// One moment of the database, into an empty file.
#[instrument(name = "management.copy_into", skip_all)]
pub async fn copy_into(scope: &Scope, file: PathBuf) -> Result<()> {
    scope.read(move |conn| copy::copy_into(conn, &file)).await
}

/// The database knows when it was last copied, and the audit who has had a copy of everything.
#[instrument(name = "management.note_backup", skip_all)]
pub async fn note_backup(scope: &Scope, to: String, bytes: u64) -> Result<()> {
    let noted = scope.write(move |tx| {
        copies::note_backup(tx.conn, &to, tx.now)?;
        tx.audit(Audit::success("database.backup").with(json!({ "to": to, "bytes": bytes })))
    });
    noted.await
}

/// After an older copy took the database's place, or PostgreSQL recovered to an earlier moment: whatever was ended,
/// used or sent since stays so. May run again: then there is less to end.
#[instrument(name = "management.restore", skip_all)]
pub async fn restore(scope: &Scope) -> Result<Ended> {
    let restored = scope.write(|tx| {
        tx.conn.take_time()?;
        let ended = copies::end(tx.conn, tx.now)?;
        tx.audit(Audit::success("database.restore").with(json!(ended)))?;
        Ok(ended)
    });
    restored.await
}

/// Refuses, in a sentence each, a copy that a server could not start on: damaged, of another environment, of a newer
/// program, or sealed under another master key.
pub fn check_copy(file: &Path, environment: Environment, vault: &Vault) -> Result<()> {
    let refused = |why: String| Error::internal(format!("the copy is of no use: {why}"));
    let mut conn = copy::look_into(file)?;
    let damage = copy::damage(&mut conn, Look::Whole)?;
    if !damage.is_empty() {
        return Err(refused(format!("it is damaged:\n  {}", damage.join("\n  "))));
    }
    let level = migrate::level(&mut conn).map_err(|error| refused(error.words()))?;
    if let Some(why) = level.refused {
        return Err(refused(why));
    }
    match level.environment {
        None => return Err(refused("it is no database of this program".into())),
        Some(theirs) if theirs != environment.to_string() => {
            return Err(refused(format!("it belongs to {theirs}, the settings say {environment}")));
        }
        Some(_) => {}
    }
    match canary(&mut conn)? {
        Some(sealed) => vault.check_canary(&sealed).map_err(|error| refused(error.words())),
        None => Ok(()),
    }
}
