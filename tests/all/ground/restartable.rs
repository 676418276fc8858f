//! A PostgreSQL of a test's own that is stopped and started again while servers use it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::cluster::{is_ready, lease};
use super::leash::Leash;

/// Again and again, unless somebody holds it. A shell in the background is deaf to QUIT, so another signal ends it, and
/// it hands that on.
const AGAIN: &str = "trap 'kill -QUIT $server; exit' TERM; while :; do {} & server=$!; wait $server; \
    while [ -e held ]; do sleep 0.05; done; done";

/// One that is stopped and started again while it is held: the port and the folder stay.
pub struct Restartable {
    pub port: u16,
    folder: PathBuf,
    _leash: Leash,
}

impl Restartable {
    /// As a machine has it that keeps what it was given.
    pub fn start() -> Self {
        let (port, folder, leash) = lease((AGAIN, "TERM"), "");
        Self { port, folder, _leash: leash }
    }

    /// `INT` is a fast stop and `QUIT` an immediate one, as `pg_ctl -m` names them. It stays down until
    /// [`Self::let_start`], and is down when this answers.
    pub fn stop(&self, signal: &str) {
        fs::write(self.folder.join("held"), "").unwrap();
        let lock = self.folder.join("data/postmaster.pid");
        let pid = fs::read_to_string(&lock).unwrap().lines().next().unwrap().to_owned();
        let sent = Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap();
        assert!(sent.success());
        let patience = Instant::now() + Duration::from_secs(30);
        while lock.exists() {
            assert!(Instant::now() < patience, "PostgreSQL does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// It takes connections when this answers.
    pub fn let_start(&self) {
        fs::remove_file(self.folder.join("held")).unwrap();
        let patience = Instant::now() + Duration::from_secs(30);
        while !is_ready(&self.folder) {
            assert!(Instant::now() < patience, "PostgreSQL does not start again");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
