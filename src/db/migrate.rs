//! Forward-only migrations: one migrator at a time, drift refused, and the database remembers whose it is.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::conn::DbConn;
use super::wall;
use crate::base::{Error, Result, Timestamp};

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// "door" in ASCII: the session lock that migrators of one PostgreSQL database share.
const LOCK: i64 = 0x646f_6f72;

/// diesel keeps names only; an edited migration would go unseen.
const CHECKSUMS: &str =
    "CREATE TABLE IF NOT EXISTS migration_checksums (version text PRIMARY KEY, checksum text NOT NULL)";

#[derive(Debug, PartialEq, Eq)]
pub struct Migrated {
    pub applied: Vec<String>,
}

/// Brings the database at `url` up to this program, or refuses: another environment's, changed migrations, newer ones.
pub fn migrate(url: &str, environment: &str, now: Timestamp) -> Result<Migrated> {
    let mut conn = DbConn::open(url).map_err(Error::internal)?;
    // Whoever comes second waits for the first, however long that one's migrations take.
    if !conn.is_postgres() {
        conn.batch_execute("PRAGMA busy_timeout=600000")?;
        return alone(&mut conn, environment, now);
    }
    conn.batch_execute("SET lock_timeout=0; SET statement_timeout=0")?;
    lock(&mut conn, "SELECT pg_advisory_lock($1)")?;
    let migrated = run(&mut conn, environment, now);
    lock(&mut conn, "SELECT pg_advisory_unlock($1)")?;
    migrated
}

/// How far a database is, without changing it.
#[derive(Debug, Default)]
pub struct Level {
    /// What a migration would still do.
    pub pending: Vec<String>,
    /// To which environment it belongs; none before the first migration.
    pub environment: Option<String>,
    /// Why a migration would be refused: drift, or a database that is ahead of this program.
    pub refused: Option<String>,
}

/// Looks and changes nothing, for `migrate --check` and `doctor`.
pub fn level(conn: &mut DbConn) -> Result<Level> {
    use super::schema::installation::dsl;
    let known = if conn.is_postgres() {
        "SELECT count(*) AS found FROM information_schema.tables WHERE table_name = 'migration_checksums' \
         AND table_schema = current_schema()"
    } else {
        "SELECT count(*) AS found FROM sqlite_schema WHERE name = 'migration_checksums'"
    };
    if diesel::sql_query(known).get_result::<Found>(conn)?.found == 0 {
        let pending = checksums(conn.is_postgres())?.into_iter().map(|(name, _)| name).collect();
        return Ok(Level { pending, ..Level::default() });
    }
    let refused = refuse_drift(conn).err().map(|error| error.words());
    let environment = dsl::installation.select(dsl::environment).get_result(conn).optional()?;
    Ok(Level { pending: pending(conn)?, environment, refused })
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    found: i64,
}

fn lock(conn: &mut DbConn, how: &str) -> QueryResult<usize> {
    diesel::sql_query(how).bind::<BigInt, _>(LOCK).execute(conn)
}

/// On SQLite everything is one transaction under its write lock: of six that start at once five find it done.
fn alone(conn: &mut DbConn, environment: &str, now: Timestamp) -> Result<Migrated> {
    conn.begin_write()?;
    match run(conn, environment, now) {
        Ok(migrated) => {
            conn.commit()?;
            Ok(migrated)
        }
        Err(error) => {
            conn.roll_back();
            Err(error)
        }
    }
}

/// The versions that this program knows and the database at `conn` lacks.
pub fn pending(conn: &mut DbConn) -> Result<Vec<String>> {
    let pending = match conn {
        DbConn::Pg(pg) => pg
            .pending_migrations(POSTGRES)
            .map_err(Error::internal)?
            .iter()
            .map(|m| m.name().to_string())
            .collect(),
        DbConn::Sqlite(sqlite) => sqlite
            .pending_migrations(SQLITE)
            .map_err(Error::internal)?
            .iter()
            .map(|m| m.name().to_string())
            .collect(),
    };
    Ok(pending)
}

fn run(conn: &mut DbConn, environment: &str, now: Timestamp) -> Result<Migrated> {
    diesel::sql_query(CHECKSUMS).execute(conn)?;
    if refuse_drift(conn)? {
        // Before anything is changed: another environment's database is not to be migrated first and refused then.
        belong_to(conn, environment, now)?;
    }
    let applied = match conn {
        DbConn::Pg(pg) => pg.run_pending_migrations(POSTGRES).map_err(Error::internal)?,
        DbConn::Sqlite(sqlite) => sqlite.run_pending_migrations(SQLITE).map_err(Error::internal)?,
    };
    let applied: Vec<String> = applied.iter().map(ToString::to_string).collect();
    remember_checksums(conn)?;
    wall::raise(conn)?;
    belong_to(conn, environment, now)?;
    Ok(Migrated { applied })
}

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Text)]
    checksum: String,
}

#[derive(QueryableByName)]
struct Shape {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    words: String,
}

