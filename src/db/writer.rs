//! SQLite's one writer: a thread that takes what is queued, runs each in a savepoint, commits once, and answers only then.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::ConnectionResult;
use diesel::sql_types::BigInt;
use tokio::sync::{oneshot, watch};
use tracing::Span;

use super::conn::DbConn;
use super::store::{Run, WAIT, full, is_full};
use crate::base::error::BUSY;
use crate::base::{Error, Result};

/// Writes that may share one commit; what comes later waits for the next.
const GATHERED: usize = 64;
/// Writes that may wait for the thread.
const QUEUE: usize = 1024;

/// How often the writer looks whether another process wrote.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::SyncSender<Write>,
    strangers: watch::Receiver<u64>,
}

struct Write {
    run: Run,
    result: Option<Result<()>>,
    answer: oneshot::Sender<Result<()>>,
    taken: Taken,
    span: Span,
}

/// Set once: by the thread that begins a write, or by the caller who gives it up. So what was refused as busy has
/// not happened and will not.
#[derive(Clone, Default)]
struct Taken(Arc<AtomicBool>);

impl Taken {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::SeqCst)
    }
}

/// Why a whole batch came to nothing.
enum Lost {
    /// Another process held the file for too long: nothing had begun.
    Busy,
    Broken(String),
}

impl Writer {
    pub(super) fn start(url: &str, also: &str) -> ConnectionResult<Self> {
        let conn = DbConn::open_saying(url, also)?;
        let mut desk = Desk { conn, url: url.to_owned(), also: also.to_owned() };
        let (queue, tasks) = mpsc::sync_channel(QUEUE);
        let (seen, strangers) = watch::channel(0);
        let mut look = Look { version: None, next: Instant::now(), seen };
        let thread = std::thread::Builder::new().name("doorward-writer".into());
        thread
            .spawn(move || {
                while let Some(batch) = gather(&tasks) {
                    if !batch.is_empty() {
                        desk.commit_together(batch);
                    }
                    look.at(&mut desk.conn);
                }
            })
            .map_err(|error| diesel::ConnectionError::BadConnection(error.to_string()))?;
        Ok(Self { queue, strangers })
    }

    /// Moves whenever somebody else, another process, wrote to the file.
    pub(super) fn strangers(&self) -> watch::Receiver<u64> {
        self.strangers.clone()
    }

    pub(super) async fn write(&self, run: Run) -> Result<()> {
        let (answer, mut answered) = oneshot::channel();
        let taken = Taken::default();
        let task = Write { run, result: None, answer, taken: taken.clone(), span: Span::current() };
        self.queue.try_send(task).map_err(|_| BUSY.retry_after(1))?;
        let answer = match tokio::time::timeout(WAIT, &mut answered).await {
            Ok(answer) => answer,
            Err(_) if taken.take() => return Err(BUSY.retry_after(1)),
            // It runs: whether it is kept is known soon.
            Err(_) => answered.await,
        };
        answer.map_err(Error::internal)?
    }
}

/// `data_version` of a connection moves by the commits of every other one. All of this process are made on this
/// connection, so here it tells of strangers alone.
struct Look {
    version: Option<i64>,
    next: Instant,
    seen: watch::Sender<u64>,
}

#[derive(QueryableByName)]
struct DataVersion {
    #[diesel(sql_type = BigInt)]
    data_version: i64,
}

impl Look {
    fn at(&mut self, conn: &mut DbConn) {
        let DbConn::Sqlite(sqlite) = conn else { return };
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + LOOK;
        let version = diesel::sql_query("SELECT data_version FROM pragma_data_version");
        let Ok(DataVersion { data_version }) = version.get_result(sqlite) else { return };
        if self.version.replace(data_version).is_some_and(|before| before != data_version) {
            self.seen.send_modify(|count| *count += 1);
        }
    }
}

/// None when nobody can write any more; nothing when nobody did for a while.
fn gather(tasks: &mpsc::Receiver<Write>) -> Option<Vec<Write>> {
    let mut batch = match tasks.recv_timeout(LOOK) {
        Ok(task) => vec![task],
        Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
        Err(RecvTimeoutError::Disconnected) => return None,
    };
    while batch.len() < GATHERED {
        match tasks.try_recv() {
            Ok(task) => batch.push(task),
            Err(_) => break,
        }
    }
    Some(batch)
}

