//! Migrations: one at a time, never of a changed past, and never another environment's database.

use std::sync::{Arc, Barrier};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use doorward::base::Timestamp;
use doorward::db::migrate;
use doorward::db::migrate::TEXTS;
use doorward::db::schema::installation;

use crate::ground::{Ground, Kind, on_both};

on_both!(
    a_changed_migration_is_refused,
    a_newer_database_is_refused,
    another_environments_database_is_refused_before_it_is_changed,
    six_at_once_migrate_an_empty_database_once,
);

fn again(ground: &Ground, environment: &str) -> Result<(), String> {
    migrate(&ground.url(), environment, Timestamp::EPOCH).map(|_| ()).map_err(|error| error.to_string())
}

async fn a_changed_migration_is_refused(ground: Ground) {
    again(&ground, "test").unwrap();
    ground.connect().batch_execute("UPDATE migration_checksums SET checksum = 'another'").unwrap();

    assert!(again(&ground, "test").unwrap_err().contains("was changed after it ran here"));
}

async fn a_newer_database_is_refused(ground: Ground) {
    let newer = "INSERT INTO migration_checksums (version, checksum) VALUES ('99999999999999_later', 'x')";
    ground.connect().batch_execute(newer).unwrap();

    assert!(again(&ground, "test").unwrap_err().contains("99999999999999_later"));
}

async fn another_environments_database_is_refused_before_it_is_changed(ground: Ground) {
    // A migration that is still to run: were it run, it would fail on the tables that are there.
    ground.connect().batch_execute("DELETE FROM __diesel_schema_migrations").unwrap();

    let refused = again(&ground, "production").unwrap_err();

    assert!(refused.contains("belongs to the environment \"test\""), "{refused}");
}

async fn six_at_once_migrate_an_empty_database_once(ground: Ground) {
    let folder = tempfile::TempDir::with_prefix("doorward-test-").unwrap();
    let url = match ground.kind {
        Kind::Sqlite => format!("sqlite://{}", folder.path().join("six.db").display()),
        Kind::Postgres => {
            let wiped = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
            ground.connect().batch_execute(wiped).unwrap();
            ground.url()
        }
    };

    let migrators: Vec<_> = (0..6)
        .map(|_| {
            let url = url.clone();
            std::thread::spawn(move || migrate(&url, "test", Timestamp::EPOCH))
        })
        .collect();
    let migrated: Vec<_> = migrators.into_iter().map(|one| one.join().unwrap().unwrap()).collect();

    assert_eq!(migrated.iter().filter(|one| !one.applied.is_empty()).count(), 1);
    let mut conn = doorward::db::DbConn::open(&url).unwrap();
    assert_eq!(installation::table.count().get_result::<i64>(&mut conn).unwrap(), 1);
}

/// SQLite lets one of several turn a new file to WAL and refuses the others at once; fifty rounds meet that some ten times.
#[test]
fn of_six_who_open_a_new_file_at_once_none_is_refused() {
    for _ in 0..50 {
        let folder = tempfile::TempDir::with_prefix("doorward-test-").unwrap();
        let url = format!("sqlite://{}", folder.path().join("new.db").display());
        let barrier = Arc::new(Barrier::new(6));
        let opened: Vec<_> = (0..6)
            .map(|_| {
                let (url, barrier) = (url.clone(), barrier.clone());
                std::thread::spawn(move || {
                    barrier.wait();
                    doorward::db::DbConn::open(&url).map(|_| ()).map_err(|error| error.to_string())
                })
            })
            .collect();
        for one in opened {
            assert_eq!(one.join().unwrap(), Ok(()));
        }
    }
}

/// The version before goes on serving while the new one migrates, and until its last copy has been stopped: it must find
/// all that it reads, and what it writes must be taken.
#[test]
fn a_migration_takes_nothing_away_from_the_version_that_still_serves() {
    for (name, postgres, sqlite) in &TEXTS[1..] {
        for statement in [postgres, sqlite].iter().flat_map(|text| text.split(';')) {
            let words = statement.split_whitespace().map(str::to_uppercase).collect::<Vec<_>>().join(" ");
            let taken = ["DROP TABLE", "DROP COLUMN", " RENAME ", " ALTER COLUMN "];
            assert!(!taken.iter().any(|word| words.contains(word)), "{name} takes away:{statement}");
            let demands = words.contains("ADD COLUMN") && words.contains("NOT NULL");
            assert!(
                !demands || words.contains("DEFAULT"),
                "{name} demands what the version before does not write"
            );
        }
    }
}
