//! A server that is killed in the middle of its writes: no change without its record, no record without its change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use doorward::components::Clock;
use doorward::db::schema::{audit_records, sessions};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::ground::app::{App, Door, config};
use crate::ground::chance::Chance;
use crate::ground::people::Holder;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, Kind, on_both};

on_both!(
    log_3_after_kills_each_change_has_its_record_and_each_record_its_change,
    #[ignore = "minutes long: `make faults` runs it"]
    log_3_after_very_many_kills_each_change_has_its_record_and_each_record_its_change,
);

/// For a round's few writes, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn log_3_after_kills_each_change_has_its_record_and_each_record_its_change(ground: Ground) {
    rounds(ground, 3).await;
}

async fn log_3_after_very_many_kills_each_change_has_its_record_and_each_record_its_change(ground: Ground) {
    rounds(ground, crate::faults::rounds()).await;
}

async fn rounds(ground: Ground, rounds: u64) {
    let app = App::with_clock(ground.clone(), config(&ground), Clock::real()).await;
    let door = app.native("a").await;
    let mut chance = Chance::seeded("KILL_SEED");
    let (mut done, mut asked) = (0, 0);

    for round in 0..rounds {
        let when = format!("KILL_SEED={}, round {round}", chance.seed());
        let holders = holders(&app, &door, round).await;
        asked += holders.len() * 3 / 4;
        let spawned = Spawned::with(&ground, &[("RUST_LOG", "info")]);
        // Fewer than are asked for, so that the kill comes into the midst of them.
        done += kill_after(3 + chance.next(17), spawned, (&door, &holders), &when).await;
        agree(&ground, done, &when);
    }
    println!("{rounds} kills: {done} of {asked} ends of sessions were acknowledged, and all are told");
}

async fn holders(app: &App, door: &Door, round: u64) -> Vec<Holder> {
    let mut holders = Vec::new();
    for person in 0..20 {
        let user = app.person(door, &format!("p{person}-{round}@a.example")).await;
        holders.push(app.session(door, user).await);
        holders.push(app.session(door, user).await);
    }
    holders
}

/// How many were acknowledged before the server was gone.
async fn kill_after(enough: u64, spawned: Spawned, (door, holders): (&Door, &[Holder]), when: &str) -> u64 {
    let base = format!("http://{}", spawned.address);
    let done = AtomicU64::new(0);
    let patience = Instant::now() + PATIENCE;
    let kill = async {
        while done.load(Ordering::SeqCst) < enough {
            assert!(
                Instant::now() < patience,
                "{when}: {done:?} of {enough} were acknowledged in {PATIENCE:?}: {}",
                spawned.text()
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::task::spawn_blocking(move || spawned.kill()).await.unwrap();
    };
    let writes = holders.iter().enumerate().map(|(at, holder)| end(&base, door, (holder, at), &done));
    tokio::join!(join_all(writes), kill);
    done.into_inner()
}

/// Of every two people one ends both sessions one by one, the other the second by the first.
async fn end(base: &str, door: &Door, (holder, at): (&Holder, usize), done: &AtomicU64) {
    let path = if at % 4 == 0 { "/api/v1/session/logout-others" } else { "/auth/logout" };
    if at % 4 == 1 {
        return;
    }
    let http = reqwest::Client::new();
    let request = http.post(format!("{base}{path}")).header("host", &door.host);
    let request =
        request.header("doorward-client", &door.client).bearer_auth(&holder.access).json(&json!({}));
    if request.send().await.is_ok_and(|reply| reply.status() == 200) {
        done.fetch_add(1, Ordering::SeqCst);
    }
}

/// Every acknowledged request ended one session. Read in one snapshot: what was sent to commit may still be committed.
fn agree(ground: &Ground, acknowledged: u64, when: &str) {
    let conn = &mut ground.connect();
    let snapshot =
        if ground.kind == Kind::Postgres { "BEGIN ISOLATION LEVEL REPEATABLE READ" } else { "BEGIN" };
    conn.batch_execute(snapshot).unwrap();
    let revoked: i64 =
        sessions::table.filter(sessions::revoked_at.is_not_null()).count().get_result(conn).unwrap();
    let begun: i64 = sessions::table.count().get_result(conn).unwrap();
    let rows: Vec<(String, doorward::db::Json<Value>)> =
        audit_records::table.select((audit_records::action, audit_records::data)).load(conn).unwrap();
    let told = |name: &str| rows.iter().filter(|(action, _)| action == name).count() as i64;
    let summed = rows.iter().filter(|(action, _)| action == "session.endAll");
    let summed: i64 = summed.map(|(_, data)| data.0["sessions"].as_i64().unwrap()).sum();

    assert_eq!(told("session.end") + summed, revoked, "{when}: ends of sessions, told and done");
    assert_eq!(told("session.start"), begun, "{when}: beginnings of sessions, told and done");
    assert!(revoked >= acknowledged.cast_signed(), "{when}: {revoked} ended, {acknowledged} acknowledged");
}
