//! The database handle: bounded access to connections, reads beside each other, writes that are durable when they answer.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use diesel::r2d2::{self, ManageConnection, R2D2Connection};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument, Span, debug_span};

use super::conn::{DbConn, is_postgres};
use super::reach::{Above, Reach};
use super::wall::{self, Place};
use super::writer::Writer;
use crate::base::error::{BUSY, STORAGE_FULL, UNDECIDED};
use crate::base::{Error, Result, TenantId};

/// How long a request waits for a connection before it is told to come back.
pub const WAIT: Duration = Duration::from_secs(2);
/// How long work waited for a connection: the histogram's name.
pub const WAIT_SECONDS: &str = "doorward_database_wait_seconds";
/// Tries of a write that lost against another one.
const TRIES: u32 = 4;
/// Whoever tries again at once takes a row before the one who waited for it has woken, and both lose once more.
const PAUSE: Duration = Duration::from_millis(20);
/// Idle connections that are passed over for one that stands nearer.
const PASSED: usize = 3;

#[derive(Debug, Clone)]
pub struct DbSettings {
    pub url: String,
    /// Connections on PostgreSQL, readers on SQLite.
    pub connections: u32,
    /// Of an SQLite file's pages, what each connection keeps in memory.
    pub cache_kib: u32,
}

impl DbSettings {
    /// In the first words of a connection.
    fn also(&self) -> String {
        if is_postgres(&self.url) { String::new() } else { format!("PRAGMA cache_size=-{};", self.cache_kib) }
    }
}

#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    pool: r2d2::Pool<Manager>,
    permits: Arc<Semaphore>,
    /// Of these, what may be taken for what no caller waits for.
    aside: Arc<Semaphore>,
    writes: Writes,
    postgres: bool,
}

enum Writes {
    Pool,
    OneThread(Writer),
}

struct Manager {
    url: String,
    also: String,
    /// Whether the first connection found a wall to stand behind: the others need not ask, which would be two round
    /// trips more for each.
    has_wall: OnceLock<bool>,
}

struct Pooled {
    conn: DbConn,
    place: Place,
    /// Diesel notices only what breaks inside a transaction.
    dead: bool,
}

impl Pooled {
    fn go(&mut self, reach: Reach) -> Result<(), Lost> {
        self.place.go(&mut self.conn, reach).map_err(|error| Lost::of(error.into()))
    }
}

impl ManageConnection for Manager {
    type Connection = Pooled;
    type Error = r2d2::Error;

    fn connect(&self) -> Result<Pooled, r2d2::Error> {
        let behind = self.has_wall.get() == Some(&true);
        let also = if behind { wall::STEP_BEHIND } else { &self.also };
        let mut conn = DbConn::open_saying(&self.url, also).map_err(r2d2::Error::ConnectionError)?;
        let place = match self.has_wall.get() {
            Some(true) => Place::Nowhere,
            Some(false) => Place::Open,
            None => Place::first(&mut conn).map_err(r2d2::Error::QueryError)?,
        };
        self.has_wall.get_or_init(|| place != Place::Open);
        Ok(Pooled { conn, place, dead: false })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), r2d2::Error> {
        pooled.conn.ping().map_err(r2d2::Error::QueryError)
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        std::thread::panicking() || pooled.dead || pooled.conn.is_broken()
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
            .test_on_check_out(false) // a round trip on each use; a dead connection is found by its first query
            .connection_timeout(WAIT)
            .build(Manager { url: settings.url.clone(), also: settings.also(), has_wall: OnceLock::new() })
            .map_err(Error::internal)?;
        let writes = if postgres {
            Writes::Pool
        } else {
            Writes::OneThread(Writer::start(&settings.url, &settings.also()).map_err(Error::internal)?)
        };
        let permits = Arc::new(Semaphore::new(connections as usize));
        let aside = Arc::new(Semaphore::new((connections as usize / 2).max(1)));
        Ok(Self(Arc::new(Inner { pool, permits, aside, writes, postgres })))
    }

