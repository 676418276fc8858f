//! One run of one job: within its time, its panic caught, and what became of it written down by whoever holds it.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::time::timeout;
use tracing::Instrument;

use super::entity::claim::Taken;
use super::entity::lease::{self, Ended, Lease};
use super::{backoff, words};
use crate::base::Result;
use crate::components::metrics::names;
use crate::db::Above;
use crate::identity::job::Outcome;
use crate::identity::{Claimed, Failure, Handler, House, Scope};

/// Between two tries to write its end down.
const AGAIN: Duration = Duration::from_millis(500);

/// Runs it to its end and writes that end down.
pub async fn carry_out(house: House, handler: Handler, taken: Taken) {
    let job = &taken.job;
    let span = tracing::info_span!(
        "job", job = %job.id, event = %job.name, attempt = job.retry_count,
        tenant = job.tenant_id.map(tracing::field::display), outcome = tracing::field::Empty,
    );
    run(&house, &handler, taken).instrument(span).await;
}

async fn run(house: &House, handler: &Handler, taken: Taken) {
    let Taken { job, sealed } = taken;
    let held = Lease { id: job.id, fence: job.fence };
    let mut claimed = Claimed::new(job.id, job.tenant_id, job.fence);
    claimed.data = job.data.0.clone();
    claimed.sealed = sealed;
    claimed.attempt = job.retry_count;
    claimed.max_attempts = job.max_attempts;
    claimed.created_at = job.created_at;
    let patience = job.handler_timeout_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
    let began = house.clock.now();
    let outcome = guarded(house, handler, &claimed, patience.unwrap_or(handler.patience)).await;
    let ended = judged(house, &outcome, job.retry_count, job.max_attempts);
    tell(handler.name, &ended, house.clock.now().since(began));
    if claimed.is_done() && outcome.is_ok() {
        return;
    }
    write_down(house, held, ended).await;
}

async fn guarded(house: &House, handler: &Handler, job: &Claimed, patience: Duration) -> Outcome {
    let tenant = match job.tenant {
        Some(id) => match house.tenant(id).await? {
            Some(tenant) => Some(tenant),
            None => return Err(Failure::Never("its tenant is gone".to_owned())),
        },
        None => None,
    };
    let scope = Scope::of_job(house.clone(), tenant, job.id);
    let started = AssertUnwindSafe(async { handler.run(scope, job.clone()).await }).catch_unwind();
    match timeout(patience, started).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Failure::Again("its handler panicked".to_owned())),
        Err(_) => Err(Failure::Again(format!("not done within {} ms", patience.as_millis()))),
    }
}

fn judged(house: &House, outcome: &Outcome, attempt: i32, most: i32) -> Ended {
    match outcome {
        Ok(()) => Ended::Done,
        Err(Failure::Never(why)) => Ended::Dead { why: words::of_error(why) },
        Err(Failure::Again(why)) if attempt >= most => Ended::Dead { why: words::of_error(why) },
        Err(Failure::Again(why)) => {
            let at = house.clock.now() + backoff::after(attempt, house.random);
            Ended::Again { at, why: words::of_error(why) }
        }
    }
}

fn tell(name: &'static str, ended: &Ended, took: Duration) {
    let (outcome, why) = match ended {
        Ended::Done => ("done", ""),
        Ended::Again { why, .. } => ("again", why.as_str()),
        Ended::Dead { why } => ("dead", why.as_str()),
        Ended::HandedBack => ("handedBack", ""),
    };
    tracing::Span::current().record("outcome", outcome);
    let millis = (took.as_secs_f64() * 100_000.0).round() / 100.0;
    match ended {
        Ended::Dead { .. } => tracing::error!(name: "job.done", outcome, why, millis, "a job is dead"),
        Ended::Again { .. } => tracing::warn!(name: "job.done", outcome, why, millis, "a job failed"),
        Ended::Done | Ended::HandedBack => tracing::info!(name: "job.done", outcome, millis, "a job ended"),
    }
    metrics::counter!(names::JOBS_DONE, "job" => name, "outcome" => outcome).increment(1);
    metrics::histogram!(names::JOB_SECONDS, "job" => name).record(took.as_secs_f64());
}

/// As long as the lease lasts: a database that is back by then keeps a mail that has left from leaving twice.
async fn write_down(house: &House, held: Lease, ended: Ended) {
    let until = Instant::now() + house.config.jobs.lease;
    loop {
        match try_write_down(house, held, ended.clone()).await {
            Ok(()) => return,
            Err(error) if Instant::now() < until => {
                tracing::warn!(%error, "the end of a job could not be written down; trying again");
                tokio::time::sleep(house.random.jitter(AGAIN, 20)).await;
            }
            // The lease runs out, and it is run again: at least once is what was promised.
            Err(error) => return tracing::error!(%error, "the end of a job could not be written down"),
        }
    }
}

async fn try_write_down(house: &House, held: Lease, ended: Ended) -> Result<()> {
    let clock = house.clock.clone();
    let ours = house
        .db
        .above(Above::Work)
        .write(move |conn| Ok(lease::finish(conn, held, &ended, clock.now())?))
        .await?;
    if !ours {
        tracing::warn!(job = %held.id, "the lease had gone to another worker");
    }
    Ok(())
}

/// The worker stops before it is done: somebody else may begin at once.
pub async fn hand_back(house: &House, held: Vec<Lease>) -> Result<()> {
    let clock = house.clock.clone();
    let given_back = house.db.above(Above::Work).write(move |conn| {
        for lease in &held {
            lease::finish(conn, *lease, &Ended::HandedBack, clock.now())?;
        }
        Ok(())
    });
    given_back.await
}
