//! A PostgreSQL of our own: found, initialised and served on a port that nobody has, and gone with this process.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::leash::{Leash, Leashed};

/// The user `nobody`: the server refuses to run as root.
const NOBODY: u32 = 65534;

/// Ended without a farewell: what a test leaves is thrown away.
pub const AT_ONCE: How = ("exec {}", "QUIT");

/// With further settings, as `postgres` takes them. It serves as long as the leash is held.
pub fn start(settings: &str) -> (u16, Leash) {
    let (port, _, leash) = lease(AT_ONCE, settings);
    (port, leash)
}

/// One of the server's own programs, of the version that `start` serves.
pub fn program(name: &str) -> PathBuf {
    Programs::find().folder.join(name)
}

/// A new folder that the server may write to.
pub fn folder() -> PathBuf {
    let folder = TempDir::with_prefix_in("doorward-postgres-", "/tmp").unwrap().keep();
    let user = user(&folder);
    chown(&folder, user, user).unwrap();
    folder
}

/// Another user for the server, where this one is root.
pub(super) fn user(ours: &Path) -> Option<u32> {
    (fs::metadata(ours).unwrap().uid() == 0).then_some(NOBODY)
}

pub fn url(port: u16, database: &str) -> String {
    format!("postgres://doorward@127.0.0.1:{port}/{database}")
}

/// A script for the shell, in which `{}` is the server, and the signal that ends it.
pub type How = (&'static str, &'static str);

/// The port, the folder and what holds them.
pub fn lease(how: How, settings: &str) -> (u16, PathBuf, Leash) {
    let programs = Programs::find();
    (0..3).find_map(|_| programs.serve(how, settings)).expect("no free port for PostgreSQL, thrice")
}

pub fn is_ready(folder: &Path) -> bool {
    let lock = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    // The latter follows another one.
    lock.lines().nth(7).is_some_and(|state| ["ready", "standby"].contains(&state.trim()))
}

/// The server's own programs, all of one version.
pub(super) struct Programs {
    pub(super) folder: PathBuf,
    version: String,
}

impl Programs {
    pub(super) fn find() -> Self {
        let folder = Self::candidates()
            .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
        let folder = folder.expect(
            "PostgreSQL's server programs are not on this machine. Install them with\n\
             \n    sudo apt-get install -y postgresql\n",
        );
        let version = says(Command::new(folder.join("postgres")).arg("--version")).unwrap();
        Self { folder, version: version.split_whitespace().nth(2).unwrap().to_owned() }
    }

    /// What PATH offers comes last and with its links followed: a wrapper's folder does not hold the rest.
    fn candidates() -> impl Iterator<Item = PathBuf> {
        let told = says(Command::new("pg_config").arg("--bindir")).map(PathBuf::from);
        let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
            .unwrap_or_default();
        debian.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path: Vec<PathBuf> = std::env::split_paths(&path)
            .filter_map(|folder| Some(folder.join("postgres").canonicalize().ok()?.parent()?.to_owned()))
            .collect();
        told.into_iter().chain(debian).chain(path)
    }

    /// `None` when another process took the port first.
    fn serve(&self, how: How, settings: &str) -> Option<(u16, PathBuf, Leash)> {
        let folder = folder();
        self.lay(&folder, user(Path::new("/proc/self")));
        let (port, leash) = self.serve_in(&folder, how, settings)?;
        Some((port, folder, leash))
    }

    pub(super) fn serve_in(
        &self,
        folder: &Path,
        (script, signal): How,
        settings: &str,
    ) -> Option<(u16, Leash)> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = format!(
            "'{}' -D data -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
             -c max_connections=300 {settings} > log 2>&1",
            self.folder.join("postgres").display()
        );
        let command = script.replace("{}", &server);
        let how = Leashed { folder, signal, user: user(Path::new("/proc/self")) };
        let leash = Leash::start(&how, ["/bin/sh", "-c", &command]);
        wait_for(folder).then_some((port, leash))
    }

    /// A data folder: a copy of one that this user once initialised with this version.
    pub(super) fn lay(&self, folder: &Path, user: Option<u32>) {
        let data = folder.join("data");
        let owner = fs::metadata(folder).unwrap().uid();
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let kept = cache.join(format!("postgres-{}-{owner}", self.version));
        if kept.is_dir() {
            return copy(&kept, &data, user);
        }
        self.initialise(&data, user);
        // Where the cache cannot be written every run initialises; where another run was quicker its copy is as good.
        if let Ok(half) = TempDir::with_prefix_in("postgres-", cache) {
            copy(&data, &half.path().join("data"), None);
            let _ = fs::rename(half.path().join("data"), kept);
        }
    }

    fn initialise(&self, data: &Path, user: Option<u32>) {
        use std::os::unix::process::CommandExt;
        let mut initdb = Command::new(self.folder.join("initdb"));
        initdb.arg("-D").arg(data).args(["-U", "doorward", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]);
        initdb.arg("--no-sync").current_dir("/");
        if let Some(user) = user {
            initdb.uid(user).gid(user);
        }
        let done = initdb.output().unwrap();
        assert!(done.status.success(), "initdb failed: {}", String::from_utf8_lossy(&done.stderr));
    }
}

/// Of `…/15/bin`: 15.
fn version(folder: &Path) -> Option<u32> {
    folder.parent()?.file_name()?.to_str()?.parse().ok()
}

/// True when the server takes connections, false when its port was taken.
fn wait_for(folder: &Path) -> bool {
    for _ in 0..1500 {
        if is_ready(folder) {
            return true;
        }
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        if log.contains("could not create any TCP/IP sockets") {
            return false;
        }
        assert!(!log.contains("FATAL"), "PostgreSQL does not start:\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("PostgreSQL did not start within 30 s:\n{:?}", fs::read_to_string(folder.join("log")));
}

/// The server insists that its folders are closed to others and that it owns them.
fn copy(from: &Path, to: &Path, user: Option<u32>) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target, user);
        } else {
            fs::copy(entry.path(), &target).unwrap();
            chown(&target, user, user).unwrap();
        }
    }
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    chown(to, user, user).unwrap();
}

fn says(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
