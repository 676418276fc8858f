//! What operators do with the queue: look, try again, pause.

use serde_json::json;
use tracing::instrument;

use super::entity::look::{self, Wanted};
use super::entity::{Job, JobState};
use crate::base::{JobId, Result};
use crate::db::tx::Audit;
use crate::identity::Scope;

crate::refusals! {
    NOT_RETRYABLE = 409 "jobs.retry.notDead" "There is no dead or waiting job of this id.";
}

/// Rows that one transaction changes.
const BATCH: i64 = 500;
const LISTED: i64 = 100;

/// A page of jobs, oldest first, and the id after which the next page begins.
#[instrument(name = "jobs.list", skip_all)]
pub async fn list(scope: &Scope, wanted: Wanted, after: Option<JobId>) -> Result<(Vec<Job>, Option<JobId>)> {
    let rows = scope.read(move |conn| Ok(look::page(conn, &wanted, after, LISTED + 1)?)).await?;
    let more = rows.len() > usize::try_from(LISTED).unwrap_or(usize::MAX);
    let rows: Vec<Job> = rows.into_iter().take(usize::try_from(LISTED).unwrap_or(usize::MAX)).collect();
    let next = rows.last().map(|job| job.id).filter(|_| more);
    Ok((rows, next))
}

/// How many jobs there are in each state: for `doctor` and `jobs list`.
#[instrument(name = "jobs.counts", skip_all)]
pub async fn counts(scope: &Scope) -> Result<Vec<(JobState, i64)>> {
    scope.read(|conn| Ok(look::counts(conn)?)).await
}

/// Runs one again, at once and with all its attempts before it.
///
/// Refuses with `jobs.retry.notDead`: unknown, running or done.
#[instrument(name = "jobs.retry", skip_all)]
pub async fn retry(scope: &Scope, id: JobId) -> Result<()> {
    let moved = scope.write(move |tx| {
        let moved = look::requeue(tx.conn, &[id], tx.now)?;
        if moved > 0 {
            tx.audit(Audit::success("jobs.retry").of("job", id))?;
            tx.effects.work = true;
        }
        Ok(moved)
    });
    if moved.await? == 0 { Err(NOT_RETRYABLE.error()) } else { Ok(()) }
}

/// The same, by somebody of the tenant whose job it is.
///
/// Refuses with `jobs.retry.notDead`: another's, running or done.
#[instrument(name = "jobs.retry_of_tenant", skip_all)]
pub async fn retry_of_tenant(scope: &Scope, id: JobId) -> Result<()> {
    let tenant = scope.tenant_id()?;
    let moved = scope.write(move |tx| {
        let moved = look::requeue_of_tenant(tx.conn, tenant, id, tx.now)?;
        if moved > 0 {
            tx.audit(Audit::success("jobs.retry").of("job", id))?;
            tx.effects.work = true;
        }
        Ok(moved)
    });
    if moved.await? == 0 { Err(NOT_RETRYABLE.error()) } else { Ok(()) }
}

/// Runs again all the dead that are wanted: of a name, between two ids, or all there are. Says how many.
#[instrument(name = "jobs.replay", skip_all)]
pub async fn replay(scope: &Scope, wanted: Wanted) -> Result<usize> {
    let wanted = Wanted { state: Some(JobState::Dead), ..wanted };
    let (mut after, mut all) = (None, 0);
    loop {
        let asked = wanted.clone();
        let (moved, last) = scope
            .write(move |tx| {
                let page = look::page(tx.conn, &asked, after, BATCH)?;
                let ids: Vec<JobId> = page.iter().map(|job| job.id).collect();
                let moved = look::requeue(tx.conn, &ids, tx.now)?;
                if moved > 0 {
                    let data = json!({ "name": asked.name, "jobs": moved });
                    tx.audit(Audit::success("jobs.replay").with(data))?;
                    tx.effects.work = true;
                }
                Ok((moved, ids.last().copied()))
            })
            .await?;
        all += moved;
        after = last;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// No worker takes jobs of this name until it is resumed; what runs goes on.
#[instrument(name = "jobs.pause", skip_all)]
pub async fn pause(scope: &Scope, name: String) -> Result<()> {
    let paused = scope.write(move |tx| {
        look::pause(tx.conn, &name, tx.now)?;
        tx.audit(Audit::success("jobs.pause").with(json!({ "name": name })))
    });
    paused.await
}

#[instrument(name = "jobs.resume", skip_all)]
pub async fn resume(scope: &Scope, name: String) -> Result<()> {
    let resumed = scope.write(move |tx| {
        look::resume(tx.conn, &name)?;
        tx.effects.work = true;
        tx.audit(Audit::success("jobs.resume").with(json!({ "name": name })))
    });
    resumed.await
}

#[instrument(name = "jobs.paused", skip_all)]
pub async fn paused(scope: &Scope) -> Result<Vec<String>> {
    scope.read(|conn| Ok(look::paused(conn)?)).await
}
