//! A server's wall clock, set while it serves, by libfaketime. Its steady clock and this machine's own go on as they are.

use std::fs;
use std::path::PathBuf;

use doorward::components::Clock;
use tempfile::TempDir;

/// 2038-01-19 03:14:07 UTC, after which 31 bits do not hold the seconds any more.
const EDGE: i64 = 2_147_483_647;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

pub struct Wall {
    room: TempDir,
    library: PathBuf,
}

/// Where a jump lands, seen from the right time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Jump {
    HourAhead,
    HourBehind,
    TenYearsAhead,
    DayBehind,
    Beginning,
    Edge,
}

pub const JUMPS: [Jump; 6] =
    [Jump::HourAhead, Jump::HourBehind, Jump::TenYearsAhead, Jump::DayBehind, Jump::Beginning, Jump::Edge];

impl Jump {
    /// In seconds, from now.
    pub fn away(self) -> i64 {
        let now = Clock::real().now().seconds();
        match self {
            Self::HourAhead => HOUR,
            Self::HourBehind => -HOUR,
            Self::TenYearsAhead => 3652 * DAY,
            Self::DayBehind => -DAY,
            // A machine that has forgotten the time.
            Self::Beginning => 1 - now,
            // The edge is crossed while the server serves.
            Self::Edge => EDGE - 3 - now,
        }
    }
}

impl Wall {
    /// None where libfaketime is not installed.
    pub fn find() -> Option<Self> {
        let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
        let mut candidates = folders.chain(["/usr/lib".into(), "/usr/local/lib".into()]);
        let library = candidates.find_map(|folder| {
            let library = folder.join("faketime/libfaketimeMT.so.1");
            library.is_file().then_some(library)
        })?;
        let wall = Self { room: TempDir::with_prefix("doorward-wall-").unwrap(), library };
        wall.set(0);
        Some(wall)
    }

    /// So many seconds from the right time, from now on and at once.
    pub fn set(&self, seconds: i64) {
        let next = self.room.path().join("next");
        fs::write(&next, format!("{seconds:+}")).unwrap();
        // The server reads it each time that it asks for the time: never half a number.
        fs::rename(next, self.file()).unwrap();
    }

    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let (library, file) = (self.library.display().to_string(), self.file().display().to_string());
        let once = ["FAKETIME_NO_CACHE", "DONT_FAKE_MONOTONIC", "FAKETIME_DISABLE_SHM", "NO_FAKE_STAT"];
        let once = once.map(|name| (name, "1".to_owned()));
        [("LD_PRELOAD", library), ("FAKETIME_TIMESTAMP_FILE", file)].into_iter().chain(once).collect()
    }

    fn file(&self) -> PathBuf {
        self.room.path().join("offset")
    }
}
