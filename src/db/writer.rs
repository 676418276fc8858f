//! SQLite's one writer: a thread that takes what is queued, runs each in a savepoint, commits once, and answers only then.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use diesel::connection::SimpleConnection;
use diesel::result::ConnectionResult;
use tokio::sync::oneshot;
use tracing::Span;

use super::conn::DbConn;
use crate::base::error::BUSY;
use crate::base::{Error, Result};

/// Writes that may share one commit; what comes later waits for the next.
const GATHERED: usize = 64;
/// Writes that may wait for the thread.
const QUEUE: usize = 1024;

#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::SyncSender<Box<dyn Task>>,
}

trait Task: Send {
    /// Runs inside its own savepoint; true when it wants to be kept.
    fn run(&mut self, conn: &mut DbConn) -> bool;
    /// After the commit, or with the reason why nothing of this was kept.
    fn answer(self: Box<Self>, lost: Option<&str>);
}

struct Write<T, F> {
    run: F,
    result: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
    span: Span,
}

impl Writer {
    pub(super) fn start(url: &str) -> ConnectionResult<Self> {
        let mut conn = DbConn::open(url)?;
        let (queue, tasks) = mpsc::sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("doorward-writer".into());
        thread
            .spawn(move || {
                while let Some(batch) = gather(&tasks) {
                    commit_together(&mut conn, batch);
                }
            })
            .map_err(|error| diesel::ConnectionError::BadConnection(error.to_string()))?;
        Ok(Self { queue })
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        run: impl FnMut(&mut DbConn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let task = Box::new(Write { run, result: None, answer, span: Span::current() });
        self.queue.try_send(task).map_err(|_| BUSY.retry_after(1))?;
        answered.await.map_err(Error::internal)?
    }
}

fn gather(tasks: &mpsc::Receiver<Box<dyn Task>>) -> Option<Vec<Box<dyn Task>>> {
    let mut batch = vec![tasks.recv().ok()?];
    while batch.len() < GATHERED {
        match tasks.try_recv() {
            Ok(task) => batch.push(task),
            Err(_) => break,
        }
    }
    Some(batch)
}

fn commit_together(conn: &mut DbConn, mut batch: Vec<Box<dyn Task>>) {
    let outcome = run_all(conn, &mut batch);
    if outcome.is_err() {
        conn.roll_back();
    }
    let lost = outcome.err();
    for task in batch {
        task.answer(lost.as_deref());
    }
}

fn run_all(conn: &mut DbConn, batch: &mut [Box<dyn Task>]) -> Result<(), String> {
    conn.begin_write().map_err(|error| error.to_string())?;
    for task in batch {
        let kept = conn.nested(|conn| if task.run(conn) { Ok(()) } else { Err(NotKept) });
        if let Err(error) = kept
            && still_open(conn).is_err()
        {
            return Err(format!("the transaction was lost: {error:?}"));
        }
    }
    conn.commit().map_err(|error| error.to_string())
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

impl<T: Send, F: FnMut(&mut DbConn) -> Result<T> + Send> Task for Write<T, F> {
    fn run(&mut self, conn: &mut DbConn) -> bool {
        let _in_span = self.span.clone().entered();
        let _running = tracing::debug_span!("run").entered();
        let run = &mut self.run;
        let result = catch_unwind(AssertUnwindSafe(|| run(conn)));
        let result = result.unwrap_or_else(|panic| Err(Error::internal(words_of(panic.as_ref()))));
        let kept = result.is_ok();
        self.result = Some(result);
        kept
    }

    fn answer(self: Box<Self>, lost: Option<&str>) {
        let Self { result, answer, span, .. } = *self;
        // Before the caller goes on: a request's record is whole when its answer is out.
        drop(span);
        let result = match (result, lost) {
            (Some(Ok(_)) | None, Some(why)) => Err(Error::internal(format!("not committed: {why}"))),
            (Some(result), _) => result,
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
