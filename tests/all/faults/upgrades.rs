//! F24: an upgrade that is killed at any of its steps is finished by the next start, and leaves what one in peace leaves.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use doorward::base::{TenantId, UserId};
use doorward::db::DbConn;
use doorward::db::migrate::TEXTS;
use tempfile::TempDir;

use super::disk::library;
use crate::ground::binary::Installation;
use crate::ground::chance::Chance;
use crate::ground::{Ground, Kind, cluster, on_both, rows};

on_both!(
    f24_an_upgrade_that_is_killed_at_some_steps_is_finished_by_the_next,
    #[ignore = "minutes long: `make faults` runs it"]
    f24_an_upgrade_that_is_killed_at_every_step_is_finished_by_the_next,
);

/// No migration has more steps; one that is never killed would go on for ever.
const MOST: u64 = 5_000;

async fn f24_an_upgrade_that_is_killed_at_some_steps_is_finished_by_the_next(ground: Ground) {
    every(&ground, 19);
}

async fn f24_an_upgrade_that_is_killed_at_every_step_is_finished_by_the_next(ground: Ground) {
    every(&ground, 1);
}

/// From the empty database, and from each version that this program can come to.
fn every(ground: &Ground, stride: u64) {
    let mut chance = Chance::seeded("UPGRADE_SEED");
    let bench = Bench::beside(ground);
    let mut kills = Vec::new();
    for version in 0..TEXTS.len() {
        bench.lay_out(version);
        let in_peace = bench.upgraded(&bench.copy(version, 0), None);
        let (mut at, mut killed) = (1 + chance.next(stride), 0);
        while let Some(copy) = bench.killed(version, at) {
            assert!(bench.upgraded(&copy, None) == in_peace, "from version {version}, killed at step {at}");
            bench.drop(&copy);
            (at, killed) = (at + stride, killed + 1);
            assert!(at < MOST);
        }
        kills.push(killed);
    }
    println!(
        "{:?}: killed {kills:?} times in upgrades from the versions 0 to {}: all finished",
        ground.kind,
        TEXTS.len() - 1
    );
    assert!(kills.iter().all(|killed| *killed > 0), "{kills:?}");
}

/// Databases of several versions, and copies of them to break.
struct Bench {
    kind: Kind,
    folder: TempDir,
    server: String,
}

impl Bench {
    fn beside(ground: &Ground) -> Self {
        let server = ground.url().rsplit_once('/').map(|(server, _)| server.to_owned()).unwrap();
        Self { kind: ground.kind, folder: TempDir::with_prefix("doorward-test-").unwrap(), server }
    }

    fn url(&self, name: &str) -> String {
        match self.kind {
            Kind::Sqlite => format!("sqlite://{}", self.file(name).display()),
            Kind::Postgres => format!("{}/{name}", self.server),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.db"))
    }

    fn named(&self, what: &str) -> String {
        format!("f24_{}_{what}", std::process::id())
    }

    fn admin(&self, words: &str) {
        DbConn::open(&format!("{}/postgres", self.server)).unwrap().batch_execute(words).unwrap();
    }

    /// As the program of that time left it, with a row in each table.
    fn lay_out(&self, version: usize) {
        let name = self.named(&version.to_string());
        if self.kind == Kind::Postgres {
            self.admin(&format!("CREATE DATABASE {name}"));
        }
        let mut conn = DbConn::open(&self.url(&name)).unwrap();
        if version == 0 {
            return;
        }
        let stands = "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
            run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP); \
            CREATE TABLE migration_checksums (version text PRIMARY KEY, checksum text NOT NULL)";
        conn.batch_execute(stands).unwrap();
        for (name, postgres, sqlite) in &TEXTS[..version] {
            let text = if conn.is_postgres() { postgres } else { sqlite };
            conn.batch_execute(text).unwrap();
            let (number, sum) = (name.split_once('_').unwrap().0, digest(&SHA256, text.as_bytes()));
            let done = format!(
                "INSERT INTO __diesel_schema_migrations (version) VALUES ('{number}'); \
                 INSERT INTO migration_checksums VALUES ('{name}', '{}')",
                hex::encode(sum)
            );
            conn.batch_execute(&done).unwrap();
        }
        let now = if conn.is_postgres() { "now()" } else { "1" };
        let house = format!(
            "INSERT INTO installation (id, environment, restore_epoch, created_at) VALUES (1, 'test', 0, {now})"
        );
        conn.batch_execute(&house).unwrap();
        rows::fill(&mut conn, TenantId::new(), UserId::new());
    }

