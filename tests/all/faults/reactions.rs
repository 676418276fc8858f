//! Whoever hands on what happened, acts and sends is killed in the middle of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use doorward::base::DomainEventId;
use doorward::components::Clock;
use doorward::db::schema::{deliveries, domain_events};
use serde_json::json;

use crate::actions::kit::{PATCHED, echo};
use crate::ground::app::App;
use crate::ground::chance::Chance;
use crate::ground::sink::Sink;
use crate::ground::spawned::Spawned;
use crate::ground::work::idle;
use crate::ground::{Ground, on_both};
use crate::rights::kit::Desk;

on_both!(
    hook_2_the_worker_is_killed_and_each_message_arrives_and_each_action_acts_once,
    #[ignore = "minutes long: `make faults` runs it"]
    hook_2_the_worker_is_killed_very_often_and_each_message_arrives_and_each_action_acts_once,
);

/// Changes of one round.
const CHANGES: u64 = 10;
/// For all that is left behind the last kill: what a dead worker held is free after its lease.
const PATIENCE: Duration = Duration::from_secs(60);
const WORKER: [(&str, &str); 4] = [
    ("RUST_LOG", "info"),
    ("DOORWARD_EGRESS__ALLOW", "127.0.0.0/8"),
    ("DOORWARD_JOBS__LEASE", "2"),
    ("DOORWARD_JOBS__POLL", "1"),
];

async fn hook_2_the_worker_is_killed_and_each_message_arrives_and_each_action_acts_once(ground: Ground) {
    rounds(ground, 4).await;
}

async fn hook_2_the_worker_is_killed_very_often_and_each_message_arrives_and_each_action_acts_once(
    ground: Ground,
) {
    rounds(ground, 8 * super::rounds()).await;
}

async fn rounds(ground: Ground, rounds: u64) {
    let mut config = idle(&ground);
    config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
    let app = App::with_clock(ground.clone(), config, Clock::real()).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let sink = Sink::start().await;
    let webhook = json!({ "url": sink.url(), "listens": [PATCHED, "x.heard"] });
    let made = ada.send("/webhooks", webhook).await;
    assert_eq!(made.status, 201, "{}", made.text);
    ada.makes(echo(PATCHED, "x.heard")).await;
    let mut chance = Chance::seeded("KILL_SEED");

    for round in 0..rounds {
        let worker = Spawned::with(&ground, &WORKER);
        let before = sink.kept().len();
        for change in 0..CHANGES {
            ada.rename(ada.user, &format!("Ada {round} {change}")).await;
        }
        // In the midst of them: what is on its way then nobody knows to have arrived.
        let enough = before + usize::try_from(chance.next(2 * CHANGES)).unwrap();
        let began = Instant::now();
        while sink.kept().len() < enough {
            assert!(began.elapsed() < PATIENCE, "KILL_SEED={}: {}", chance.seed(), worker.text());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::task::spawn_blocking(move || worker.kill()).await.unwrap();
    }

    let last = Spawned::with(&ground, &WORKER);
    let changes = usize::try_from(rounds * CHANGES).unwrap();
    let began = Instant::now();
    while done(&ground) < 2 * changes {
        let count = done(&ground);
        assert!(began.elapsed() < PATIENCE, "KILL_SEED={}: {count} are done: {}", chance.seed(), last.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut copies: BTreeMap<String, usize> = BTreeMap::new();
    for parcel in sink.kept() {
        *copies.entry(parcel.json()["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let arrived: BTreeSet<String> = copies.keys().cloned().collect();
    let (patched, heard) = (events(&ground, PATCHED), events(&ground, "x.heard"));
    println!(
        "{rounds} kills: {changes} changes, {} messages, {} came twice",
        arrived.len(),
        copies.values().filter(|count| **count > 1).count()
    );
    assert_eq!((patched.len(), heard.len()), (changes, changes), "KILL_SEED={}", chance.seed());
    assert_eq!(arrived, patched.union(&heard).cloned().collect(), "KILL_SEED={}", chance.seed());
}

fn done(ground: &Ground) -> usize {
    let done = deliveries::table.filter(deliveries::state.eq("done")).count();
    usize::try_from(done.get_result::<i64>(&mut ground.connect()).unwrap()).unwrap()
}

fn events(ground: &Ground, trigger: &str) -> BTreeSet<String> {
    let ids = domain_events::table.filter(domain_events::trigger_name.eq(trigger)).select(domain_events::id);
    let ids: Vec<DomainEventId> = ids.load(&mut ground.connect()).unwrap();
    ids.into_iter().map(|id| id.to_string()).collect()
}
