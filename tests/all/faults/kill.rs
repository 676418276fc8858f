//! `kill -9` at random moments under mixed writes: what was acknowledged is there, and nothing is half written. The
//! power cut is another test's.

use super::ledger::check;
use super::load::{SETTINGS, kill_under_load, people};
use crate::ground::chance::Chance;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, on_both};

on_both!(
    after_kill_9_every_acknowledged_change_is_there_and_none_is_half_written,
    #[ignore = "minutes long: `make faults` runs it"]
    after_very_many_kills_every_acknowledged_change_is_there_and_none_is_half_written,
);

const PEOPLE: usize = 16;
async fn after_kill_9_every_acknowledged_change_is_there_and_none_is_half_written(ground: Ground) {
    rounds(ground, 3).await;
}

async fn after_very_many_kills_every_acknowledged_change_is_there_and_none_is_half_written(ground: Ground) {
    rounds(ground, super::rounds()).await;
}

async fn rounds(ground: Ground, rounds: u64) {
    let mut chance = Chance::seeded("KILL_SEED");
    let (door, mut callers) = people(&ground, PEOPLE, &mut chance).await;
    let mut sum = [0; 5];

    for round in 0..rounds {
        let when = format!("KILL_SEED={}, round {round}", chance.seed());
        let spawned = Spawned::with(&ground, SETTINGS);
        let done = kill_under_load(spawned, (&door, &mut callers), &mut chance, &when).await.each();
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
