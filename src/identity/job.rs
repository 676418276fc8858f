//! A job's declaration: its name, how long one run may take, and what runs it. Rooms list theirs beside their routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::scope::Scope;
use crate::base::{Error, JobId, Result, TenantId, Timestamp};
use crate::db::schema::jobs;
use crate::db::tx::Tx;

/// As long as one run may take where neither job nor handler says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

type Run = Arc<dyn Fn(Scope, Claimed) -> BoxFuture<'static, Outcome> + Send + Sync>;

#[derive(Clone)]
pub struct Handler {
    pub name: &'static str,
    pub patience: Duration,
    /// In cron's five fields, UTC: a job of this name is enqueued whenever it is due.
    pub schedule: Option<&'static str>,
    run: Run,
}

/// A job that this node holds the lease of.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub id: JobId,
    pub tenant: Option<TenantId>,
    pub data: Value,
    pub sealed: Option<Vec<u8>>,
    /// 1 for the first run.
    pub attempt: i32,
    /// The last one has this number.
    pub max_attempts: i32,
    pub created_at: Timestamp,
    fence: i64,
    done: Arc<AtomicBool>,
}

/// Why a run came to nothing. The words are kept with the job, cut and without addresses or tokens.
#[derive(Debug)]
pub enum Failure {
    /// Later perhaps: it is tried again, later each time, and is dead after its last attempt.
    Again(String),
    /// Trying again is pointless: it is dead now.
    Never(String),
}

pub type Outcome = Result<(), Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Again(error.to_string())
    }
}

impl Handler {
    pub fn new<F, Fut>(name: &'static str, run: F) -> Self
    where
        F: Fn(Scope, Claimed) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        let run: Run = Arc::new(move |scope, job| Box::pin(run(scope, job)));
        Self { name, patience: PATIENCE, schedule: None, run }
    }

    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Makes it a cron job too: of all nodes one enqueues it at each due time, and missed times count as one.
    pub fn at(self, schedule: &'static str) -> Self {
        Self { schedule: Some(schedule), ..self }
    }

    pub fn run(&self, scope: Scope, job: Claimed) -> BoxFuture<'static, Outcome> {
        (self.run)(scope, job)
    }
}

impl Claimed {
    pub fn new(id: JobId, tenant: Option<TenantId>, fence: i64) -> Self {
        Self {
            id,
            tenant,
            data: Value::Null,
            sealed: None,
            attempt: 1,
            max_attempts: i32::MAX,
            created_at: Timestamp::EPOCH,
            fence,
            done: Arc::default(),
        }
    }

    pub fn fence(&self) -> i64 {
        self.fence
    }

    /// Ends the job in the transaction of its effect, so that the effect comes once however often the job is run:
    /// whoever lost the lease meanwhile gets an error here, and the effect is rolled back.
    pub fn done_with(&self, tx: &mut Tx) -> Result<()> {
        let rows = diesel::update(jobs::table.find(self.id))
            .filter(jobs::fence.eq(self.fence).and(jobs::state.eq("running")))
            .set((
                (jobs::state.eq("done"), jobs::completed_at.eq(tx.now), jobs::updated_at.eq(tx.now)),
                (jobs::sealed.eq(None::<Vec<u8>>), jobs::leased_by.eq(None::<String>)),
                jobs::leased_until.eq(None::<Timestamp>),
            ))
            .execute(tx.conn)?;
        if rows == 0 {
            return Err(Error::internal("another worker holds this job now"));
        }
        self.done.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Whether its own transaction said that it is done. Only a run that came back well is believed.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}
