//! What happens to cron jobs: they are made, changed, taken away, and thrown.

use std::collections::BTreeSet;

use serde_json::{Map, json};
use tracing::instrument;

use super::answers::{Thrown, Upcoming};
use super::calendar::{Calendar, Times};
use super::changes::{CronJobChange, NewCronJob};
use super::entity::CronJob;
use super::steps::{self, found, writers};
use crate::actions::beginning::{Beginning, begin};
use crate::base::{ActionRunId, CronJobId, DomainEventId, Error, RecordId, Result};
use crate::db::tx::{Audit, Tx};
use crate::identity::Scope;
use crate::identity::asking::Question;

crate::refusals! {
    UNKNOWN_CRON_JOB = 404 "cronjobs.unknown" "This tenant has no such cron job.";
    DUPLICATE_NAME = 409 "cronjobs.duplicateName" "This tenant has a cron job of this name.";
    TOO_MANY_CRON_JOBS = 409 "cronjobs.tooMany" "A tenant has at most 100 cron jobs. Remove one that nobody needs.";
}

/// Of the next times.
const SHOWN: usize = 20;

/// A trigger that the clock throws.
///
/// Refuses with `cronjobs.duplicateName`, `cronjobs.tooMany`, `actions.denied` and `actions.unanswered`.
#[instrument(name = "cronjobs.create", skip_all)]
pub async fn create(scope: &Scope, new: NewCronJob) -> Result<CronJobId> {
    let by = scope.live()?.clone();
    let job = new.of(by.tenant, scope.now())?;
    let data = json!({ "name": job.name, "trigger": job.trigger_name });
    scope.ask(Question::of_new("doorward.cronjob.pre.create", "cronjob", data)).await?;
    scope.write(move |tx| steps::make(tx, &by, job.clone())).await
}

/// Changes what is given and leaves what is absent. From then on it does no more than whoever changed it.
///
/// Refuses with `cronjobs.unknown`, and like [`create`].
#[instrument(name = "cronjobs.change", skip_all)]
pub async fn change(scope: &Scope, id: CronJobId, change: CronJobChange) -> Result<()> {
    let by = scope.live()?.clone();
    let data = json!({ "members": change.members() });
    scope.ask(Question::of("doorward.cronjob.pre.patch", ("cronjob", id), data)).await?;
    let write = scope.write(move |tx| {
        let now = tx.now;
        steps::set(tx, &by, id, |was| change.clone().of(was, now))
    });
    write.await
}

/// Takes it away.
///
/// Refuses with `cronjobs.unknown`, `actions.denied` and `actions.unanswered`.
#[instrument(name = "cronjobs.remove", skip_all)]
pub async fn remove(scope: &Scope, id: CronJobId) -> Result<()> {
    let by = scope.live()?.clone();
    scope.ask(Question::of("doorward.cronjob.pre.delete", ("cronjob", id), json!({}))).await?;
    scope.write(move |tx| steps::unmake(tx, &by, id)).await
}

/// When it is due next.
///
/// Refuses with `cronjobs.unknown`.
#[instrument(name = "cronjobs.upcoming", skip_all)]
pub async fn upcoming(scope: &Scope, id: CronJobId) -> Result<Upcoming> {
    let (tenant, now) = (scope.tenant_id()?, scope.now());
    let job = scope.read(move |conn| Ok(CronJob::find(conn, tenant, id)?)).await?;
    let job = job.ok_or_else(|| UNKNOWN_CRON_JOB.error())?;
    let calendar = Calendar::read(&job.expression, &job.timezone);
    Ok(Upcoming { times: calendar.map(|calendar| calendar.upcoming(now, SHOWN)).unwrap_or_default() })
}

/// Throws it now, whether or not it is switched on. Its times stay as they are.
///
/// Refuses with `cronjobs.unknown`.
#[instrument(name = "cronjobs.run_now", skip_all)]
pub async fn run_now(scope: &Scope, id: CronJobId) -> Result<Thrown> {
    let by = scope.live()?.clone();
    let write = scope.write(move |tx| {
        let held = writers(tx, &by)?;
        let job = found(tx, by.tenant, id)?;
        let run = throw(tx, &job, &Times { count: 1, last: tx.now }, &held & &job.bounds.0)?;
        tx.audit(Audit::success("cronjobs.run_now").of("cronjob", id).with(json!({ "run": run })))?;
        Ok(Thrown { run })
    });
    write.await
}

/// What hears it does no more than whoever wrote the cron job could.
pub fn throw(tx: &mut Tx, job: &CronJob, due: &Times, bounds: BTreeSet<String>) -> Result<ActionRunId> {
    let Some(tenant) = job.tenant_id else { return Err(Error::internal("a cron job of no tenant")) };
    let missed = due.count.saturating_sub(1);
    let mut data = job.data.0.as_object().cloned().unwrap_or_else(Map::new);
    data.insert("cronjob".into(), json!(job.id));
    data.insert("due".into(), json!(due.last));
    data.insert("missed".into(), json!(missed));
    let beginning = Beginning {
        tenant,
        of: ("cronjob", RecordId::of(job.id.0), &job.name),
        trigger: &job.trigger_name,
        event: DomainEventId::new(),
        bounds,
        known: job.data.0.clone(),
        detail: json!({ "thrown": job.trigger_name, "due": due.last, "missed": missed }),
        data,
    };
    begin(tx, beginning)?.ok_or_else(|| Error::internal("a new event that was there"))
}
