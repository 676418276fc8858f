//! Who asks the same kind of question at the same time is answered by one run: at a thousand requests a second the way
//! to the database and back is what costs, not the row.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::base::Result;
use crate::base::error::BUSY;
use crate::db::dialect::all_or_each;
use crate::db::{Above, Db, DbConn, WAIT};

/// Runs under way at once, by the processors. With more of them each gathers less: on two processors four runs cost
/// PostgreSQL twice what one costs it.
static RUNNING: LazyLock<usize> =
    LazyLock::new(|| available_parallelism().map_or(1, |all| (all.get() / 2).clamp(1, 4)));
/// Who has waited so long goes by themselves, and takes along who waits too: where the database is far, runs cost nothing
/// but time, and gathering is for those that cost work.
const SOON: Duration = Duration::from_millis(50);
/// Questions of one run.
const TOGETHER: usize = 64;

/// Questions are told apart by their key; `Q` is what else belongs to one.
pub struct Gather<K, Q, A>(Arc<Mutex<Waiting<K, Q, A>>>);

struct Waiting<K, Q, A> {
    asked: Vec<Asked<K, Q, A>>,
    running: usize,
}

struct Asked<K, Q, A> {
    key: K,
    question: Q,
    answer: oneshot::Sender<Result<Option<A>>>,
    /// Set when a run takes it.
    is_taken: Arc<AtomicBool>,
}

/// The questions, and everybody who asked one of them.
type Run<K, Q, A> = (BTreeMap<K, Q>, Vec<Asked<K, Q, A>>);

impl<K, Q, A> Default for Gather<K, Q, A> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Waiting { asked: Vec::new(), running: 0 })))
    }
}

impl<K, Q, A> Gather<K, Q, A>
where
    K: Ord + Copy + Send + 'static,
    Q: PartialEq + Clone + Send + 'static,
    A: Clone + Send + 'static,
{
    /// The run that answers begins after the question: whatever was committed before it is seen. `run` must not wait
    /// for ever; what it leaves out is answered with nothing.
    pub async fn ask<R, F>(&self, key: K, question: Q, run: R) -> Result<Option<A>>
    where
        R: Fn(BTreeMap<K, Q>) -> F + Send + 'static,
        F: Future<Output = Result<BTreeMap<K, A>>> + Send + 'static,
    {
        let (answer, mut answered) = oneshot::channel();
        let is_taken = Arc::<AtomicBool>::default();
        // On its own: a caller who goes away takes nobody else's answer with them.
        if let Some(runner) = self.join(Asked { key, question, answer, is_taken: is_taken.clone() }) {
            tokio::spawn(runner.answer_all(run));
        } else if let Ok(answered) = tokio::time::timeout(SOON, &mut answered).await {
            return answered.unwrap_or_else(|_| Err(BUSY.retry_after(1)));
        } else if !is_taken.load(Ordering::SeqCst) {
            tokio::spawn(self.another().answer_all(run));
        }
        let answered = match tokio::time::timeout(WAIT, &mut answered).await {
            Ok(answered) => answered,
            Err(_) if is_taken.load(Ordering::SeqCst) => answered.await,
            Err(_) => return Err(BUSY.retry_after(1)),
        };
        answered.unwrap_or_else(|_| Err(BUSY.retry_after(1)))
    }

    fn join(&self, asked: Asked<K, Q, A>) -> Option<Runner<K, Q, A>> {
        let mut waiting = lock(&self.0);
        waiting.asked.push(asked);
        let may_run = waiting.running < *RUNNING;
        drop(waiting);
        may_run.then(|| self.another())
    }

    fn another(&self) -> Runner<K, Q, A> {
        lock(&self.0).running += 1;
        Runner { waiting: self.0.clone(), is_counted: true }
    }
}

/// Counted as long as it runs, however it ends.
struct Runner<K, Q, A> {
    waiting: Arc<Mutex<Waiting<K, Q, A>>>,
    is_counted: bool,
}

