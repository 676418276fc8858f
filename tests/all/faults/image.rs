//! The power goes on a real file system: its image is copied while the server stands still, and the copy is mounted.
//! What the kernel had not written yet is not in it.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::caller::Caller;
use super::disk::{at, copy, library};
use super::load::{SETTINGS, end_under_load, people};
use super::power::assert_whole;
use crate::ground::app::Door;
use crate::ground::chance::Chance;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, Kind, run};

const PEOPLE: usize = 12;

#[test]
#[ignore = "needs root: `make faults` runs it"]
fn after_power_cuts_on_a_mounted_image_every_acknowledged_change_is_there() {
    run(Kind::Sqlite, cuts);
}

#[test]
#[ignore = "needs root: `make faults` runs it"]
fn a_mounted_image_that_is_not_synced_is_found_out() {
    run(Kind::Sqlite, found_out);
}

/// An ext4 file system in a file, mounted while this is held.
struct Image {
    room: TempDir,
}

impl Image {
    fn room() -> TempDir {
        TempDir::with_prefix("doorward-image-").unwrap()
    }

    fn new() -> Option<Self> {
        let room = Self::room();
        let file = room.path().join("image");
        fs::File::create(&file).unwrap().set_len(64 << 20).unwrap();
        if !Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&file).status().is_ok_and(|done| done.success())
        {
            return None;
        }
        Self::mounted(room)
    }

    fn mounted(room: TempDir) -> Option<Self> {
        let image = Self { room };
        fs::create_dir(image.folder()).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop"]).arg(image.room.path().join("image")).arg(image.folder());
        mount.output().is_ok_and(|done| done.status.success()).then_some(image)
    }

    fn folder(&self) -> PathBuf {
        self.room.path().join("mounted")
    }

    fn ground(&self) -> Ground {
        Ground::at(Kind::Sqlite, at(&self.folder()))
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.folder()).status());
    }
}

/// A fresh image with the ground's database on it, which the disk has.
fn laid(ground: &Ground) -> Option<Image> {
    let image = Image::new()?;
    copy(ground, &image.folder());
    Command::new("sync").arg("-f").arg(image.folder()).status().unwrap();
    Some(image)
}

/// What a power cut under load leaves of an image.
async fn cut(
    image: &Image,
    people: (&Door, &mut [Caller]),
    (chance, when): (&mut Chance, &str),
    variables: &[(&str, &str)],
) -> ([u64; 5], Image) {
    let (from, after) = (image.room.path().join("image"), Image::room());
    let to = after.path().join("image");
    let server = Spawned::with(&image.ground(), &[SETTINGS, variables].concat());
    let end = move |server: Spawned| {
        server.freeze();
        fs::copy(from, to).unwrap();
        server.kill();
    };
    let done = end_under_load((server, end), people, chance, when).await.each();
    (done, Image::mounted(after).unwrap())
}

async fn cuts(ground: Ground) {
    let mut chance = Chance::seeded("POWER_SEED");
    let (door, mut callers) = people(&ground, PEOPLE, &mut chance).await;
    let Some(mut image) = laid(&ground) else {
        return println!("SKIPPED: this user may not mount an image, or mkfs.ext4 is not here");
    };
    let mut sum = [0; 5];

    for round in 0..10 {
        let when = format!("POWER_SEED={}, image {round}", chance.seed());
        let (done, left) = cut(&image, (&door, &mut callers), (&mut chance, &when), &[]).await;
        assert_whole(&left.ground(), &mut callers, &when);
        sum.iter_mut().zip(done).for_each(|(sum, done)| *sum += done);
        image = left;
    }

    println!("10 power cuts on a mounted image over {sum:?} acknowledged changes: none is lost");
}

async fn found_out(ground: Ground) {
    let mut chance = Chance::seeded("POWER_SEED");
    let (door, mut callers) = people(&ground, PEOPLE, &mut chance).await;
    let Some(image) = laid(&ground) else {
        return println!("SKIPPED: this user may not mount an image, or mkfs.ext4 is not here");
    };
    let (folder, library) = (image.folder().display().to_string(), library("disk").display().to_string());
    let lies = [("LD_PRELOAD", library.as_str()), ("DISK_FOLDER", &folder), ("DISK_LIES", "all")];

    let (done, left) = cut(&image, (&door, &mut callers), (&mut chance, "unsynced"), &lies).await;

    let judged = catch_unwind(AssertUnwindSafe(|| assert_whole(&left.ground(), &mut callers, "unsynced")));
    println!("{done:?} acknowledged on an image that is not synced, and the loss is found");
    assert!(judged.is_err(), "the loss of {done:?} went unnoticed");
}
