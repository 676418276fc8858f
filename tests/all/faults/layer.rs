//! The data layer when things go wrong: nothing is acknowledged that is not kept, and nobody waits for ever.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use doorward::base::{Error, Result};
use doorward::db::{Above, Db, DbConn, DbSettings};
use futures_util::future::join_all;

use crate::ground::{Ground, Kind, on_both, run};

on_both!(
    a_panic_in_one_write_harms_no_other,
    a_panic_in_a_savepoint_leaves_none_open,
    a_commit_that_fails_is_acknowledged_to_nobody,
    a_write_that_loses_to_another_runs_again_or_says_so,
    who_waits_for_a_lock_too_long_is_told_to_come_back,
    more_readers_than_connections_are_refused_and_never_hang,
);

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn open(ground: &Ground, connections: u32) -> Db {
    ground.connect().batch_execute("CREATE TABLE kept (id BIGINT PRIMARY KEY, value BIGINT)").unwrap();
    Db::open(&DbSettings { url: ground.url(), connections, cache_kib: 2_000 }).unwrap()
}

fn put(conn: &mut DbConn, id: i64) -> Result<()> {
    diesel::sql_query(format!("INSERT INTO kept (id, value) VALUES ({id}, 0)")).execute(conn)?;
    Ok(())
}

fn add(conn: &mut DbConn, id: i64) -> Result<()> {
    diesel::sql_query(format!("UPDATE kept SET value = value + 1 WHERE id = {id}")).execute(conn)?;
    Ok(())
}

fn kept(ground: &Ground) -> i64 {
    let count = diesel::sql_query("SELECT count(*) AS count FROM kept");
    count.get_result::<Count>(&mut ground.connect()).unwrap().count
}

async fn a_panic_in_one_write_harms_no_other(ground: Ground) {
    let db = open(&ground, 4);

    let writes = (0..30).map(|id| {
        db.above(Above::Operator).write(move |conn| {
            put(conn, id)?;
            assert!(id % 3 != 0, "a planned panic");
            Ok(id)
        })
    });
    let written = join_all(writes).await;

    let good = written.iter().filter(|one| one.is_ok()).count();
    assert_eq!((good, kept(&ground)), (20, 20));
}

async fn a_panic_in_a_savepoint_leaves_none_open(ground: Ground) {
    let db = open(&ground, 1);

    let fell = db.above(Above::Operator).write(|conn| {
        put(conn, 1)?;
        conn.nested(|conn| -> Result<()> {
            put(conn, 2)?;
            panic!("a planned panic")
        })
    });
    assert!(fell.await.is_err());
    db.above(Above::Operator).write(|conn| put(conn, 3)).await.unwrap();

    // From another connection: what was acknowledged is committed, not only released.
    assert_eq!(kept(&ground), 1);
    db.above(Above::Operator).write(|conn| put(conn, 4)).await.unwrap();
    assert_eq!(kept(&ground), 2);
}

async fn a_commit_that_fails_is_acknowledged_to_nobody(ground: Ground) {
    let db = open(&ground, 4);
    let later = "CREATE TABLE leaning (id BIGINT REFERENCES kept (id) DEFERRABLE INITIALLY DEFERRED)";
    ground.connect().batch_execute(later).unwrap();

    let writes = (0..10).map(|id| {
        db.above(Above::Operator).write(move |conn| {
            put(conn, id)?;
            if id == 5 {
                conn.batch_execute("INSERT INTO leaning (id) VALUES (999)")?;
            }
            Ok(())
        })
    });
    let written = join_all(writes).await;

    let good = written.iter().filter(|one| one.is_ok()).count();
    assert!(written[5].is_err());
    assert_eq!(i64::try_from(good).unwrap(), kept(&ground), "as many as were acknowledged");
    db.above(Above::Operator).write(|conn| put(conn, 100)).await.unwrap();
    assert_eq!(i64::try_from(good).unwrap() + 1, kept(&ground));
}

/// Two that take two rows in the two orders.
async fn a_write_that_loses_to_another_runs_again_or_says_so(ground: Ground) {
    let db = open(&ground, 4);
    db.above(Above::Operator).write(|conn| put(conn, 1).and_then(|()| put(conn, 2))).await.unwrap();
    let (runs, meet) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let can_cross = ground.kind == Kind::Postgres;

    let crossing = [(1, 2), (2, 1)].map(|(first, second)| {
        let (db, runs, meet) = (db.clone(), runs.clone(), meet.clone());
        let mut crosses = can_cross;
        async move {
            db.above(Above::Operator)
                .write(move |conn| {
                    runs.fetch_add(1, Ordering::SeqCst);
                    add(conn, first)?;
                    // Each holds what the other wants: only now can both go wrong, and only the first time.
                    if std::mem::take(&mut crosses) {
                        meet.wait();
                    }
                    add(conn, second)
                })
                .await
        }
    });
    let written = join_all(crossing).await;

    assert!(written.iter().all(Result::is_ok), "{written:?}");
    assert_eq!(runs.load(Ordering::SeqCst), if ground.kind == Kind::Postgres { 3 } else { 2 });
    let sum = diesel::sql_query("SELECT CAST(sum(value) AS BIGINT) AS count FROM kept");
    assert_eq!(sum.get_result::<Count>(&mut ground.connect()).unwrap().count, 4);
}

