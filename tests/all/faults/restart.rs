//! PostgreSQL is stopped and started under load: what it acknowledged is there, and nobody is let in meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::caller::Town;
use super::ledger::check;
use super::load::{SETTINGS, people, under_load, until_done};
use crate::ground::Ground;
use crate::ground::app::Reply;
use crate::ground::chance::Chance;
use crate::ground::people::PASSWORD;
use crate::ground::restartable::Restartable;
use crate::ground::spawned::Spawned;

const PEOPLE: usize = 12;
/// After it takes connections again.
const HEALED_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn what_was_acknowledged_survives_restarts_of_the_database() {
    on_a_cluster_of_our_own(1);
}

#[test]
#[ignore = "minutes long: `make faults` runs it"]
fn what_was_acknowledged_survives_many_restarts_of_the_database() {
    on_a_cluster_of_our_own(5);
}

/// Of each sort, so many.
fn on_a_cluster_of_our_own(times: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cluster = Arc::new(Restartable::start());
    let ground = Ground::alone(cluster.port);
    runtime.block_on(restarts(ground.clone(), cluster.clone(), times));
    ground.assert_sound();
}

async fn restarts(ground: Ground, cluster: Arc<Restartable>, times: usize) {
    let mut chance = Chance::seeded("RESTART_SEED");
    let when = format!("RESTART_SEED={}", chance.seed());
    let (door, mut callers) = people(&ground, PEOPLE + 1, &mut chance).await;
    // The last one logs in by hand.
    callers.pop();
    let server = Spawned::with(&ground, &[SETTINGS, &[("DATABASE_URL", ground.url().as_str())]].concat());
    let town = Town::at(&server.address, &door);
    let (mut away, mut logins) = (Vec::new(), 0);

    under_load(&town, &mut callers, async {
        for signal in ["INT", "QUIT"].repeat(times) {
            until_done(&town.done, town.done.each(), 40 + chance.next(80), &when).await;
            let down = Duration::from_millis(300 + chance.next(1500));
            let (since, refused) = down_for(&cluster, signal, down, &town).await;
            away.push((since, Instant::now() + HEALED_WITHIN));
            logins += refused;
            until_done(&town.done, town.done.each(), 40, &when).await;
        }
    })
    .await;

    check(&ground, &mut callers, &when);
    let refused = town.refused.lock().unwrap().clone();
    println!(
        "{} restarts: {:?} acknowledged, {} told to come back, {logins} logins while it was down, none let in",
        away.len(),
        town.done.each(),
        refused.len()
    );
    assert!(callers.iter().all(|caller| caller.unanswered == 0), "{when}: the server itself was gone");
    for (asked, told) in refused {
        let within = away.iter().any(|(from, to)| told >= *from && asked <= *to);
        assert!(within, "{when}: somebody was refused while the database was well");
    }
}

/// From when it began to stop, and how many logins were refused while it was down.
async fn down_for(
    cluster: &Arc<Restartable>,
    signal: &'static str,
    down: Duration,
    town: &Town<'_>,
) -> (Instant, usize) {
    let since = Instant::now();
    let stopping = cluster.clone();
    tokio::task::spawn_blocking(move || stopping.stop(signal)).await.unwrap();
    let (stopped, mut refused) = (Instant::now(), 0);
    while refused == 0 || stopped.elapsed() < down {
        let body = json!({ "email": "p12@a.example", "password": PASSWORD });
        let reply = Reply::of(town.request(Method::POST, "/auth/password-based/login").json(&body)).await;
        assert_eq!(reply.status, 503, "while the database is down: {}", reply.text);
        refused += 1;
    }
    let starting = cluster.clone();
    tokio::task::spawn_blocking(move || starting.let_start()).await.unwrap();
    (since, refused)
}