/// The thread's connection.
struct Desk {
    conn: DbConn,
    url: String,
    also: String,
}

impl Desk {
    fn commit_together(&mut self, mut batch: Vec<Write>) {
        let lost = self.run_all(&mut batch).err();
        if let Some(Lost::Broken(why)) = &lost {
            tracing::error!(%why, writes = batch.len(), "a batch of writes was lost");
            self.begin_afresh();
        }
        for task in batch {
            task.answer(lost.as_ref());
        }
    }

    fn run_all(&mut self, batch: &mut [Write]) -> Result<(), Lost> {
        let conn = &mut self.conn;
        conn.begin_write().map_err(|error| match error.to_string() {
            locked if locked.contains("database is locked") => Lost::Busy,
            other => Lost::Broken(other),
        })?;
        for task in batch {
            let kept = conn.nested(|conn| if task.run(conn) { Ok(()) } else { Err(NotKept) });
            if let Err(error) = kept
                && (matches!(error, Kept::Broken(_)) || still_open(conn).is_err())
            {
                return Err(Lost::Broken(format!("the transaction was lost: {error:?}")));
            }
        }
        if conn.depth() != 1 {
            return Err(Lost::Broken("a savepoint was left open".into()));
        }
        conn.commit().map_err(|error| Lost::Broken(error.to_string()))
    }

    /// What the connection and diesel each believe of a lost transaction may differ, and a connection that never
    /// commits again would refuse every write from here on. A new one believes nothing.
    fn begin_afresh(&mut self) {
        self.conn.roll_back();
        match DbConn::open_saying(&self.url, &self.also) {
            Ok(conn) => self.conn = conn,
            Err(error) => tracing::error!(%error, "the database file does not open again"),
        }
    }
}

/// Some errors (disk full, I/O, memory) end SQLite's whole transaction behind our back. A `BEGIN` inside a
/// transaction is refused without effect, so one that works tells that there was none.
fn still_open(conn: &mut DbConn) -> Result<(), ()> {
    match conn.batch_execute("BEGIN") {
        Ok(()) => Err(()),
        Err(_) => Ok(()),
    }
}

#[derive(Debug)]
enum Kept {
    Not,
    Broken(
        #[expect(dead_code, reason = "printed with Debug when a transaction is lost")] diesel::result::Error,
    ),
}
use Kept::Not as NotKept;

impl From<diesel::result::Error> for Kept {
    fn from(error: diesel::result::Error) -> Self {
        Self::Broken(error)
    }
}

impl Write {
    /// Runs inside its own savepoint; true when it wants to be kept.
    fn run(&mut self, conn: &mut DbConn) -> bool {
        let _in_span = self.span.clone().entered();
        if !self.taken.take() {
            return false;
        }
        let _running = tracing::debug_span!("run").entered();
        let run = &mut self.run;
        let result = catch_unwind(AssertUnwindSafe(|| run(conn)));
        let result = result.unwrap_or_else(|panic| Err(Error::internal(words_of(panic.as_ref()))));
        let kept = result.is_ok();
        self.result = Some(result);
        kept
    }

    /// After the commit, or with the reason why nothing of this was kept.
    fn answer(self, lost: Option<&Lost>) {
        let Self { result, answer, span, .. } = self;
        // Before the caller goes on: a request's record is whole when its answer is out.
        drop(span);
        let result = match (result, lost) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(Lost::Busy)) => Err(BUSY.retry_after(1)),
            (_, Some(Lost::Broken(why))) if is_full(why) => Err(full()),
            (_, Some(Lost::Broken(why))) => Err(Error::internal(format!("not committed: {why}"))),
            (Some(result), None) => result,
            (None, None) => Err(Error::internal("a write was passed over")),
        };
        // The caller may have gone; what was committed stays committed.
        drop(answer.send(result));
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    // A formatted message may hold anybody's secret; the hook has told where it was.
    let words = panic.downcast_ref::<&'static str>().copied();
    format!("panic in a write: {}", words.unwrap_or("a message that is not shown"))
}