fn shapes(conn: &mut DbConn) -> Result<BTreeMap<String, String>> {
    let question = "SELECT name, type || ' ' || tbl_name || ' ' || coalesce(sql, '') AS words FROM sqlite_schema \
         WHERE name NOT LIKE 'sqlite_stat%'";
    let shapes: Vec<Shape> = diesel::sql_query(question).load(conn)?;
    Ok(shapes.into_iter().map(|shape| (shape.name, shape.words)).collect())
}

/// Tables and indexes of an SQLite file that are not as these migrations make them: bent by hand, or by the disk, where
/// they stand as text like any other. Of a file that lacks migrations nothing is said.
pub fn bent(conn: &mut DbConn) -> Result<Vec<String>> {
    if conn.is_postgres() {
        return Ok(Vec::new());
    }
    let found = shapes(conn)?;
    let done =
        diesel::sql_query("SELECT count(*) AS found FROM migration_checksums").get_result::<Found>(conn);
    let all = i64::try_from(TEXTS.len()).unwrap_or(i64::MAX);
    if found.is_empty() || done.is_ok_and(|done| done.found < all) {
        return Ok(Vec::new());
    }
    let mut fresh = DbConn::open(":memory:").map_err(Error::internal)?;
    alone(&mut fresh, "test", Timestamp::EPOCH)?;
    let made = shapes(&mut fresh)?;
    let bent = made.into_iter().filter(|(name, words)| found.get(name) != Some(words));
    Ok(bent.map(|(name, _)| format!("{name} is not as this program's migrations make it")).collect())
}

/// True when this database was migrated before.
fn refuse_drift(conn: &mut DbConn) -> Result<bool> {
    let ours = checksums(conn.is_postgres())?;
    let known: Vec<Known> =
        diesel::sql_query("SELECT version, checksum FROM migration_checksums").load(conn)?;
    let before = !known.is_empty();
    for Known { version, checksum } in known {
        match ours.iter().find(|(name, _)| *name == version) {
            Some((_, ours)) if *ours == checksum => {}
            Some(_) => {
                return Err(Error::internal(format!("migration {version} was changed after it ran here")));
            }
            None => {
                return Err(Error::internal(format!(
                    "the database has migration {version}, which this older program does not know"
                )));
            }
        }
    }
    Ok(before)
}

fn remember_checksums(conn: &mut DbConn) -> Result<()> {
    for (version, checksum) in checksums(conn.is_postgres())? {
        diesel::sql_query(
            "INSERT INTO migration_checksums (version, checksum) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind::<Text, _>(version)
        .bind::<Text, _>(checksum)
        .execute(conn)?;
    }
    Ok(())
}

fn checksums(postgres: bool) -> Result<Vec<(String, String)>> {
    macro_rules! of {
        ($source:expr, $database:ty) => {{
            let migrations = MigrationSource::<$database>::migrations(&$source).map_err(Error::internal)?;
            migrations
                .iter()
                .map(|m| (m.name().to_string(), checksum_of(&m.name().to_string(), postgres)))
                .collect()
        }};
    }
    Ok(if postgres { of!(POSTGRES, diesel::pg::Pg) } else { of!(SQLITE, diesel::sqlite::Sqlite) })
}

/// Every migration's text, once more and by name: what diesel embeds cannot be read back.
fn checksum_of(name: &str, postgres: bool) -> String {
    let text = TEXTS
        .iter()
        .find(|(known, ..)| *known == name)
        .map(|(_, pg, sqlite)| if postgres { pg } else { sqlite });
    hex::encode(digest(&SHA256, text.copied().unwrap_or_default().as_bytes()))
}

macro_rules! texts {
    ($($name:literal),*) => {
        &[$((
            $name,
            include_str!(concat!("../../migrations/postgres/", $name, "/up.sql")),
            include_str!(concat!("../../migrations/sqlite/", $name, "/up.sql")),
        )),*]
    };
}

/// Each new migration is named here too; `tests` refuse one that is not.
pub const TEXTS: &[(&str, &str, &str)] = texts![
    "00000000000001_init",
    "00000000000002_backups",
    "00000000000003_second_wall",
    "00000000000004_growth",
    "00000000000005_guests",
    "00000000000006_idempotency",
    "00000000000007_addresses",
    "00000000000008_actions",
    "00000000000009_webhooks",
    "00000000000010_deliveries",
    "00000000000011_bounds",
    "00000000000012_cronjobs",
    "00000000000013_packs",
    "00000000000014_chats",
    "00000000000015_inbound_webhooks"
];

fn belong_to(conn: &mut DbConn, environment: &str, now: Timestamp) -> Result<()> {
    use super::schema::installation::dsl;
    let theirs: Option<String> = dsl::installation.select(dsl::environment).get_result(conn).optional()?;
    match theirs {
        Some(theirs) if theirs == environment => Ok(()),
        Some(theirs) => Err(Error::internal(format!(
            "this database belongs to the environment \"{theirs}\", and DOORWARD_ENV says \"{environment}\""
        ))),
        None => {
            let row = (
                dsl::id.eq(1),
                dsl::environment.eq(environment),
                dsl::restore_epoch.eq(0_i64),
                dsl::created_at.eq(now),
            );
            diesel::insert_into(dsl::installation).values(row).execute(conn)?;
            Ok(())
        }
    }
}
