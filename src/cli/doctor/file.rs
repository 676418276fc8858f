//! Whether a server could start on an SQLite file.

use super::Finding;
use crate::db::DbConn;
use crate::db::copy::{Look, damage, try_to_write};

pub fn file(conn: &mut DbConn) -> Option<Finding> {
    if conn.is_postgres() {
        return None;
    }
    let (closer, access) = (
        "`doorward verify` looks closer; `doorward restore FILE` puts a backup in its place",
        "may this user write the file and its folder, and is there room on the disk?",
    );
    Some(match damage(conn, Look::Quick) {
        Err(error) => Finding::fail("file", error.words(), access),
        Ok(damage) if !damage.is_empty() => Finding::fail("file", damage.join("; "), closer),
        Ok(_) => match try_to_write(conn) {
            Ok(()) => Finding::ok("file", "its pages are sound, and it can be written"),
            // Somebody else writes: then it can be written.
            Err(error) if error.to_string().contains("locked") => Finding::ok("file", "its pages are sound"),
            Err(error) => Finding::fail("file", format!("cannot be written: {error}"), access),
        },
    })
}
