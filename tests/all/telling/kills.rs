//! A server that is killed in the middle of its writes: no change without its record, no record without its change.

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
    let seed = std::process::id() as u64;
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
        let delay = Duration::from_millis((seed * 7919 + round * 104_729) % 150);
        let kill = async {
            tokio::time::sleep(delay).await;
            tokio::task::spawn_blocking(move || spawned.kill()).await.unwrap();
        };
        let writes =
            join_all(holders.iter().enumerate().map(|(at, holder)| end(&base, &door, holder, at % 2 == 0)));
        let (acknowledged, ()) = tokio::join!(writes, kill);
        let acknowledged = acknowledged.iter().filter(|done| **done).count();
        println!("round {round}: killed after {delay:?}, {acknowledged} of {} acknowledged", holders.len());
        agree(&ground, acknowledged);
    }
}

/// True when the server said that it is done.
async fn end(base: &str, door: &Door, holder: &Holder, all_others: bool) -> bool {
    let path = if all_others { "/session/logout-others" } else { "/auth/logout" };
    let path = if all_others { format!("/api/v1{path}") } else { path.to_owned() };
    let http = reqwest::Client::new();
    let request = http.post(format!("{base}{path}")).header("host", &door.host);
    let request =
        request.header("doorward-client", &door.client).bearer_auth(&holder.access).json(&json!({}));
    request.send().await.is_ok_and(|reply| reply.status() == 200)
}

fn agree(ground: &Ground, acknowledged: usize) {
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
    assert!(revoked >= (acknowledged / 2) as i64, "{revoked} ended, {acknowledged} acknowledged");
}
