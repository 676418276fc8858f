//! The disk is full: writes say so, reads go on, and with room there is service again.

use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use super::caller::Town;
use super::disk::{Disk, at, copy};
use super::load::{SETTINGS, people, under_load, until_done};
use super::power::assert_whole;
use crate::ground::app::Reply;
use crate::ground::chance::Chance;
use crate::ground::people::PASSWORD;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, Kind, run};

const PEOPLE: usize = 8;
const BACK_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn on_a_full_disk_writes_are_refused_and_reads_go_on() {
    run(Kind::Sqlite, |ground| preloaded(ground, 2));
}

#[test]
#[ignore = "minutes long: `make faults` runs it"]
fn a_disk_that_is_full_again_and_again_loses_nothing() {
    run(Kind::Sqlite, |ground| preloaded(ground, super::rounds()));
}

/// The kernel's own word for it, where this user may mount.
#[test]
#[ignore = "needs root: `make faults` runs it"]
fn on_a_small_file_system_that_is_full_writes_are_refused_and_reads_go_on() {
    run(Kind::Sqlite, |ground| mounted(ground, 5));
}

/// A disk that can be filled and emptied.
trait Fills {
    fn fill(&self);
    fn make_room(&self);
}

impl Fills for Disk {
    fn fill(&self) {
        Self::fill(self);
    }

    fn make_room(&self) {
        Self::make_room(self);
    }
}

/// A file system in memory, of 24 MB.
struct Small(TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = TempDir::with_prefix("doorward-small-").unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m", "doorward"]).arg(folder.path());
        mount.output().is_ok_and(|done| done.status.success()).then_some(Self(folder))
    }
}

impl Fills for Small {
    fn fill(&self) {
        // It ends where the room does.
        let filler = format!("of={}", self.0.path().join("filler").display());
        Command::new("dd").args(["if=/dev/zero", "bs=4k", &filler]).output().unwrap();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

async fn preloaded(ground: Ground, times: u64) {
    let mut chance = Chance::seeded("FULL_SEED");
    let (door, mut callers) = people(&ground, PEOPLE + 1, &mut chance).await;
    // The last one logs in by hand.
    callers.pop();
    let disk = Disk::with(&ground);
    let server = Spawned::with(&disk.ground(), &[SETTINGS, &disk.variables()].concat());
    let town = Town::at(&server.address, &door);

    under_load(&town, &mut callers, filled(&town, &disk, times, &mut chance)).await;

    assert_whole(&disk.ground(), &mut callers, "after a full disk");
}

async fn mounted(ground: Ground, times: u64) {
    let Some(small) = Small::mount() else {
        return println!("SKIPPED: this user may not mount a file system");
    };
    let mut chance = Chance::seeded("FULL_SEED");
    let (door, mut callers) = people(&ground, PEOPLE + 1, &mut chance).await;
    // The last one logs in by hand.
    callers.pop();
    copy(&ground, small.0.path());
    let theirs = Ground::at(Kind::Sqlite, at(small.0.path()));
    let server = Spawned::with(&theirs, SETTINGS);
    let town = Town::at(&server.address, &door);

    under_load(&town, &mut callers, filled(&town, &small, times, &mut chance)).await;

    assert_whole(&theirs, &mut callers, "after a full file system");
}

async fn filled(town: &Town<'_>, disk: &impl Fills, times: u64, chance: &mut Chance) {
    let (mut refused, mut read, mut longest) = (0, 0, Duration::ZERO);
    for _ in 0..times {
        until_done(&town.done, town.done.each(), 10 + chance.next(30), "with room").await;
        let access = login(town).await.says("accessToken").to_owned();
        disk.fill();
        // What lies in the log already may still be written over.
        while login(town).await.status == 200 {}
        for _ in 0..10 {
            let (write, me) = (login(town).await, me(town, &access).await);
            assert_eq!((write.status.as_u16(), write.key()), (503, "error.server.storageFull"));
            assert!(write.headers.contains_key("retry-after"));
            assert_eq!(me.status, 200, "a read on a full disk: {}", me.text);
            (refused, read) = (refused + 1, read + 1);
            // Longer in all than a session is known by heart.
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        disk.make_room();
        let since = Instant::now();
        while login(town).await.status != 200 {
            assert!(since.elapsed() < BACK_WITHIN, "there is room, and it is not used");
        }
        longest = longest.max(since.elapsed());
    }
    println!(
        "full {times} times: {:?} acknowledged, {refused} writes refused, {read} reads answered, back within {longest:?}",
        town.done.each()
    );
}

async fn login(town: &Town<'_>) -> Reply {
    let body = json!({ "email": "p8@a.example", "password": PASSWORD });
    Reply::of(town.request(Method::POST, "/auth/password-based/login").json(&body)).await
}

async fn me(town: &Town<'_>, access: &str) -> Reply {
    Reply::of(town.request(Method::GET, "/api/v1/auth/me").bearer_auth(access)).await
}
