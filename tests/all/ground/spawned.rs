//! The real program in a process of its own, on a test's database: what it writes to stderr, and what a kill leaves.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::Ground;
use super::app::MASTER;

pub struct Spawned {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    pub address: String,
    pub metrics: String,
}

impl Spawned {
    /// A second node beside an [`super::app::App`] on the same ground, with the real clock.
    pub fn start(ground: &Ground) -> Self {
        let metrics = free_address();
        let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", &metrics])
            .current_dir(std::env::temp_dir())
            .env("DOORWARD_ENV", "test")
            .env("DATABASE_URL", ground.url())
            .env("DOORWARD_MASTER_KEY", BASE64_STANDARD.encode(MASTER))
            .env("RUST_LOG", "trace")
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
        let mut spawned = Self { child, lines, address: String::new(), metrics };
        spawned.address = spawned.listens();
        spawned
    }

    fn listens(&self) -> String {
        let patience = Instant::now() + Duration::from_secs(60);
        while Instant::now() < patience {
            let lines = self.told();
            let said = lines.iter().find(|line| line["message"] == "the API listens");
            if let Some(line) = said {
                return line["address"].as_str().unwrap().to_owned();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not listen: {:?}", self.lines.lock().unwrap());
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