    pub fn is_postgres(&self) -> bool {
        self.0.postgres
    }

    /// On SQLite: moves whenever another process wrote. PostgreSQL tells what was written, by notify.
    pub fn strangers(&self) -> Option<tokio::sync::watch::Receiver<u64>> {
        match &self.0.writes {
            Writes::OneThread(writer) => Some(writer.strangers()),
            Writes::Pool => None,
        }
    }

    /// For work in one tenant.
    pub fn within(&self, tenant: TenantId) -> View {
        self.seeing(Reach::Tenant(tenant))
    }

    /// For work that has to see past the walls, and says why.
    pub fn above(&self, why: Above) -> View {
        self.seeing(Reach::Above(why))
    }

    pub fn seeing(&self, reach: Reach) -> View {
        View { db: self.0.clone(), reach }
    }
}

/// The database as far as somebody sees it: the only way to a connection.
pub struct View {
    db: Arc<Inner>,
    reach: Reach,
}

impl View {
    /// It may run again from its start when the connection that it was given proves dead, hence `FnMut`.
    pub async fn read<T: Send + 'static>(
        self,
        run: impl FnMut(&mut DbConn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (slot, mut run) = slotted(run);
        self.on_pool(Box::new(move |conn| run(conn).map_err(Lost::of)))
            .instrument(debug_span!("db.read"))
            .await
            .map_err(waited_in_vain)?;
        taken(&slot)
    }

    /// One transaction. What it answers is on disk. It may run again from its start when it lost against another
    /// writer, hence `FnMut`: no hashing, no network, no effect outside the transaction.
    pub async fn write<T: Send + 'static>(
        self,
        run: impl FnMut(&mut DbConn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (slot, run) = slotted(run);
        self.transact(run).instrument(debug_span!("db.write")).await.map_err(waited_in_vain)?;
        taken(&slot)
    }

    async fn transact(self, mut run: Run) -> Result<()> {
        match &self.db.writes {
            Writes::OneThread(writer) => writer.write(run).await,
            Writes::Pool => self.on_pool(Box::new(move |conn| transaction(conn, &mut run))).await,
        }
    }

    async fn permit(&self) -> (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>) {
        let aside = match self.reach.is_nobodys_wish() {
            true => self.db.aside.clone().acquire_owned().await.ok(),
            false => None,
        };
        (aside, self.db.permits.clone().acquire_owned().await.ok())
    }

    async fn on_pool(self, run: Attempt) -> Result<()> {
        let since = Instant::now();
        let Ok(permit) = tokio::time::timeout(WAIT, self.permit()).await else {
            return Err(BUSY.retry_after(1));
        };
        let pool = self.db.pool.clone();
        let (span, reach) = (Span::current(), self.reach);
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let _in_span = span.entered();
            on_living(&pool, (since, reach), run)
        })
        .await
        .map_err(Error::internal)?
    }
}

/// Work without its type: what carries it to a connection is there once, not once for each query of the program.
pub(super) type Run = Box<dyn FnMut(&mut DbConn) -> Result<()> + Send>;

/// The same, and it says whether another connection is worth a try.
type Attempt = Box<dyn FnMut(&mut DbConn) -> Result<(), Lost> + Send>;

type Slot<T> = Arc<Mutex<Option<T>>>;

/// The work, and where it leaves what it found; of several runs the last counts.
fn slotted<T: Send + 'static>(
    mut run: impl FnMut(&mut DbConn) -> Result<T> + Send + 'static,
) -> (Slot<T>, Run) {
    let slot = Slot::default();
    let filled: Slot<T> = slot.clone();
    let run = move |conn: &mut DbConn| {
        let found = run(conn)?;
        *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Ok(())
    };
    (slot, Box::new(run))
}

fn taken<T>(slot: &Slot<T>) -> Result<T> {
    let found = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    found.ok_or_else(|| Error::internal("work that ended well left nothing"))
}

