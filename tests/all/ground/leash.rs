//! A child process that ends with the tests, whatever ends them: a panic, an interrupt, or `kill -9`.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A shell stands between. It waits for its standard input to close, which the kernel does when this process is
/// gone, however it went; then it ends the child, deletes the folder and whatever else the child had started.
const SCRIPT: &str = r#"
folder=$1; signal=$2; shift 2
"$@" &
child=$!
read -r _
kill -"$signal" $child
{ sleep 10; kill -KILL $child; } &
wait $child
rm -rf "$folder"
kill -KILL 0
"#;

pub struct Leash {
    shell: Child,
    held: Option<ChildStdin>,
}

pub struct Leashed<'a> {
    /// Deleted at the end; the child's working directory.
    pub folder: &'a Path,
    /// Ends the child, as `kill -SIGNAL` names it.
    pub signal: &'a str,
    /// Another user for the child, where this one is root.
    pub user: Option<u32>,
}

impl Leash {
    pub fn start<A: AsRef<OsStr>>(how: &Leashed<'_>, command: impl IntoIterator<Item = A>) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "leash"]).arg(how.folder).arg(how.signal).args(command);
        shell.current_dir(how.folder).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(user) = how.user {
            shell.uid(user).gid(user);
        }
        let mut shell = shell.spawn().unwrap();
        let held = shell.stdin.take();
        Self { shell, held }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.held.take());
        let _ = self.shell.wait();
    }
}
