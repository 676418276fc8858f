//! A PostgreSQL of a test's own with another one behind it, which follows and can be promoted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::cluster;
use super::leash::Leash;
use super::recovering::{laid, program, resume};
use super::space::Space;

/// One server, as long as it is held.
pub struct Server {
    pub port: u16,
    folder: PathBuf,
    _leash: Leash,
}

impl Server {
    /// As a machine has it that keeps what it was given.
    pub fn start() -> Self {
        Self::of(laid())
    }

    /// On a network of its own, open to its neighbours.
    pub fn within(space: &Space) -> Self {
        let folder = laid();
        let access = folder.join("data/pg_hba.conf");
        let neighbours = ["all", "replication"].map(|what| format!("host {what} all 10.0.0.0/8 trust\n"));
        fs::write(&access, fs::read_to_string(&access).unwrap() + &neighbours.concat()).unwrap();
        let (port, leash) = space.within(|| resume(&folder, "-c listen_addresses='*'"));
        Self { port, folder, _leash: leash }
    }

    /// One that follows whoever serves there.
    pub fn behind(host: &str, port: u16) -> Self {
        let folder = cluster::folder();
        let mut backup = program("pg_basebackup");
        backup.args(["-h", host, "-U", "doorward", "--checkpoint=fast", "--wal-method=stream"]);
        backup.args(["--write-recovery-conf", "-p", &port.to_string(), "-D"]).arg(folder.join("data"));
        done(&mut backup);
        Self::of(folder)
    }

    fn of(folder: PathBuf) -> Self {
        let (port, leash) = resume(&folder, "");
        Self { port, folder, _leash: leash }
    }

    /// As when its machine is lost. Nobody of its processes is left when this answers.
    pub fn kill(&self) {
        let lock = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let first = lock.lines().next().unwrap();
        let all = [vec![first.to_owned()], children(first)].concat();
        assert!(Command::new("kill").arg("-KILL").args(&all).status().unwrap().success());
        let patience = Instant::now() + Duration::from_secs(30);
        while all.iter().any(|pid| is_alive(pid)) {
            assert!(Instant::now() < patience, "PostgreSQL does not die");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// It takes writes when this answers.
    pub fn promote(&self) {
        done(program("pg_ctl").args(["promote", "-w", "-D"]).arg(self.folder.join("data")));
    }
}

fn done(command: &mut Command) {
    let output = command.current_dir("/").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn children(of: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().into_string().ok());
    pids.filter(|pid| status(pid).is_some_and(|(_, parent)| parent == of)).collect()
}

fn is_alive(pid: &str) -> bool {
    status(pid).is_some_and(|(state, _)| state != "Z")
}

/// Its state and its parent, by the kernel's table.
fn status(pid: &str) -> Option<(String, String)> {
    let text = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()?;
    // The name before it may hold anything, blanks too.
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}
