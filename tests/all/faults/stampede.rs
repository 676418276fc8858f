//! Everybody's access token ends in the same second: the lifetimes are not all alike, and when everybody comes all the
//! same, everybody is served and nobody is taken for a thief.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::prelude::*;
use doorward::db::schema::sessions;
use futures_util::future::join_all;
use futures_util::stream::{StreamExt, iter};
use reqwest::Client;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::load::SETTINGS;
use super::size::holders::holder;
use super::size::town::{LOGGED_IN, Town};
use crate::ground::app::{App, Door};
use crate::ground::forge::claim;
use crate::ground::people::Holder;
use crate::ground::spawned::Spawned;
use crate::ground::work::idle;
use crate::ground::{Ground, on_both};

on_both!(
    #[ignore = "minutes long: `make faults` runs it"]
    five_thousand_who_come_at_once_are_all_refreshed,
);

const APPS: usize = 5_000;
/// A second. A build without optimisation does not stand the rate that is promised of one with.
const OFFERED: u64 = if cfg!(debug_assertions) { 100 } else { 500 };
const WITHIN: Duration = Duration::from_secs(1);
/// Tokens of five minutes end within half a minute, and not in one second.
const SPREAD: usize = 20;

async fn five_thousand_who_come_at_once_are_all_refreshed(ground: Ground) {
    // One session in ten of them has ended.
    let people = APPS * LOGGED_IN * 10 / 9 + LOGGED_IN * 10;
    let town = Town::raise(ground.clone(), 20, people).await;
    let apps = apps(&town).await;
    let mut ends = BTreeMap::<i64, usize>::new();
    for (_, held) in &apps {
        *ends.entry(claim(&held.access, "exp").parse().unwrap()).or_default() += 1;
    }
    let server = Spawned::with(&ground, SETTINGS);
    let (http, begin) = (Client::new(), Instant::now() + Duration::from_secs(1));

    let each = Duration::from_secs(1) / u32::try_from(OFFERED).unwrap();
    let refreshes = apps.iter().enumerate().map(|(at, (door, held))| {
        let due = begin + each * u32::try_from(at).unwrap();
        refresh(&http, &server.address, (door, held), due)
    });
    let told = join_all(refreshes).await;

    let mut took: Vec<Duration> = told.iter().map(|(_, took)| *took).collect();
    took.sort();
    let refused = told.iter().filter(|(status, _)| *status != 200).count();
    let most = ends.values().max().unwrap();
    let (turned, broken) = families(&ground);
    println!(
        "{APPS} tokens of one second end in {} seconds, {most} at most in one; {OFFERED} refreshes a second: half within \
         {:?}, 99 of 100 within {:?}, {refused} refused; {turned} families turned once, {broken} broken",
        ends.len(),
        took[APPS / 2],
        took[APPS * 99 / 100],
    );
    assert!(ends.len() >= SPREAD, "they end in {} seconds", ends.len());
    assert_eq!((refused, turned, broken), (0, APPS, 0));
    assert!(took[APPS * 99 / 100] < WITHIN);
}

async fn apps(town: &Town) -> Vec<(Door, Holder)> {
    let mut config = idle(&town.ground);
    config.roles.serve = false;
    let app = App::bare(town.ground.clone(), config, doorward::components::Clock::real()).await;
    let live: Vec<usize> = (0..town.sessions.len()).filter(|at| at % 10 != 0).take(APPS).collect();
    let minted = iter(live.into_iter().map(|at| holder(&app, town, at))).buffered(8).collect().await;
    drop(app.running.platform.stop().await);
    minted
}

/// From when it should have been sent.
async fn refresh(
    http: &Client,
    address: &str,
    (door, held): (&Door, &Holder),
    due: Instant,
) -> (u16, Duration) {
    sleep_until(due).await;
    let refresh =
        http.post(format!("http://{address}/api/v1/auth/refresh-tokens")).header("host", &door.host);
    let refresh =
        refresh.header("doorward-client", &door.client).json(&json!({ "refreshToken": held.refresh }));
    let status = match refresh.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            drop(answer.bytes().await);
            status
        }
        Err(_) => 0,
    };
    (status, due.elapsed())
}

/// Those whose token was turned over, and those that were ended since.
fn families(ground: &Ground) -> (usize, usize) {
    let mut conn = ground.connect();
    let count = |rows: i64| usize::try_from(rows).unwrap();
    let turned = sessions::table.filter(sessions::generation.eq(2)).filter(sessions::revoked_at.is_null());
    let broken = sessions::table.filter(sessions::revoked_reason.ne("logout"));
    (
        count(turned.count().get_result(&mut conn).unwrap()),
        count(broken.count().get_result(&mut conn).unwrap()),
    )
}
