//! The real program in a process of its own, on a test's database: what it writes to stderr, and what a kill leaves.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::app::MASTER;
use super::binary::signal;
use super::{Ground, counters};

pub struct Spawned {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    pub address: String,
}

/// A busy machine included.
const PATIENCE: Duration = Duration::from_secs(60);

impl Spawned {
    /// A second node beside an [`super::app::App`] on the same ground, with the real clock, that logs all it can.
    pub fn start(ground: &Ground) -> Self {
        Self::with(ground, &[("RUST_LOG", "trace")])
    }

    /// The same with variables of its own. The system chooses its ports: one that was looked for may be another's.
    pub fn with(ground: &Ground, variables: &[(&str, &str)]) -> Self {
        Self::at("127.0.0.1", ground, variables)
    }

    /// The same, listening at an address of this machine's own.
    pub fn at(host: &str, ground: &Ground, variables: &[(&str, &str)]) -> Self {
        Self::run(&mut Command::new(env!("CARGO_BIN_EXE_doorward")), host, ground, variables)
    }

    /// In a shell that first does something to itself, and then becomes the server.
    pub fn under(script: &str, ground: &Ground, variables: &[(&str, &str)]) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(format!("{script} && exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_doorward"));
        Self::run(&mut shell, "127.0.0.1", ground, variables)
    }

    fn run(command: &mut Command, host: &str, ground: &Ground, variables: &[(&str, &str)]) -> Self {
        let mut child = command
            .args(["serve", "--listen", &format!("{host}:0"), "--metrics-listen", "127.0.0.1:0"])
            .current_dir(std::env::temp_dir())
            .envs(Self::variables(ground))
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stderr, kept) = (child.stderr.take().unwrap(), lines.clone());
        std::thread::spawn(move || {
            BufReader::new(stderr)
                .lines()
                .map_while(Result::ok)
                .for_each(|line| kept.lock().unwrap().push(line));
        });
        let mut spawned = Self { child, lines, address: String::new() };
        spawned.address = spawned.address_of("the API listens");
        spawned
    }

    /// What any of our commands needs to know to work on this database.
    pub fn variables(ground: &Ground) -> [(&'static str, String); 3] {
        let key = BASE64_STANDARD.encode(MASTER);
        [("DOORWARD_ENV", "test".into()), ("DATABASE_URL", ground.url()), ("DOORWARD_MASTER_KEY", key)]
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Seconds of processor that it has used.
    pub fn cpu(&self) -> f64 {
        counters::cpu_of(self.id())
    }

    /// Where its numbers are; it must log at debug.
    pub fn metrics(&self) -> String {
        self.address_of("metrics listen")
    }

    fn address_of(&self, message: &str) -> String {
        let patience = Instant::now() + PATIENCE;
        while Instant::now() < patience {
            let lines = self.told();
            if let Some(line) = lines.iter().find(|line| line["message"] == message) {
                return line["address"].as_str().unwrap().to_owned();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it never said \"{message}\": {:?}", self.lines.lock().unwrap());
    }

    /// Every line, which must be JSON.
    pub fn told(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }

    pub fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// Its threads and its open descriptors.
    pub fn weight(&self) -> (usize, usize) {
        counters::weight_of(self.id())
    }

    /// Told to end; whether it did within so long.
    pub fn end(mut self, patience: Duration) -> bool {
        signal(&self.child, libc::SIGTERM);
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Whether it has not ended by itself.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// It stands still in the middle of whatever it does.
    pub fn freeze(&self) {
        signal(&self.child, libc::SIGSTOP);
    }

    /// As a power cut would, for this process.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
