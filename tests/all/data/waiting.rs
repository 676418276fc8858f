//! Writes that meet: who loses a race runs again, who waits in vain is told to come back, whatever the server's language.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use doorward::base::{Result, TenantId};
use doorward::db::schema::tenants;
use doorward::db::{Above, Db, DbConn, DbSettings};
use futures_util::future::join_all;

use crate::ground::app::{App, START};
use crate::ground::work::until;
use crate::ground::{Ground, Kind, on_both};

on_both!(
    two_writes_that_lock_each_other_both_come_through,
    who_waits_too_long_for_a_lock_is_told_to_come_back,
    the_database_is_asked_for_english_and_may_refuse,
    dur_1_no_commit_waits_for_less_than_the_disk,
    what_no_caller_waits_for_leaves_half_of_the_connections_to_callers,
);

fn touch(conn: &mut DbConn, tenant: TenantId) -> Result<()> {
    diesel::update(tenants::table.find(tenant)).set(tenants::updated_at.eq(START)).execute(conn)?;
    Ok(())
}

async fn two_writes_that_lock_each_other_both_come_through(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let (a, b) = (app.native("a").await.tenant, app.native("b").await.tenant);
    // SQLite has one writer: there nobody meets anybody.
    let meeting = if ground.kind == Kind::Postgres { 2 } else { 1 };
    let runs = Arc::new(AtomicUsize::new(0));
    let write = |first, second| {
        let (db, runs) = (app.running.house.db.clone(), runs.clone());
        async move {
            let run = move |conn: &mut DbConn| {
                touch(conn, first)?;
                runs.fetch_add(1, Ordering::SeqCst);
                let began = Instant::now();
                while runs.load(Ordering::SeqCst) < meeting && began.elapsed() < Duration::from_secs(10) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                touch(conn, second)
            };
            db.above(Above::Operator).write(run).await
        }
    };

    let (one, two) = tokio::join!(write(a, b), write(b, a));

    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    // Whoever lost once may lose again before the other has got through.
    assert!(runs.load(Ordering::SeqCst) > meeting, "they never met");
}

async fn who_waits_too_long_for_a_lock_is_told_to_come_back(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let a = app.native("a").await.tenant;
    let db = &app.running.house.db;
    let mut other = ground.connect();
    other.begin_write().unwrap();
    touch(&mut other, a).unwrap();

    let began = Instant::now();
    let waited = db.above(Above::Operator).write(move |conn| touch(conn, a)).await.unwrap_err();
    other.roll_back();

    assert_eq!(waited.status(), 503, "{waited:?}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(db.above(Above::Operator).write(move |conn| touch(conn, a)).await.is_ok());
}

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = diesel::sql_types::Text)]
    said: String,
}

fn setting(conn: &mut DbConn, name: &str) -> String {
    let asked = diesel::sql_query(format!("SELECT current_setting('{name}') AS said"));
    asked.get_result::<Said>(conn).unwrap().said
}

async fn the_database_is_asked_for_english_and_may_refuse(ground: Ground) {
    if ground.kind == Kind::Sqlite {
        return assert_eq!(ground.connect().foreign_words(), Ok(None));
    }
    let name = ground.url().rsplit_once('/').unwrap().1.to_owned();
    let role = format!("guest_of_{name}");
    let mut conn = ground.connect();
    let sql = format!("ALTER DATABASE {name} SET lc_messages = 'POSIX'; CREATE ROLE {role} LOGIN");
    conn.batch_execute(&sql).unwrap();

    let ours = setting(&mut ground.connect(), "lc_messages");
    let mut guest = DbConn::open(&ground.url().replace("doorward@", &format!("{role}@"))).unwrap();
    let theirs = setting(&mut guest, "lc_messages");
    drop(guest);
    conn.batch_execute(&format!("DROP ROLE {role}")).unwrap();

    assert_eq!((ours.as_str(), theirs.as_str()), ("C", "POSIX"));
}

async fn dur_1_no_commit_waits_for_less_than_the_disk(ground: Ground) {
    if ground.kind == Kind::Sqlite {
        return;
    }
    let url = ground.url();
    let name = url.rsplit('/').next().unwrap();
    let waits = |said: &str| {
        let set = format!("ALTER DATABASE {name} SET synchronous_commit = '{said}'");
        ground.connect().batch_execute(&set).unwrap();
        setting(&mut ground.connect(), "synchronous_commit")
    };

    let weaker = ["off", "local", "remote_write", "on"].map(waits);

    assert_eq!(weaker, ["on"; 4]);
    assert_eq!(waits("remote_apply"), "remote_apply", "an operator who asks for more gets it");
}

async fn what_no_caller_waits_for_leaves_half_of_the_connections_to_callers(ground: Ground) {
    App::start(ground.clone()).await.running.platform.stop().await;
    let db = Db::open(&DbSettings { url: ground.url(), connections: 4, cache_kib: 2_000 }).unwrap();
    let (held, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let asides = (0..8).map(|_| {
        let (held, done) = (held.clone(), done.clone());
        db.above(Above::Work).read(move |_| {
            held.fetch_add(1, Ordering::SeqCst);
            let began = Instant::now();
            while !done.load(Ordering::SeqCst) && began.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        })
    });
    let caller = async {
        until("they hold what they may", async || held.load(Ordering::SeqCst) == 2).await;
        let asked =
            db.above(Above::Doorstep).read(|conn| Ok(tenants::table.count().get_result::<i64>(conn)?));
        let answered = asked.await;
        let held = held.load(Ordering::SeqCst);
        done.store(true, Ordering::SeqCst);
        (answered, held)
    };

    let (_, (answered, held)) = tokio::join!(join_all(asides), caller);

    assert!(answered.is_ok() && held == 2, "{answered:?} beside {held}");
}
