//! Others hold what a write wants, or win against it: it is tried again, a few times, and has its effect once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use doorward::base::Result;
use doorward::db::schema::audit_records;
use doorward::db::tx::Work;
use doorward::db::{Above, Db, DbConn, DbSettings};
use doorward::identity::{Claimed, Handler, Scope};
use doorward::jobs::entity::JobState;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::ground::app::{App, Reply, config};
use crate::ground::work::{idle, until};
use crate::ground::{Ground, Kind, run};

/// A write runs so often at most.
const RUNS: usize = 4;

#[test]
fn a_write_that_always_loses_is_tried_four_times_and_then_told_to_come_back() {
    run(Kind::Postgres, |ground| async move {
        for how in ["40001", "40P01"] {
            let (written, runs, kept) = losing(&ground, how, usize::MAX).await;
            assert_eq!((runs, kept), (RUNS, 0), "{how}");
            let error = written.unwrap_err();
            assert_eq!((error.status(), error.key()), (503, "error.server.busy"), "{how}");
        }
    });
}

#[test]
fn a_write_that_loses_thrice_and_then_wins_has_its_effect_once() {
    run(Kind::Postgres, |ground| async move {
        for how in ["40001", "40P01"] {
            let (written, runs, kept) = losing(&ground, how, RUNS - 1).await;
            assert!(written.is_ok(), "{how}: {written:?}");
            assert_eq!((runs, kept), (RUNS, 1), "{how}");
        }
    });
}

#[test]
fn whoever_holds_every_row_keeps_callers_waiting_for_seconds_and_harms_nothing() {
    run(Kind::Postgres, held);
}

/// A node that is cut off leaves a transaction behind, of which it cannot say that it is over.
#[test]
fn a_transaction_that_falls_silent_lets_go_of_its_rows() {
    run(Kind::Postgres, |ground| async move {
        let (mut silent, mut waiting) = (DbConn::open(&ground.url()).unwrap(), ground.connect());
        silent.batch_execute("BEGIN; UPDATE installation SET environment = environment").unwrap();

        waiting.batch_execute("SET lock_timeout='20s'").unwrap();
        let got = waiting.batch_execute("UPDATE installation SET environment = environment");

        assert!(got.is_ok(), "its rows are held: {got:?}");
        assert!(silent.batch_execute("COMMIT").is_err());
    });
}

#[test]
fn a_job_whose_end_cannot_be_written_down_at_once_runs_once() {
    run(Kind::Postgres, ended_late);
}

async fn ended_late(ground: Ground) {
    let app = App::with(ground.clone(), idle(&ground)).await;
    let (runs, hurdle) = (Arc::new(AtomicUsize::new(0)), ground.url());
    let counted = runs.clone();
    let handler = Handler::new("test.late", move |_: Scope, _: Claimed| {
        counted.fetch_add(1, Ordering::SeqCst);
        // By the time that it ends somebody holds its row, for longer than it is waited for.
        let mut holder = DbConn::open(&hurdle).unwrap();
        holder.batch_execute("BEGIN; UPDATE jobs SET name = name").unwrap();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(3));
            holder.batch_execute("COMMIT").unwrap();
        });
        std::future::ready(Ok(()))
    });
    let _worker = app.worker(vec![handler]).await;

    app.enqueue(None, vec![Work::job("test.late", json!({}))]).await;
    until("it is done", async || app.jobs("test.late")[0].state == JobState::Done).await;

    let job = app.jobs("test.late").remove(0);
    assert_eq!((runs.load(Ordering::SeqCst), job.retry_count), (1, 1), "{job:?}");
}

/// A write that has written when it loses, so many times: how it ended, how often it ran, and what is left of it.
async fn losing(ground: &Ground, how: &str, times: usize) -> (Result<()>, usize, i64) {
    let table = "DROP TABLE IF EXISTS kept; CREATE TABLE kept (id BIGINT)";
    ground.connect().batch_execute(table).unwrap();
    let db = Db::open(&DbSettings { url: ground.url(), connections: 2, cache_kib: 2_000 }).unwrap();
    // PostgreSQL's own words for the second.
    let lose = format!("DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '{how}'; END $$");
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let written = db.above(Above::Operator).write(move |conn| {
        conn.batch_execute("INSERT INTO kept (id) VALUES (1)")?;
        if counted.fetch_add(1, Ordering::SeqCst) < times {
            conn.batch_execute(&lose)?;
        }
        Ok(())
    });
    (written.await, runs.load(Ordering::SeqCst), kept(ground))
}

fn kept(ground: &Ground) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let count = diesel::sql_query("SELECT count(*) AS count FROM kept");
    count.get_result::<Count>(&mut ground.connect()).unwrap().count
}

/// More callers than connections, and a table that somebody else has locked.
async fn held(ground: Ground) {
    let mut config = config(&ground);
    config.database.pool = 4.try_into().unwrap();
    let app = App::with(ground.clone(), config).await;
    let door = app.native("a").await;
    let ada = app.person(&door, "ada@a.example").await;
    let access = app.session(&door, ada).await.access;
    let edit = async |at: usize| {
        let (began, body) = (Instant::now(), json!({ "profile": { "at": at } }));
        let request = app.request(&door, Method::PATCH, "/api/v1/auth/me").bearer_auth(&access).json(&body);
        (Reply::of(request).await, began.elapsed())
    };
    let mut holder = ground.connect();
    holder.batch_execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").unwrap();

    let told = join_all((0..24).map(&edit)).await;
    holder.batch_execute("ROLLBACK").unwrap();
    let (after, _) = edit(99).await;

    let longest = told.iter().map(|(_, took)| *took).max().unwrap();
    println!("24 callers, 4 connections, one lock: each was told to come back within {longest:?}");
    for (reply, took) in &told {
        assert_eq!((reply.status.as_u16(), reply.key()), (503, "error.server.busy"), "{}", reply.text);
        assert!(*took < Duration::from_secs(8), "{took:?}");
    }
    assert_eq!(after.status, 200, "{}", after.text);
    let edits = audit_records::table.filter(audit_records::action.eq("users.edit_me")).count();
    assert_eq!(edits.get_result(&mut ground.connect()), Ok(1_i64), "what was refused had an effect");
}
