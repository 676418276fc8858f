//! The database handle: bounded access to connections, reads beside each other, writes that are durable when they answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::r2d2::{self, ManageConnection, R2D2Connection};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tokio::sync::Semaphore;
use tracing::{Instrument, Span, debug_span};

use super::conn::{DbConn, is_postgres};
use super::writer::Writer;
use crate::base::error::BUSY;
use crate::base::{Error, Result};

/// How long a request waits for a connection before it is told to come back.
pub(super) const WAIT: Duration = Duration::from_secs(2);
/// How long work waited for a connection: the histogram's name.
pub const WAIT_SECONDS: &str = "doorward_database_wait_seconds";
/// Tries of a write that lost against another one.
const TRIES: u32 = 4;

#[derive(Debug, Clone)]
pub struct DbSettings {
    pub url: String,
    /// Connections on PostgreSQL, readers on SQLite.
    pub connections: u32,
}

#[derive(Clone)]
pub struct Db {
    pool: r2d2::Pool<Manager>,
    permits: Arc<Semaphore>,
    writes: Writes,
    postgres: bool,
}

#[derive(Clone)]
enum Writes {
    Pool,
    OneThread(Writer),
}

struct Manager(String);

impl ManageConnection for Manager {
    type Connection = DbConn;
    type Error = r2d2::Error;

    fn connect(&self) -> Result<DbConn, r2d2::Error> {
        DbConn::open(&self.0).map_err(r2d2::Error::ConnectionError)
    }

    fn is_valid(&self, conn: &mut DbConn) -> Result<(), r2d2::Error> {
        conn.ping().map_err(r2d2::Error::QueryError)
    }

    fn has_broken(&self, conn: &mut DbConn) -> bool {
        std::thread::panicking() || conn.is_broken()
    }
}

impl Db {
    /// Blocking: opens the first connection, so that a wrong address is an error now.
    pub fn open(settings: &DbSettings) -> Result<Self> {
        let postgres = is_postgres(&settings.url);
        let connections = settings.connections.max(1);
        let pool = r2d2::Pool::builder()
            .max_size(connections)
            .min_idle(Some(1))
            .test_on_check_out(false) // a round trip on each use; a broken connection is found by its first query
            .connection_timeout(WAIT)
            .build(Manager(settings.url.clone()))
            .map_err(Error::internal)?;
        let writes = if postgres {
            Writes::Pool
        } else {
            Writes::OneThread(Writer::start(&settings.url).map_err(Error::internal)?)
        };
        let permits = Arc::new(Semaphore::new(connections as usize));
        Ok(Self { pool, permits, writes, postgres })
    }

    pub fn is_postgres(&self) -> bool {
        self.postgres
    }

    /// On SQLite: moves whenever another process wrote. PostgreSQL tells what was written, by notify.
    pub fn strangers(&self) -> Option<tokio::sync::watch::Receiver<u64>> {
        match &self.writes {
            Writes::OneThread(writer) => Some(writer.strangers()),
            Writes::Pool => None,
        }
    }

    pub async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut DbConn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.on_pool(run).instrument(debug_span!("db.read")).await.map_err(waited_in_vain)
    }

    /// One transaction. What it answers is on disk. It may run again from its start when it lost against another
    /// writer, hence `FnMut`: no hashing, no network, no effect outside the transaction.
    pub async fn write<T: Send + 'static>(
        &self,
        mut run: impl FnMut(&mut DbConn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let writing = async {
            match &self.writes {
                Writes::OneThread(writer) => writer.write(run).await,
                Writes::Pool => self.on_pool(move |conn| transaction(conn, &mut run)).await,
            }
        };
        writing.instrument(debug_span!("db.write")).await.map_err(waited_in_vain)
    }

    async fn on_pool<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut DbConn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let since = Instant::now();
        let waiting = self.permits.clone().acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(WAIT, waiting).await else {
            return Err(BUSY.retry_after(1));
        };
        let pool = self.pool.clone();
        let span = Span::current();
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let _in_span = span.entered();
            let mut conn = pool.get().map_err(|_| BUSY.retry_after(1))?;
            metrics::histogram!(WAIT_SECONDS).record(since.elapsed());
            // Apart from the wait for a connection.
            debug_span!("run").in_scope(|| run(&mut conn))
        })
        .await
        .map_err(Error::internal)?
    }
}

fn transaction<T>(conn: &mut DbConn, run: &mut impl FnMut(&mut DbConn) -> Result<T>) -> Result<T> {
    let mut tries = 1;
    loop {
        match once(conn, run) {
            Err(error) if tries < TRIES && lost_a_race(&error) => tries += 1,
            result => return result,
        }
    }
}

fn once<T>(conn: &mut DbConn, run: &mut impl FnMut(&mut DbConn) -> Result<T>) -> Result<T> {
    conn.begin_write()?;
    match run(conn) {
        Ok(value) => {
            if let Err(error) = conn.commit() {
                conn.roll_back();
                return Err(error.into());
            }
            Ok(value)
        }
        Err(error) => {
            conn.roll_back();
            Err(error)
        }
    }
}

/// Whoever waited too long for a lock that others hold comes back later: that is no fault of ours, and what others
/// can bring about at will must not read as one.
fn waited_in_vain(error: Error) -> Error {
    let Error::Internal(cause) = &error else { return error };
    let Some(DieselError::DatabaseError(_, info)) = cause.downcast_ref::<DieselError>() else { return error };
    let signs = ["lock timeout", "statement timeout", "database is locked"];
    if signs.iter().any(|sign| info.message().contains(sign)) { BUSY.retry_after(1) } else { error }
}

/// Serialization failures and deadlocks: the transaction had no effect and may simply run again.
fn lost_a_race(error: &Error) -> bool {
    let Error::Internal(cause) = error else { return false };
    match cause.downcast_ref::<DieselError>() {
        Some(DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _)) => true,
        Some(DieselError::DatabaseError(_, info)) => info.message().contains("deadlock detected"),
        _ => false,
    }
}
