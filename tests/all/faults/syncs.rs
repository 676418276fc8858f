//! A sync fails, once, somewhere: what it was for is acknowledged to nobody, and the server serves on or ends.

use super::caller::Town;
use super::disk::Disk;
use super::load::{SETTINGS, people, under_load, until_done};
use super::power::assert_whole;
use crate::ground::chance::Chance;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, Kind, run};

const PEOPLE: usize = 8;
/// Rounds, until a request meets one.
const FURTHER: u64 = 12;

#[test]
fn a_sync_that_fails_acknowledges_nothing() {
    run(Kind::Sqlite, |ground| failing(ground, 4));
}

#[test]
#[ignore = "minutes long: `make faults` runs it"]
fn syncs_that_fail_anywhere_acknowledge_nothing() {
    run(Kind::Sqlite, |ground| failing(ground, super::rounds()));
}

async fn failing(ground: Ground, rounds: u64) {
    let mut chance = Chance::seeded("SYNC_SEED");
    let (door, mut callers) = people(&ground, PEOPLE, &mut chance).await;
    let (mut failures, mut done, mut left) = (0, 0, Disk::with(&ground));

    for round in 0..rounds + FURTHER {
        // The sync that fails may be one that nobody waits for.
        if round >= rounds && failures > 0 {
            break;
        }
        // Two before it listens are the start's own.
        let nth = 3 + chance.next(120);
        let when = format!("SYNC_SEED={}, round {round}, sync {nth} fails", chance.seed());
        let disk = Disk::with(&left.after_a_power_cut()).and("DISK_FAILS", nth);
        let server = Spawned::with(&disk.ground(), &[SETTINGS, &disk.variables()].concat());
        let town = Town::at(&server.address, &door).where_disks_fail();
        under_load(&town, &mut callers, async {
            while disk.syncs() < nth {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            until_done(&town.done, town.done.each(), 20, &when).await;
        })
        .await;
        // Killed, and then even the power goes: the next round starts on what that leaves.
        server.kill();
        assert_whole(&disk.ground(), &mut callers, &when);
        assert_whole(&disk.after_a_power_cut(), &mut callers, &when);
        failures += town.failed();
        done += town.done.each().iter().sum::<u64>();
        left = disk;
    }

    println!(
        "{rounds} failed syncs: {done} changes acknowledged, {failures} requests failed, and nothing is lost"
    );
    assert!(callers.iter().all(|caller| caller.unanswered == 0), "a server ended");
    assert!(failures > 0, "no request met a failing sync");
}