async fn who_waits_for_a_lock_too_long_is_told_to_come_back(ground: Ground) {
    let db = open(&ground, 4);
    db.above(Above::Operator).write(|conn| put(conn, 1)).await.unwrap();
    let mut holder = ground.connect();
    holder.begin_write().unwrap();
    diesel::sql_query("UPDATE kept SET value = 7 WHERE id = 1").execute(&mut holder).unwrap();
    let began = Instant::now();

    let update = "UPDATE kept SET value = 8 WHERE id = 1";
    let waited =
        db.above(Above::Operator).write(move |conn| Ok(diesel::sql_query(update).execute(conn)?)).await;

    assert_eq!(waited.unwrap_err().status(), 503);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    holder.roll_back();
    db.above(Above::Operator).write(move |conn| Ok(diesel::sql_query(update).execute(conn)?)).await.unwrap();
}

async fn more_readers_than_connections_are_refused_and_never_hang(ground: Ground) {
    let db = open(&ground, 2);
    let slow = |_: &mut DbConn| {
        std::thread::sleep(Duration::from_secs(3));
        Ok(())
    };
    let holding: Vec<_> = (0..2)
        .map(|_| {
            tokio::spawn({
                let db = db.clone();
                async move { db.above(Above::Operator).read(slow).await }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();

    let refused = join_all((0..50).map(|_| db.above(Above::Operator).read(|_| Ok(())))).await;

    assert!(
        refused
            .iter()
            .all(|one| matches!(one, Err(Error::Refused(_))) && one.as_ref().unwrap_err().status() == 503)
    );
    assert!(began.elapsed() < Duration::from_millis(2600), "{:?}", began.elapsed());
    for one in holding {
        one.await.unwrap().unwrap();
    }
    db.above(Above::Operator).read(|_| Ok(())).await.unwrap();
}

/// SQLite's own troubles end a transaction behind our back: a full disk, and whoever says ROLLBACK.
#[test]
fn a_full_disk_acknowledges_nothing_and_the_writer_lives_on() {
    run(Kind::Sqlite, |ground| async move {
        let db = open(&ground, 2);
        db.above(Above::Operator).write(|conn| put(conn, 1)).await.unwrap();
        db.above(Above::Operator)
            .write(|conn| Ok(conn.batch_execute("PRAGMA max_page_count = 1")?))
            .await
            .unwrap();

        let large = "INSERT INTO kept (id, value) WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n \
                     WHERE i < 200000) SELECT i, i FROM n";
        let writes = (0..6).map(|id| {
            let db = db.clone();
            async move {
                db.above(Above::Operator)
                    .write(move |conn| {
                        put(conn, id + 2)?;
                        if id == 3 {
                            diesel::sql_query(large).execute(conn)?;
                        }
                        Ok(())
                    })
                    .await
            }
        });
        let written = join_all(writes).await;

        let good = written.iter().filter(|one| one.is_ok()).count();
        assert!(written[3].is_err());
        let told =
            written.iter().filter_map(|one| one.as_ref().err()).map(|error| (error.status(), error.key()));
        assert!(
            told.clone().all(|told| told == (503, "error.server.storageFull")),
            "{:?}",
            told.collect::<Vec<_>>()
        );
        assert_eq!(kept(&ground), 1 + i64::try_from(good).unwrap());
        db.above(Above::Operator).write(|conn| put(conn, 100)).await.unwrap();
    });
}

#[test]
fn a_transaction_ended_behind_our_back_acknowledges_nothing_and_the_writer_lives_on() {
    run(Kind::Sqlite, |ground| async move {
        let db = open(&ground, 2);
        let writes = (0..6).map(|id| {
            let db = db.clone();
            async move {
                db.above(Above::Operator)
                    .write(move |conn| {
                        put(conn, id)?;
                        if id == 3 {
                            conn.batch_execute("ROLLBACK")?;
                        }
                        Ok(())
                    })
                    .await
            }
        });
        let written = join_all(writes).await;

        let good = written.iter().filter(|one| one.is_ok()).count();
        assert!(written[3].is_err());
        assert_eq!(kept(&ground), i64::try_from(good).unwrap());
        for id in 10..13 {
            db.above(Above::Operator).write(move |conn| put(conn, id)).await.unwrap();
        }
        assert_eq!(kept(&ground), i64::try_from(good).unwrap() + 3);
    });
}
