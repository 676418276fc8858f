//! PostgreSQL without one on the machine's ports: a cluster for this run, and in it a database for each test.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, OnceLock};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use doorward::base::Timestamp;

use super::cluster::{self, url};
use super::leash::Leash;

/// The tests' databases need not outlive the machine.
const FORGETFUL: &str = "-c fsync=off -c full_page_writes=off -c autovacuum=off";

/// Made ahead, so that a test seldom waits for its database.
const READY: usize = 3;

pub struct Database {
    name: String,
}

impl Database {
    pub fn take() -> Self {
        let name = cluster().ready.lock().unwrap().recv().expect("the cluster's thread has died; see above");
        Self { name }
    }

    pub fn url(&self) -> String {
        cluster().url(&self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = cluster().used.send(std::mem::take(&mut self.name));
    }
}

struct Cluster {
    port: u16,
    ready: Mutex<Receiver<String>>,
    used: Sender<String>,
    /// Held for the whole run: the server ends when this process does.
    _leash: Leash,
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

impl Cluster {
    fn start() -> Self {
        let (port, leash) = cluster::start(FORGETFUL);
        admin(port).batch_execute("CREATE DATABASE template_migrated").unwrap();
        doorward::db::migrate(&url(port, "template_migrated"), "test", Timestamp::EPOCH).unwrap();

        let (made, ready) = sync_channel(READY);
        let (used, spent) = channel();
        std::thread::spawn(move || make(port, &made));
        std::thread::spawn(move || remove(port, &spent));
        Self { port, ready: Mutex::new(ready), used, _leash: leash }
    }

    fn url(&self, database: &str) -> String {
        url(self.port, database)
    }
}

fn make(port: u16, ready: &SyncSender<String>) {
    let mut admin = admin(port);
    for number in 1.. {
        let name = format!("test_{number}");
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template_migrated")).unwrap();
        if ready.send(name).is_err() {
            return;
        }
    }
}

/// Eight megabytes each: they are not left lying until the end.
fn remove(port: u16, used: &Receiver<String>) {
    let mut admin = admin(port);
    for name in used {
        admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
    }
}

fn admin(port: u16) -> PgConnection {
    PgConnection::establish(&url(port, "postgres")).unwrap()
}