impl<K, Q, A> Drop for Runner<K, Q, A> {
    fn drop(&mut self) {
        if self.is_counted {
            let mut waiting = lock(&self.waiting);
            waiting.running -= 1;
            // It ended before its time. Nobody else may come for those who wait: they are told.
            waiting.asked.clear();
        }
    }
}

impl<K, Q, A> Runner<K, Q, A>
where
    K: Ord + Copy + Send + 'static,
    Q: PartialEq + Clone + Send + 'static,
    A: Clone + Send + 'static,
{
    async fn answer_all<R, F>(mut self, run: R)
    where
        R: Fn(BTreeMap<K, Q>) -> F + Send + 'static,
        F: Future<Output = Result<BTreeMap<K, A>>> + Send + 'static,
    {
        while let Some((questions, asked)) = self.take() {
            let answers = run(questions).await;
            for Asked { key, answer, .. } in asked {
                // Who went away meanwhile is not told.
                drop(answer.send(match &answers {
                    Ok(answers) => Ok(answers.get(&key).cloned()),
                    Err(error) => Err(error.again()),
                }));
            }
        }
    }

    /// What waits by now, without those who went away. Two who ask differently of one key come one after the other.
    fn take(&mut self) -> Option<Run<K, Q, A>> {
        let mut waiting = lock(&self.waiting);
        waiting.asked.retain(|asked| !asked.answer.is_closed());
        if waiting.asked.is_empty() {
            // Under the same lock: whoever asks from now on finds it gone.
            waiting.running -= 1;
            self.is_counted = false;
            return None;
        }
        let (mut questions, mut now, mut later) = (BTreeMap::new(), Vec::new(), Vec::new());
        for asked in waiting.asked.drain(..) {
            let is_full = questions.len() >= TOGETHER && !questions.contains_key(&asked.key);
            let fits = !is_full
                && *questions.entry(asked.key).or_insert_with(|| asked.question.clone()) == asked.question;
            asked.is_taken.store(fits, Ordering::SeqCst);
            if fits { now.push(asked) } else { later.push(asked) }
        }
        waiting.asked = later;
        Some((questions, now))
    }
}

/// A run that is one read.
pub fn reading<K, Q, A>(
    db: &Db,
    why: Above,
    find: impl Fn(&mut DbConn, &BTreeMap<K, Q>) -> Result<BTreeMap<K, A>> + Clone + Send + 'static,
) -> impl Fn(BTreeMap<K, Q>) -> BoxFuture<'static, Result<BTreeMap<K, A>>> + Send + 'static
where
    K: Ord + Copy + Send + 'static,
    Q: Clone + Send + 'static,
    A: Send + 'static,
{
    let db = db.clone();
    move |questions| {
        let (db, find) = (db.clone(), find.clone());
        async move { db.above(why).read(move |conn| all_or_each(conn, &questions, &find)).await }.boxed()
    }
}

/// A run that is one write: all of it is on disk when it answers, or none of it.
pub fn writing<K, Q, A>(
    db: &Db,
    why: Above,
    change: impl Fn(&mut DbConn, &BTreeMap<K, Q>) -> Result<BTreeMap<K, A>> + Clone + Send + 'static,
) -> impl Fn(BTreeMap<K, Q>) -> BoxFuture<'static, Result<BTreeMap<K, A>>> + Send + 'static
where
    K: Ord + Copy + Send + 'static,
    Q: Clone + Send + 'static,
    A: Send + 'static,
{
    let db = db.clone();
    move |questions| {
        let (db, change) = (db.clone(), change.clone());
        async move { db.above(why).write(move |conn| all_or_each(conn, &questions, &change)).await }.boxed()
    }
}

/// A panic elsewhere leaves a list of questions, all of them whole.
fn lock<T>(waiting: &Mutex<T>) -> MutexGuard<'_, T> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
