//! A PostgreSQL of our own in its second life: on a data folder that a test has put together, by the server's own programs.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cluster::{AT_ONCE, Programs, folder, user};
use super::leash::Leash;

/// A folder with an empty database in `data`, to be changed before it is served.
pub fn laid() -> PathBuf {
    let folder = folder();
    Programs::find().lay(&folder, user(Path::new("/proc/self")));
    folder
}

/// Serves what the test has put into `folder/data`; the folder is deleted in the end.
pub fn resume(folder: &Path, settings: &str) -> (u16, Leash) {
    Programs::find().serve_in(folder, AT_ONCE, settings).expect("no free port for PostgreSQL")
}

/// One of the server's other programs, as the user that the server runs as.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(Programs::find().folder.join(name));
    if let Some(user) = user(Path::new("/proc/self")) {
        command.uid(user).gid(user);
    }
    command
}
