//! Once a minute: what is due is thrown, each time of each cron job once, whichever node does it.

use std::sync::Arc;
use std::time::Duration;

use tracing::instrument;

use super::calendar::{Calendar, Times};
use super::entity::{CronJob, Missed};
use super::events::throw;
use crate::base::{Result, Timestamp};
use crate::db::Above;
use crate::identity::job::Outcome;
use crate::identity::{Claimed, House, Scope, Tenant};

/// Read at once.
const BATCH: i64 = 200;
/// Reads of one minute; the rest is still due in the next one.
const ROUNDS: usize = 50;
/// Later than this is too late for what is to be skipped.
const LATE: Duration = Duration::from_secs(90);

pub async fn tick(scope: Scope, _: Claimed) -> Outcome {
    for _ in 0..ROUNDS {
        let now = scope.now();
        let due = scope.house.db.above(Above::Work).read(move |conn| {
            let mut due = CronJob::due(conn, now, BATCH)?;
            due.extend(CronJob::ahead(conn, now, BATCH)?);
            Ok(due)
        });
        let due = due.await?;
        let is_full = i64::try_from(due.len()).is_ok_and(|count| count >= BATCH);
        for job in due {
            // One that cannot be thrown holds no other up.
            if let Err(error) = one(&scope.house, job).await {
                tracing::warn!(error = error.words(), "a cron job could not be thrown; it is still due");
            }
        }
        if !is_full {
            break;
        }
    }
    Ok(())
}

#[instrument(name = "cronjobs.throw", skip_all, fields(cronjob = %job.id))]
async fn one(house: &House, job: CronJob) -> Result<()> {
    let Some(id) = job.tenant_id else { return Ok(()) };
    let Some(tenant) = house.tenant(id).await? else { return Ok(()) };
    let scope = Scope::of_house(house.clone(), Some(tenant.clone()));
    let Ok(calendar) = Calendar::read(&job.expression, &job.timezone) else {
        tracing::error!("its expression or zone means nothing to this program: it is switched off");
        return scope
            .write_above(Above::Work, move |tx| Ok(job.switch_off(tx.conn, tx.now).map(drop)?))
            .await;
    };
    let write = scope.write_above(Above::Work, move |tx| {
        let Some(next) = calendar.after(tx.now) else { return Ok(()) };
        let due = due(&job, (&calendar, &tenant), tx.now);
        if job.take(tx.conn, next, (due.is_some(), tx.now))?
            && let Some(due) = due
        {
            throw(tx, &job, &due, job.bounds.0.clone())?;
        }
        Ok(())
    });
    write.await
}

/// None: nothing is to be thrown.
fn due(job: &CronJob, (calendar, tenant): (&Calendar, &Arc<Tenant>), now: Timestamp) -> Option<Times> {
    // The clock was ahead for a while: what it did then is done.
    let times = calendar.times(job.next_at, now)?;
    let is_late = now.since(times.last) > LATE;
    let counts = job.missed == Missed::Once || !is_late;
    (counts && tenant.is_open()).then_some(times)
}
