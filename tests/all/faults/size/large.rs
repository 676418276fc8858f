//! The long form: a hundred thousand tenants and a million people beside ten and a thousand.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::stream::{StreamExt, iter};
use reqwest::Client;
use serde_json::json;

use super::asked;
use super::cost::{Side, least};
use super::hall::Hall;
use super::plans::{self, Plan};
use super::town::Town;
use super::visits::Visitor;
use super::weigh::weigh;
use crate::faults::load::SETTINGS;
use crate::ground::Kind;
use crate::ground::chance::Chance;
use crate::ground::counters::{allocated_of, memory_of};
use crate::ground::people::PASSWORD;
use crate::ground::spawned::Spawned;

/// Rows that a statement may look at: tables that are no larger are read whole, where that is quicker.
const LOOKED_AT: f64 = 60_000.0;
/// Of what it costs in a small town. The goal is 1.2, and the figures are printed; more than this is no noise.
const DEARER: f64 = 1.5;
/// Of anybody's request, where the server remembers nothing of their tenant and asks for all of it.
const STRANGER_DEARER: f64 = 6.0;
const STARTED_WITHIN: Duration = Duration::from_secs(1);
const MEMORY_MIB: f64 = 150.0;
const ROUNDS: usize = 3;
const WANDERERS: usize = 10_000;

#[test]
#[ignore = "minutes long: `make faults` runs it"]
fn a_million_people_are_found_as_fast_as_a_thousand_on_sqlite() {
    run(Kind::Sqlite);
}

#[test]
#[ignore = "minutes long: `make faults` runs it"]
fn a_million_people_are_found_as_fast_as_a_thousand_on_postgres() {
    run(Kind::Postgres);
}

fn run(kind: Kind) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(served(kind));
}

/// As many as the environment says, for a look at something in between.
fn many(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap())
}

async fn served(kind: Kind) {
    let people = many("SIZE_PEOPLE", 1_000_000);
    let mut weighed = Vec::new();
    for people in [people / 100, people / 10] {
        let hall = Hall::of(kind);
        let town = Town::raise(hall.ground.clone(), people / 10, people).await;
        weighed.push(weigh(&hall, &town));
    }
    let (here, there) = (Hall::of(kind), Hall::of(kind));
    let small = Town::raise(here.ground.clone(), 10, 1_000).await;
    let large = Town::raise(there.ground.clone(), people / 10, people).await;
    println!("{kind:?}: {} tenants and {people} people were made in {:?}", people / 10, large.took);
    weighed.push(weigh(&there, &large));
    weighed.iter().for_each(|weighed| println!("{kind:?}: {}", weighed.told()));
    backup(&large);
    let dearer = costs((&here, &small), (&there, &large)).await;
    let heavier = starts_and_stays_light(&large).await;
    let bad = looks(&there, &large).await;
    assert!(dearer.is_empty() && heavier.is_empty() && bad.is_empty(), "{dearer:?} {heavier:?} {bad:#?}");
}

/// What is found, each time afresh, in both towns by turns.
async fn costs(here: (&Hall, &Town), there: (&Hall, &Town)) -> Vec<String> {
    let mut chance = Chance::seeded("SIZE_SEED");
    let settings = [SETTINGS, &[("DOORWARD_ROLES__WORK", "false")]].concat();
    let (small, large) =
        (Side::of(here.0, here.1, &settings).await, Side::of(there.0, there.1, &settings).await);
    // A large file is looked through when it begins to be served.
    quiet(&large.server).await;
    let (all, ten): (Vec<usize>, Vec<usize>) =
        ((0..1_000).collect(), of_ten_tenants(large.town, &mut chance));
    let anybody: Vec<usize> = (0..large.town.people.len()).collect();
    let mut rounds: [Vec<_>; 5] = Default::default();
    for _ in 0..ROUNDS {
        rounds[0].push(small.lookups(&mut chance).await);
        rounds[1].push(large.lookups(&mut chance).await);
        rounds[2].push(small.requests(&mut chance, &all).await);
        rounds[3].push(large.requests(&mut chance, &ten).await);
        rounds[4].push(large.requests(&mut chance, &anybody).await);
    }
    let [small_finds, large_finds, small_asks, ten_asks, any_asks] = rounds.map(|rounds| least(&rounds));
    let mut dearer = Vec::new();
    let pairs = [
        ("", &small_finds, &large_finds, DEARER),
        ("", &small_asks, &ten_asks, DEARER),
        (", to a tenant of which nothing is remembered", &small_asks, &any_asks, STRANGER_DEARER),
    ];
    for (how, few, many, most) in pairs {
        for ((what, few), (_, many)) in few.iter().zip(many) {
            let ratio = many / few;
            println!(
                "{:?}: {what}{how}: {few:.0} us of processor, in the large town {many:.0}: {ratio:.2}",
                here.1.ground.kind
            );
            if ratio > most {
                dearer.push(format!("{what}{how} is {ratio:.2} times as dear"));
            }
        }
    }
    small.close().await;
    large.close().await;
    dearer
}

