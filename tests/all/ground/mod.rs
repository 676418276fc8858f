//! What a test stands on: a migrated database of its own, a mail server, a browser; gone when the test is.

#![expect(dead_code, reason = "the kit is whole before every part of it has found its test")]

pub mod app;
pub mod binary;
pub mod browser;
pub mod cgroup;
pub mod chance;
pub mod cluster;
pub mod counters;
pub mod forge;
pub mod leash;
pub mod mime;
pub mod people;
mod postgres;
pub mod recovering;
pub mod restartable;
pub mod rows;
pub mod sink;
pub mod smtp;
mod smtp_talk;
mod sound;
pub mod space;
pub mod spawned;
mod sqlite;
pub mod standby;
pub mod work;

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use doorward::db::DbConn;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// One test's own database: empty, migrated, in the environment `test`.
#[derive(Clone)]
pub struct Ground {
    pub kind: Kind,
    lent: Arc<Lent>,
    sound: Arc<sound::Sound>,
}

enum Lent {
    Sqlite(sqlite::File),
    Postgres(postgres::Database),
    /// What the test has laid out itself.
    Own(String),
}

impl Ground {
    pub fn new(kind: Kind) -> Self {
        let lent = match kind {
            Kind::Sqlite => Lent::Sqlite(sqlite::File::new()),
            Kind::Postgres => Lent::Postgres(postgres::Database::take()),
        };
        Self { kind, lent: Arc::new(lent), sound: Arc::default() }
    }

    /// A database of a PostgreSQL that is this test's alone.
    pub fn alone(port: u16) -> Self {
        let url = cluster::url(port, "postgres");
        doorward::db::migrate(&url, "test", doorward::base::Timestamp::EPOCH).unwrap();
        Self::at(Kind::Postgres, url)
    }

    /// A database that a test has laid out itself; servers of it have the real time.
    pub fn at(kind: Kind, url: String) -> Self {
        let ground = Self { kind, lent: Arc::new(Lent::Own(url)), sound: Arc::default() };
        ground.goes_by(&doorward::components::Clock::real());
        ground
    }

    /// What `DATABASE_URL` would say.
    pub fn url(&self) -> String {
        match &*self.lent {
            Lent::Sqlite(file) => file.url(),
            Lent::Postgres(database) => database.url(),
            Lent::Own(url) => url.clone(),
        }
    }

    /// A connection past the pool, for looking at rows and for bending them. Nobody hurries it.
    pub fn connect(&self) -> DbConn {
        let mut conn = DbConn::open(&self.url()).unwrap();
        if self.kind == Kind::Postgres {
            conn.batch_execute("SET idle_in_transaction_session_timeout=0").unwrap();
        }
        conn
    }
}

/// Runs one test on one database. Two threads: what blocks the test must not block the servers that it talks to.
pub fn run<F: Future<Output = ()>>(kind: Kind, test: impl FnOnce(Ground) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ground = Ground::new(kind);
    runtime.block_on(test(ground.clone()));
    ground.assert_sound();
}

/// Makes two tests of each function named: `name::sqlite` and `name::postgres`.
/// An attribute before a name, such as `#[ignore = "…"]`, is both tests'.
macro_rules! on_both {
    ($($(#[$attribute:meta])* $name:ident),+ $(,)?) => { $(
        mod $name {
            #[test]
            $(#[$attribute])*
            fn sqlite() {
                crate::ground::run(crate::ground::Kind::Sqlite, super::$name);
            }

            #[test]
            $(#[$attribute])*
            fn postgres() {
                crate::ground::run(crate::ground::Kind::Postgres, super::$name);
            }
        }
    )+ };
}
pub(crate) use on_both;
