//! `kill -9` at random moments under mixed writes: what was acknowledged is there, and nothing is half written. The
//! power cut is another test's.

use std::time::{Duration, Instant};

use doorward::components::Clock;
use futures_util::future::join_all;

use super::caller::{Acknowledged, Caller, Town};
use super::ledger::check;
use crate::ground::app::{App, Door, config};
use crate::ground::chance::Chance;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, on_both};

on_both!(
    after_kill_9_every_acknowledged_change_is_there_and_none_is_half_written,
    #[ignore = "minutes long: `make faults` runs it"]
    after_very_many_kills_every_acknowledged_change_is_there_and_none_is_half_written,
);

const PEOPLE: usize = 16;
/// Without one more change. A machine may be slow; a server that stands still fails all the same.
const PATIENCE: Duration = Duration::from_secs(30);
/// Hashing is cheap, tokens soon age, and nobody is limited.
const SETTINGS: &[(&str, &str)] = &[
    ("RUST_LOG", "warn,doorward=info"),
    ("DOORWARD_HASHING__MEMORY_KIB", "64"),
    ("DOORWARD_HASHING__PASSES", "1"),
    ("DOORWARD_LIFETIMES__ACCESS", "3600"),
    ("DOORWARD_LIFETIMES__REFRESH_GRACE", "1"),
    ("DOORWARD_LIMITS__ADDRESS_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__TENANT_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__GUESSES_PER_ADDRESS_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__GUESSES_PER_TENANT_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__SIGN_UPS_PER_ADDRESS_PER_HOUR", "1000000"),
    ("DOORWARD_LIMITS__MAILS_PER_TENANT_PER_DAY", "1000000"),
    // A login that was killed stays counted as a guess.
    ("DOORWARD_GUESSES__DELAY_FROM", "1000000"),
    ("DOORWARD_GUESSES__AT_MOST", "1000000"),
];

async fn after_kill_9_every_acknowledged_change_is_there_and_none_is_half_written(ground: Ground) {
    rounds(ground, 3).await;
}

async fn after_very_many_kills_every_acknowledged_change_is_there_and_none_is_half_written(ground: Ground) {
    rounds(ground, super::rounds()).await;
}

async fn rounds(ground: Ground, rounds: u64) {
    let mut chance = Chance::seeded("KILL_SEED");
    let (door, mut callers) = people(&ground, &mut chance).await;
    let mut sum = [0; 5];

    for round in 0..rounds {
        let when = format!("KILL_SEED={}, round {round}", chance.seed());
        let done = drive(&ground, (&door, &mut callers), &mut chance, &when).await.each();
        check(&ground, &mut callers, &when);
        sum.iter_mut().zip(done).for_each(|(sum, done)| *sum += done);
    }

    let unanswered: u64 = callers.iter().map(|caller| caller.unanswered).sum();
    let [logins, rotations, edits, logouts, sign_ups] = sum;
    println!(
        "{rounds} kills over {logins} logins, {rotations} rotations, {edits} edits, {logouts} logouts and {sign_ups} \
         sign-ups that were acknowledged, and {unanswered} requests that were not"
    );
    assert!(sum.iter().all(|kind| *kind >= rounds), "KILL_SEED={}: {sum:?} proves too little", chance.seed());
}

/// In the real time, which the server that is killed has too.
async fn people(ground: &Ground, chance: &mut Chance) -> (Door, Vec<Caller>) {
    let app = App::with_clock(ground.clone(), config(ground), Clock::real()).await;
    let door = app.native("a").await;
    let mut callers = Vec::new();
    for at in 0..PEOPLE {
        let email = format!("p{at}@a.example");
        callers.push(Caller::new(app.person(&door, &email).await, email, chance.another()));
    }
    drop(app.running.platform.stop().await);
    (door, callers)
}

/// Everybody does one thing after another until the server is killed under them.
async fn drive(
    ground: &Ground,
    (door, callers): (&Door, &mut [Caller]),
    chance: &mut Chance,
    when: &str,
) -> Acknowledged {
    let spawned = Spawned::with(ground, SETTINGS);
    let base = format!("http://{}", spawned.address);
    let town = Town { http: reqwest::Client::new(), base, door, done: Acknowledged::default() };
    let (enough, pause) = (20 + chance.next(80), Duration::from_micros(chance.next(20_000)));
    let killing = async {
        until_done(&town.done, enough, when).await;
        tokio::time::sleep(pause).await;
        tokio::task::spawn_blocking(move || spawned.kill()).await.unwrap();
    };
    tokio::join!(killing, join_all(callers.iter_mut().map(|caller| caller.live(&town))));
    town.done
}

/// So many changes were acknowledged, and of each kind one at least.
async fn until_done(done: &Acknowledged, enough: u64, when: &str) {
    let (mut moved, mut last) = (Instant::now(), 0);
    loop {
        let each = done.each();
        let sum = each.iter().sum();
        if sum >= enough && !each.contains(&0) {
            return;
        }
        if sum > last {
            (moved, last) = (Instant::now(), sum);
        }
        let stood = moved.elapsed();
        assert!(
            stood < PATIENCE,
            "{when}: after {each:?} of {enough} nothing was acknowledged for {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
