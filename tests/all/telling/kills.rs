//! A server that is killed in the middle of its writes: no change without its record, no record without its change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use doorward::components::Clock;
use doorward::db::schema::{audit_records, sessions};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::ground::app::{App, Door, config};
use crate::ground::people::Holder;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, on_both};

on_both!(log_3_after_kills_each_change_has_its_record_and_each_record_its_change);

const ROUNDS: u64 = 3;

async fn log_3_after_kills_each_change_has_its_record_and_each_record_its_change(ground: Ground) {
    let app = App::with_clock(ground.clone(), config(&ground), Clock::real()).await;
    let door = app.native("a").await;
    let seed = u64::from(std::process::id());
    println!("seed {seed}");

    for round in 0..ROUNDS {
        let mut holders = Vec::new();
        for person in 0..20 {
            let user = app.person(&door, &format!("p{person}-{round}@a.example")).await;
            holders.push(app.session(&door, user).await);
            holders.push(app.session(&door, user).await);
        }
        let spawned = Spawned::start(&ground);
        let base = format!("http://{}", spawned.address);
        let enough = 3 + (seed * 7919 + round * 104_729) % 20;
        let done = AtomicU64::new(0);
        let kill = async {
            while done.load(Ordering::SeqCst) < enough {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::task::spawn_blocking(move || spawned.kill()).await.unwrap();
        };
        let writes = holders.iter().enumerate().map(|(at, holder)| end(&base, &door, (holder, at), &done));
        tokio::join!(join_all(writes), kill);
        let acknowledged = done.load(Ordering::SeqCst);
        println!("round {round}: killed after {enough}, {acknowledged} of {} acknowledged", holders.len());
        agree(&ground, acknowledged);
    }
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

/// Every acknowledged request ended one session.
fn agree(ground: &Ground, acknowledged: u64) {
    let conn = &mut ground.connect();
    let revoked: i64 =
        sessions::table.filter(sessions::revoked_at.is_not_null()).count().get_result(conn).unwrap();
    let begun: i64 = sessions::table.count().get_result(conn).unwrap();
    let rows: Vec<(String, doorward::db::Json<Value>)> =
        audit_records::table.select((audit_records::action, audit_records::data)).load(conn).unwrap();
    let told = |name: &str| rows.iter().filter(|(action, _)| action == name).count() as i64;
    let summed = rows.iter().filter(|(action, _)| action == "session.endAll");
    let summed: i64 = summed.map(|(_, data)| data.0["sessions"].as_i64().unwrap()).sum();

    assert_eq!(told("session.end") + summed, revoked);
    assert_eq!(told("session.start"), begun);
    assert!(revoked >= acknowledged.cast_signed(), "{revoked} ended, {acknowledged} acknowledged");
}