/// As many tenants as the small town has, so that the server remembers as much of them.
fn of_ten_tenants(town: &Town, chance: &mut Chance) -> Vec<usize> {
    let mut tenants = vec![0];
    while tenants.len() < 10 {
        let one = 1 + usize::try_from(chance.next(town.tenants.len() as u64 - 1)).unwrap();
        if !tenants.contains(&one) {
            tenants.push(one);
        }
    }
    (0..town.people.len()).filter(|person| tenants.contains(&town.home(*person))).collect()
}

async fn quiet(server: &Spawned) {
    let mut before = -1.0;
    while server.cpu() - before > 0.02 {
        before = server.cpu();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// A server that has just started, and one that people of every tenant come to.
async fn starts_and_stays_light(town: &Town) -> Vec<String> {
    let began = Instant::now();
    let server = Spawned::with(&town.ground, SETTINGS);
    let http = Client::new();
    let ready = format!("http://{}/health/ready", server.address);
    while http.get(&ready).send().await.map_or(true, |answer| answer.status() != 200) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (started, rests) = (began.elapsed(), memory_of(server.id()));
    let mut chance = Chance::seeded("SIZE_SEED");
    let logins = (0..WANDERERS).map(|_| {
        let person = usize::try_from(chance.next(town.people.len() as u64)).unwrap();
        let door = town.door(town.home(person));
        let url = format!("http://{}/api/v1/auth/password-based/login", server.address);
        let body = json!({ "email": town.email(person), "password": PASSWORD });
        let login = http.post(url).header("host", door.host).header("doorward-client", door.client);
        login.json(&body).send()
    });
    let mut answers = iter(logins.collect::<Vec<_>>()).buffer_unordered(16);
    while let Some(answer) = answers.next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
    let (memory, allocated) = (memory_of(server.id()), allocated_of(server.id()));
    println!(
        "{:?}: ready after {started:?} with {rests:.0} MiB; after {WANDERERS} logins at any tenant {memory:.0} MiB, \
         {allocated:.0} of them its own",
        town.ground.kind
    );
    let too_late = (started > STARTED_WITHIN).then(|| format!("ready after {started:?}"));
    let too_heavy = (memory > MEMORY_MIB).then(|| format!("{memory:.0} MiB"));
    too_late.into_iter().chain(too_heavy).collect()
}

fn backup(town: &Town) {
    if town.ground.kind == Kind::Postgres {
        return;
    }
    let (folder, began) = (tempfile::tempdir().unwrap(), Instant::now());
    let copy = folder.path().join("copy.db");
    let variables = Spawned::variables(&town.ground);
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    let done = command.arg("backup").arg(&copy).envs(variables).current_dir(&folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    println!(
        "SQLite: copied, looked at and named {} MiB in {:?}",
        copy.metadata().unwrap().len() >> 20,
        began.elapsed()
    );
}

/// Every statement of a server at work, with what its plan looked at, or the plan alone.
async fn looks(hall: &Hall, town: &Town) -> Vec<Plan> {
    hall.tell_plans(true);
    asked::listen_to(&hall.ground);
    Visitor::to(town).await.everywhere().await;
    hall.tell_plans(false);
    let heard = asked::of(&hall.ground);
    let mut slowest: Vec<(Duration, &String)> = heard.iter().map(|(sql, took)| (*took, sql)).collect();
    slowest.sort();
    for (took, sql) in slowest.iter().rev().take(12) {
        println!("  {took:?}: {}", sql.replace(['"', '`'], "").chars().take(600).collect::<String>());
    }
    let mut conn = asked::unheard(&hall.ground);
    let told: Vec<Plan> = match hall.ground.kind {
        Kind::Sqlite => heard.keys().map(|sql| plans::by_sqlite(&mut conn, sql)).collect(),
        Kind::Postgres => hall.plans(),
    };
    judged(told, hall.ground.kind)
}

/// Each statement by the plan that looked at most.
fn judged(told: Vec<Plan>, kind: Kind) -> Vec<Plan> {
    let (all, mut worst) = (told.len(), BTreeMap::<String, Plan>::new());
    for plan in told {
        let known = worst.get(&plan.sql).map_or(-1.0, |known| known.touched);
        if plan.touched > known {
            worst.insert(plan.sql.clone(), plan);
        }
    }
    let statements = worst.len();
    // PostgreSQL reads what is small whole where that is quicker, and says how much it was.
    let is_bad = |plan: &Plan| match kind {
        Kind::Sqlite => plan.is_bad(),
        Kind::Postgres => plan.touched > LOOKED_AT && !plan.is_reviewed(),
    };
    let bad: Vec<Plan> = worst.into_values().filter(is_bad).collect();
    println!("{kind:?}: {all} plans of {statements} statements, {} look at what is not theirs", bad.len());
    bad
}