/// After a restart of the database every connection in the pool is dead and does not know it. Each one that proves so
/// is dropped and the next is asked, as long as nothing was done; where none can be had, the caller comes back later.
fn on_living(pool: &r2d2::Pool<Manager>, (since, reach): (Instant, Reach), mut run: Attempt) -> Result<()> {
    for _ in 0..=pool.max_size() {
        let mut conn = nearest(pool, reach)?;
        metrics::histogram!(WAIT_SECONDS).record(since.elapsed());
        // Apart from the wait for a connection.
        let ran = debug_span!("run").in_scope(|| conn.go(reach).and_then(|()| run(&mut conn.conn)));
        match ran {
            Ok(()) => return Ok(()),
            Err(Lost::Not(error)) => return Err(error),
            Err(Lost::Connection) => conn.dead = true,
        }
    }
    Err(BUSY.retry_after(1))
}

/// One that stands where the work is, if there is one among the next: to go elsewhere is a round trip.
fn nearest(pool: &r2d2::Pool<Manager>, reach: Reach) -> Result<r2d2::PooledConnection<Manager>> {
    let mut conn = pool.get().map_err(|_| BUSY.retry_after(1))?;
    let mut passed = Vec::new();
    while !conn.place.is_at(reach) && passed.len() < PASSED {
        let Some(next) = pool.try_get() else { break };
        passed.push(std::mem::replace(&mut conn, next));
    }
    Ok(conn)
}

/// Why something came to nothing.
enum Lost {
    /// The connection died, and with it whatever was begun on it: nothing was done.
    Connection,
    Not(Error),
}

impl Lost {
    fn of(error: Error) -> Self {
        if connection_died(&error) { Self::Connection } else { Self::Not(error) }
    }
}

fn transaction(conn: &mut DbConn, run: &mut Run) -> Result<(), Lost> {
    let mut tries = 1;
    loop {
        match once(conn, run) {
            Err(Lost::Not(error)) if tries < TRIES && lost_a_race(&error) => {
                std::thread::sleep(PAUSE * tries);
                tries += 1;
            }
            result => return result,
        }
    }
}

fn once(conn: &mut DbConn, run: &mut Run) -> Result<(), Lost> {
    conn.begin_write().map_err(|error| Lost::of(error.into()))?;
    match run(conn) {
        Ok(()) => {
            if let Err(error) = conn.commit() {
                conn.roll_back();
                let error = Error::from(error);
                // Whether it was kept nobody knows: it must not run again.
                let is_lost = connection_died(&error);
                return Err(Lost::Not(if is_lost { UNDECIDED.retry_after(1) } else { error }));
            }
            Ok(())
        }
        Err(error) => {
            conn.roll_back();
            Err(Lost::of(error))
        }
    }
}

/// Whoever waited too long for a lock that others hold, or lost to others each time, comes back later: that is no
/// fault of ours, and what others can bring about at will must not read as one.
fn waited_in_vain(error: Error) -> Error {
    // It had no effect, each time that it ran.
    if lost_a_race(&error) {
        return BUSY.retry_after(1);
    }
    let Error::Internal(cause) = &error else { return error };
    let Some(DieselError::DatabaseError(_, info)) = cause.downcast_ref::<DieselError>() else { return error };
    let signs = ["lock timeout", "statement timeout", "database is locked"];
    if signs.iter().any(|sign| info.message().contains(sign)) {
        return BUSY.retry_after(1);
    }
    if is_full(info.message()) { full() } else { error }
}

/// By SQLite's words, and by those of PostgreSQL, which hands on the system's.
pub(super) fn is_full(words: &str) -> bool {
    words.contains("database or disk is full") || words.contains("No space left on device")
}

pub(super) fn full() -> Error {
    STORAGE_FULL.retry_after(10)
}

fn connection_died(error: &Error) -> bool {
    use DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    let Error::Internal(cause) = error else { return false };
    matches!(
        cause.downcast_ref::<DieselError>(),
        Some(
            DieselError::DatabaseError(ClosedConnection | UnableToSendCommand, _)
                | DieselError::BrokenTransactionManager
        )
    )
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
