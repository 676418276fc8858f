//! The permissions of this server, its own and those of its configuration, made known when it starts.

use super::{entity, known};
use crate::base::Result;
use crate::db::{Above, Db};

/// Whatever is new here is inserted and held by every admin; nothing is deleted, since another node's configuration, or
/// the one after a rollback, may know it (W-53).
pub async fn make_known(db: &Db, configured: &[String], now: crate::base::Timestamp) -> Result<()> {
    let wanted: Vec<String> =
        known::OF_ADMIN.iter().map(|own| (*own).to_owned()).chain(configured.iter().cloned()).collect();
    let asked = wanted.clone();
    let there = db.above(Above::Operator).read(move |conn| Ok(entity::named(conn, &asked)?)).await?;
    if there.len() == wanted.len() {
        return Ok(());
    }
    let write = db.above(Above::Operator).write(move |conn| {
        for identifier in &wanted {
            entity::ensure(conn, identifier, now)?;
        }
        entity::hold_by_admins(conn, known::ADMIN, now)?;
        Ok(())
    });
    write.await
}
