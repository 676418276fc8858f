//! The power goes while an SQLite database is written: what was acknowledged had reached the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::caller::Caller;
use super::disk::Disk;
use super::ledger::check;
use super::load::{SETTINGS, kill_under_load, people};
use crate::ground::app::Door;
use crate::ground::chance::Chance;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, Kind, run};

const PEOPLE: usize = 12;

#[test]
fn after_a_power_cut_every_acknowledged_change_is_there_and_none_is_half_written() {
    run(Kind::Sqlite, |ground| cuts(ground, 2));
}

#[test]
#[ignore = "minutes long: `make faults` runs it"]
fn after_very_many_power_cuts_every_acknowledged_change_is_there_and_none_is_half_written() {
    run(Kind::Sqlite, |ground| cuts(ground, super::rounds()));
}

/// As `PRAGMA synchronous=OFF` would have it: the test above must be able to fail.
#[test]
fn a_disk_that_syncs_nothing_is_found_out() {
    run(Kind::Sqlite, |ground| found_out(ground, "all"));
}

/// As `PRAGMA synchronous=NORMAL` would have it: commits lie in a log that is not synced.
#[test]
fn a_disk_that_syncs_no_log_is_found_out() {
    run(Kind::Sqlite, |ground| found_out(ground, "wal"));
}

async fn cuts(ground: Ground, rounds: u64) {
    let mut chance = Chance::seeded("POWER_SEED");
    let (door, mut callers) = people(&ground, PEOPLE, &mut chance).await;
    let (mut sum, mut syncs, mut left) = ([0; 5], 0, Disk::with(&ground));

    for round in 0..rounds {
        let when = format!("POWER_SEED={}, round {round}", chance.seed());
        // In every other round the kernel also writes back what it likes, when it likes, whole and in halves.
        let early = if round % 2 == 0 { 0 } else { 2 };
        let disk = Disk::with(&left.after_a_power_cut()).and("DISK_EARLY", early);
        let done = cut(&disk, (&door, &mut callers), &mut chance, &when).await;
        assert_whole(&disk.after_a_power_cut(), &mut callers, &when);
        sum.iter_mut().zip(done).for_each(|(sum, done)| *sum += done);
        syncs += disk.syncs();
        left = disk;
    }

    println!("{rounds} power cuts over {sum:?} acknowledged changes and {syncs} syncs: none is lost");
    assert!(sum.iter().all(|kind| *kind >= rounds) && syncs > 0, "{sum:?} proves too little");
}

async fn cut(disk: &Disk, people: (&Door, &mut [Caller]), chance: &mut Chance, when: &str) -> [u64; 5] {
    let seed = chance.next(1 << 40).to_string();
    let own = [disk.variables(), vec![("DISK_SEED", seed.as_str())]].concat();
    let server = Spawned::with(&disk.ground(), &[SETTINGS, &own].concat());
    kill_under_load(server, people, chance, when).await.each()
}

/// SQLite finds nothing amiss, our own rules hold, and so does what callers were told.
pub fn assert_whole(ground: &Ground, callers: &mut [Caller], when: &str) {
    #[derive(QueryableByName)]
    struct Said {
        #[diesel(sql_type = Text)]
        integrity_check: String,
    }
    let asked = diesel::sql_query("SELECT integrity_check FROM pragma_integrity_check");
    let said: Vec<Said> = asked.load(&mut ground.connect()).unwrap();
    assert_eq!(said[0].integrity_check, "ok", "{when}");
    ground.assert_sound();
    check(ground, callers, when);
}

async fn found_out(ground: Ground, lies: &str) {
    let mut chance = Chance::seeded("POWER_SEED");
    let (door, mut callers) = people(&ground, PEOPLE, &mut chance).await;
    let disk = Disk::with(&ground).and("DISK_LIES", lies);

    let done = cut(&disk, (&door, &mut callers), &mut chance, "a disk that lies").await;

    let left = disk.after_a_power_cut();
    let judged = catch_unwind(AssertUnwindSafe(|| assert_whole(&left, &mut callers, "a disk that lies")));
    println!("{done:?} acknowledged on a disk that lies ({lies}), and the loss is found");
    assert!(judged.is_err(), "the loss of {done:?} went unnoticed");
}
