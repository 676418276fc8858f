//! The container's run stage without a container: the program with the libraries that it names, and nothing else, as
//! a user without rights.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ground::binary::{KEY, signal};
use crate::ground::spawned::free_address;

/// As the Dockerfile has it.
const USER: u32 = 10001;
const HOME: &str = "var/lib/doorward";
/// A busy machine included.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "for root: `make faults` runs it"]
fn with_its_libraries_and_nothing_else_it_starts_answers_and_ends_as_nobody_special() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return println!("SKIPPED: this user may not change the root");
    }
    let stage = Stage::new();
    let mut server = stage.command(&["serve"]).spawn().unwrap();

    let until = Instant::now() + PATIENCE;
    while !stage.says(&["health"]).status.success() {
        assert!(server.try_wait().unwrap().is_none(), "it ended");
        assert!(Instant::now() < until, "it is not ready");
        std::thread::sleep(Duration::from_millis(100));
    }
    let (user, sound) = (owner(&server), stage.says(&["verify"]));
    signal(&server, libc::SIGTERM);
    let ended = server.wait().unwrap();

    assert_eq!(user, USER);
    assert!(sound.status.success(), "{}", String::from_utf8_lossy(&sound.stderr));
    assert!(ended.success(), "{ended}");
    let database = fs::metadata(stage.root.path().join(HOME).join("doorward.db")).unwrap();
    assert_eq!((database.uid(), database.mode() & 0o777), (USER, 0o600));
    println!("ready, sound and ended in a root of {} files", stage.files);
}

struct Stage {
    root: TempDir,
    address: String,
    files: usize,
}

impl Stage {
    fn new() -> Self {
        let root = TempDir::with_prefix("doorward-test-").unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = env!("CARGO_BIN_EXE_doorward");
        let libraries = libraries(program);
        for library in &libraries {
            put(root.path(), library, library);
        }
        put(root.path(), program, "/usr/local/bin/doorward");
        let home = root.path().join(HOME);
        fs::create_dir_all(&home).unwrap();
        chown(&home, Some(USER), Some(USER)).unwrap();
        Self { root, address: free_address(), files: libraries.len() + 1 }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command.arg(format!("--userspec={USER}:{USER}")).arg(self.root.path()).arg("/usr/local/bin/doorward");
        command.args(arguments).env_clear().envs([
            ("PATH", "/usr/bin:/bin:/usr/sbin:/sbin"),
            ("DOORWARD_ENV", "production"),
            ("DATABASE_URL", "sqlite:///var/lib/doorward/doorward.db"),
            ("DOORWARD_MASTER_KEY", KEY),
            ("DOORWARD_SERVER__PUBLIC_URL", "https://door.example.com"),
            ("DOORWARD_SERVER__LISTEN", self.address.as_str()),
            ("DOORWARD_SERVER__METRICS_LISTEN", "127.0.0.1:0"),
            ("DOORWARD_MAIL__TRANSPORT", "none"),
        ]);
        command.stdin(Stdio::null());
        command
    }

    fn says(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

/// What the loader would look for, and the loader.
fn libraries(program: &str) -> Vec<String> {
    let told = Command::new("ldd").arg(program).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let words = told.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    words.map(str::to_owned).collect()
}

fn put(root: &Path, from: &str, to: &str) {
    let to = root.join(to.trim_start_matches('/'));
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, &to).unwrap();
}

fn owner(process: &Child) -> u32 {
    fs::metadata(format!("/proc/{}", process.id())).unwrap().uid()
}
