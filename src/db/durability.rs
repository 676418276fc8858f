//! What an answered write survives, as the database itself tells it.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::conn::DbConn;
use crate::base::{Result, Timestamp};
use crate::db::sql::Instant;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    /// A power cut.
    pub survives_power: bool,
    /// The loss of this machine.
    pub survives_machine: bool,
    /// In the database's own words.
    pub words: String,
}

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Text)]
    said: String,
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    counted: i64,
}

#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = Instant)]
    told: Timestamp,
}

pub fn durability(conn: &mut DbConn) -> Result<Durability> {
    if conn.is_postgres() { of_postgres(conn) } else { of_sqlite(conn) }
}

fn of_postgres(conn: &mut DbConn) -> Result<Durability> {
    let mut says = |sql: &str| diesel::sql_query(sql).get_result::<Said>(conn).map(|row| row.said);
    let commit = says("SELECT current_setting('synchronous_commit') AS said")?;
    let flushed = says("SELECT current_setting('fsync') AS said")? == "on";
    let standbys =
        "SELECT count(*) AS counted FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')";
    let standbys = diesel::sql_query(standbys).get_result::<Counted>(conn)?.counted;
    let waits = matches!(commit.as_str(), "on" | "remote_apply" | "remote_write" | "local");
    let fsync = if flushed { "on" } else { "off" };
    Ok(Durability {
        survives_power: waits && flushed,
        survives_machine: standbys > 0 && commit != "local",
        words: format!("synchronous_commit={commit}, fsync={fsync}, synchronous standbys: {standbys}"),
    })
}

fn of_sqlite(conn: &mut DbConn) -> Result<Durability> {
    let mode = "SELECT journal_mode AS said FROM pragma_journal_mode";
    let mode = diesel::sql_query(mode).get_result::<Said>(conn)?.said;
    let level = "SELECT synchronous AS counted FROM pragma_synchronous";
    let level = diesel::sql_query(level).get_result::<Counted>(conn)?.counted;
    Ok(Durability {
        survives_power: level >= 2,
        survives_machine: false,
        words: format!("journal_mode={mode}, synchronous={}", name_of(level)),
    })
}

fn name_of(level: i64) -> &'static str {
    match level {
        0 => "OFF",
        1 => "NORMAL",
        2 => "FULL",
        _ => "EXTRA",
    }
}

/// The database's clock; SQLite has none of its own.
pub fn clock(conn: &mut DbConn) -> Result<Option<Timestamp>> {
    if !conn.is_postgres() {
        return Ok(None);
    }
    Ok(Some(diesel::sql_query("SELECT clock_timestamp() AS told").get_result::<Told>(conn)?.told))
}

/// How the archiving of PostgreSQL's log goes, as far as we may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Archiving {
    Off,
    /// Its last try failed.
    Fails,
    Runs,
}

/// None of SQLite, and none where the role may not look.
pub fn archiving(conn: &mut DbConn) -> Option<Archiving> {
    let DbConn::Pg(conn) = conn else { return None };
    let question = "SELECT CASE WHEN current_setting('archive_mode') = 'off' THEN 'off' \
        WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN 'fails' ELSE 'runs' END AS said \
        FROM pg_stat_archiver";
    let said = diesel::sql_query(question).get_result::<Said>(conn).ok()?.said;
    Some(match said.as_str() {
        "off" => Archiving::Off,
        "fails" => Archiving::Fails,
        _ => Archiving::Runs,
    })
}

/// A PostgreSQL that still replays its log takes no writes.
pub fn is_recovering(conn: &mut DbConn) -> Result<bool> {
    let DbConn::Pg(conn) = conn else { return Ok(false) };
    let said = diesel::sql_query("SELECT pg_is_in_recovery()::text AS said").get_result::<Said>(conn)?.said;
    Ok(said == "true")
}