    fn copy(&self, version: usize, number: u64) -> String {
        let (from, to) = (self.named(&version.to_string()), self.named(&format!("{version}_{number}")));
        match self.kind {
            Kind::Sqlite => drop(std::fs::copy(self.file(&from), self.file(&to)).unwrap()),
            Kind::Postgres => self.admin(&format!("CREATE DATABASE {to} TEMPLATE {from}")),
        }
        to
    }

    fn drop(&self, name: &str) {
        match self.kind {
            Kind::Sqlite => std::fs::remove_file(self.file(name)).unwrap(),
            Kind::Postgres => self.admin(&format!("DROP DATABASE {name} WITH (FORCE)")),
        }
    }

    /// A copy whose upgrade ended at that step; none when it was through before.
    fn killed(&self, version: usize, at: u64) -> Option<String> {
        let copy = self.copy(version, at);
        let ran = self.program(&copy, Some(at)).run(&["migrate"]);
        if ran.code == 0 {
            self.drop(&copy);
            return None;
        }
        assert_eq!(ran.code, -1, "{ran:?}");
        Some(copy)
    }

    fn program(&self, name: &str, end: Option<u64>) -> Installation {
        let program = Installation::bare().with("DATABASE_URL", &self.url(name)).with("DOORWARD_ENV", "test");
        match end {
            Some(at) => program
                .with("LD_PRELOAD", &library("end").display().to_string())
                .with("END_AT", &at.to_string()),
            None => program,
        }
    }

    /// What stands in it after an upgrade in peace.
    fn upgraded(&self, name: &str, end: Option<u64>) -> Vec<String> {
        let ran = self.program(name, end).run(&["migrate"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let mut conn = DbConn::open(&self.url(name)).unwrap();
        let mut all = rows_of(&mut conn);
        drop(conn);
        match self.kind {
            Kind::Sqlite => all.extend(shape_of_file(&self.file(name))),
            Kind::Postgres => all.extend(shape_by_dump(&self.url(name))),
        }
        all
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(conn: &mut DbConn, query: &str) -> Vec<String> {
    let lines: Vec<Line> =
        diesel::sql_query(query).load(conn).unwrap_or_else(|error| panic!("{query}: {error}"));
    lines.into_iter().map(|row| row.line).collect()
}

fn rows_of(conn: &mut DbConn) -> Vec<String> {
    let mut all = lines(conn, "SELECT version AS line FROM __diesel_schema_migrations ORDER BY version");
    all.extend(lines(conn, "SELECT version || checksum AS line FROM migration_checksums ORDER BY version"));
    all.extend(lines(conn, "SELECT environment AS line FROM installation"));
    for table in rows::tables(conn) {
        let row = if conn.is_postgres() {
            format!("{table}::text")
        } else {
            let columns = format!("SELECT 'quote(' || name || ')' AS line FROM pragma_table_info('{table}')");
            lines(conn, &columns).join(" || ',' || ")
        };
        all.extend(lines(conn, &format!("SELECT {row} AS line FROM {table} ORDER BY 1")));
    }
    all
}

fn shape_of_file(file: &Path) -> Vec<String> {
    let mut conn = DbConn::open(&file.display().to_string()).unwrap();
    let shape = "SELECT name || ' ' || coalesce(sql, '') AS line FROM sqlite_schema ORDER BY name";
    lines(&mut conn, shape)
}

fn shape_by_dump(url: &str) -> Vec<String> {
    let mut dump = std::process::Command::new(cluster::program("pg_dump"));
    let dumped = dump.args(["--schema-only", "--no-owner", "--dbname", url]).output().unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let text = String::from_utf8(dumped.stdout).unwrap();
    // Newer ones begin and end with a word that is drawn each time.
    text.lines().filter(|line| !line.starts_with('\\')).map(str::to_owned).collect()
}
