//! A server's disk that fails, fills up or loses power, without root: `disk.c`, compiled once and preloaded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use doorward::db::DbConn;
use doorward::db::copy::copy_into;
use tempfile::TempDir;

use crate::ground::{Ground, Kind};

/// The folder that a server writes to, and beside it what a power cut would leave of it.
pub struct Disk {
    room: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Disk {
    /// With the database that this ground has, which nobody else uses any more.
    pub fn with(ground: &Ground) -> Self {
        let room = TempDir::with_prefix("doorward-test-").unwrap();
        let disk = Self { room, variables: Vec::new() };
        let (folder, shadow) = (disk.path("disk"), disk.path("shadow"));
        fs::create_dir(&folder).unwrap();
        fs::create_dir(&shadow).unwrap();
        copy(ground, &folder);
        // What was never written to is the same in both, byte for byte.
        fs::copy(folder.join("doorward.db"), shadow.join("doorward.db")).unwrap();
        let folders = [("DISK_FOLDER", disk.path("disk")), ("DISK_SHADOW", disk.path("shadow"))];
        let told = |(name, path): (&'static str, PathBuf)| (name, path.display().to_string());
        let url =
            [("DATABASE_URL", disk.ground().url()), ("LD_PRELOAD", library("disk").display().to_string())];
        let count = ("DISK_COUNT", disk.path("count").display().to_string());
        let full = ("DISK_FULL", disk.path("full").display().to_string());
        let variables = folders.map(told).into_iter().chain(url).chain([count, full]).collect();
        Self { variables, ..disk }
    }

    pub fn and(mut self, name: &'static str, value: impl ToString) -> Self {
        self.variables.push((name, value.to_string()));
        self
    }

    pub fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    /// As the server sees it.
    pub fn ground(&self) -> Ground {
        Ground::at(Kind::Sqlite, at(&self.path("disk")))
    }

    /// As it is after a power cut.
    pub fn after_a_power_cut(&self) -> Ground {
        Ground::at(Kind::Sqlite, at(&self.path("shadow")))
    }

    pub fn fill(&self) {
        fs::write(self.path("full"), "").unwrap();
    }

    pub fn make_room(&self) {
        fs::remove_file(self.path("full")).unwrap();
    }

    pub fn syncs(&self) -> u64 {
        fs::read_to_string(self.path("count")).map_or(0, |count| count.trim().parse().unwrap_or(0))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.room.path().canonicalize().unwrap().join(name)
    }
}

pub fn at(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("doorward.db").display())
}

/// One moment of the database: who used it before may not have closed it yet, and then its log goes while it is copied.
pub fn copy(ground: &Ground, folder: &Path) {
    copy_into(&mut ground.connect(), &folder.join("doorward.db")).unwrap();
    // A copy has no log until it is first opened, and making one is no part of what is tested.
    drop(DbConn::open(&at(folder)).unwrap());
}

/// One of the files beside this one, made by the compiler's driver that Rust links with.
pub fn library(name: &'static str) -> PathBuf {
    static MADE: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    made.entry(name).or_insert_with(|| compile(name)).clone()
}

fn compile(name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/all/faults/{name}.c"));
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let half = TempDir::with_prefix_in("disk-", cache).unwrap();
    let (made, kept) = (half.path().join("made.so"), cache.join(format!("{name}.so")));
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&made).arg(source).arg("-ldl");
    let done = cc.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::rename(made, &kept).unwrap();
    kept
}
