//! The real program in a folder of its own, told by its environment and arguments alone.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use doorward::db::schema::installation;
use tempfile::TempDir;

use super::Ground;
use super::app::Door;

/// Random once, and of no use to anybody.
pub const KEY: &str = "q0Vt3JHc1xk8bC5nW2rPzYd9Lf7mTgAeSiUoKwXhE4I=";

pub struct Installation {
    pub folder: TempDir,
    pub variables: Vec<(String, String)>,
    pub address: SocketAddr,
}

#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub struct Running {
    pub child: Child,
    pub address: SocketAddr,
}

/// No command of a test works for long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is said, while it is said: a full pipe would keep the program from its end.
fn heard(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        text
    })
}

/// Both held until both are known: one that is let go may be given out again at once.
fn free() -> [SocketAddr; 2] {
    [(), ()].map(|()| TcpListener::bind("127.0.0.1:0").unwrap()).map(|held| held.local_addr().unwrap())
}

impl Installation {
    /// In the environment `test`, on the test's own database.
    pub fn on(ground: &Ground) -> Self {
        let bare = Self::bare().with("DATABASE_URL", &ground.url());
        bare.with("DOORWARD_ENV", "test").with("DOORWARD_MASTER_KEY", KEY)
    }

    /// In development, on the test's own database, which then belongs to development.
    pub fn developing(ground: &Ground) -> Self {
        let theirs = diesel::update(installation::table).set(installation::environment.eq("development"));
        assert_eq!(theirs.execute(&mut ground.connect()).unwrap(), 1);
        Self::on(ground).with("DOORWARD_ENV", "development")
    }

    /// Nothing but two free ports.
    pub fn bare() -> Self {
        let folder = TempDir::with_prefix("doorward-test-").unwrap();
        let [address, metrics] = free();
        let variables = Vec::new();
        let bare = Self { folder, variables, address };
        bare.with("DOORWARD_SERVER__LISTEN", &address.to_string())
            .with("DOORWARD_SERVER__METRICS_LISTEN", &metrics.to_string())
            .with("DOORWARD_HASHING__MEMORY_KIB", "64")
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_doorward")));
        command.args(arguments).current_dir(&self.folder).env_clear();
        command.envs(self.variables.iter().cloned()).stdin(Stdio::null());
        // `df` and nothing else is looked for.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// Runs to its end, which must come: what should have refused to start would serve for ever.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let mut child = self.begin(arguments);
        let (out, err) = (heard(child.stdout.take().unwrap()), heard(child.stderr.take().unwrap()));
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > PATIENCE {
                drop(child.kill());
                drop(child.wait());
                panic!("`doorward {}` goes on: {}", arguments.join(" "), err.join().unwrap());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let code = child.wait().unwrap().code().unwrap_or(-1);
        Ran { code, out: out.join().unwrap(), err: err.join().unwrap() }
    }

    /// A server, not yet waited for.
    pub fn spawn(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        Running { child, address: self.address }
    }

    /// A command that goes on, whose words can be read meanwhile.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub async fn serve(&self) -> Running {
        let running = self.spawn(&["serve"]);
        running.until("/health/ready", Some(200)).await;
        running
    }
}

impl Running {
    /// The status of a path, none while nobody listens.
    pub async fn status(&self, path: &str) -> Option<u16> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build().unwrap();
        let answer = http.get(format!("http://{}{path}", self.address)).send().await.ok()?;
        Some(answer.status().as_u16())
    }

    /// The status of what a client of this door posts.
    pub async fn ask(&self, door: &Door, path: &str, body: serde_json::Value) -> u16 {
        let request = reqwest::Client::new().post(format!("http://{}{path}", self.address)).json(&body);
        let request = request.header("host", &door.host).header("doorward-client", &door.client);
        request.send().await.unwrap().status().as_u16()
    }

    pub async fn until(&self, path: &str, wanted: Option<u16>) {
        let began = Instant::now();
        while self.status(path).await != wanted {
            assert!(began.elapsed() < PATIENCE, "{path} never became {wanted:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn signal(&self, signal: i32) {
        self::signal(&self.child, signal);
    }

    /// Its exit code, once it has ended, and what it had printed.
    pub async fn ended(&mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut printed = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        (self.child.wait().unwrap().code(), printed)
    }
}

pub fn signal(child: &Child, signal: i32) {
    #[expect(unsafe_code, reason = "there is no other way to send a signal")]
    // SAFETY: it only sends a signal to our own child, which has not been waited for.
    unsafe {
        libc::kill(i32::try_from(child.id()).unwrap(), signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
