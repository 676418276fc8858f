//! What is done with cron jobs inside a transaction, by this room and by others.

use std::collections::BTreeSet;

use serde_json::json;

use super::entity::CronJob;
use super::events::{DUPLICATE_NAME, TOO_MANY_CRON_JOBS, UNKNOWN_CRON_JOB};
use crate::base::{CronJobId, Error, Result, TenantId};
use crate::db::Json;
use crate::db::tx::{Audit, Happened, Tx};
use crate::identity::Live;
use crate::permissions::known::CRONJOB_MANAGE;
use crate::permissions::steps::{RIGHTS, held};

const MOST: i64 = 100;

pub fn make(tx: &mut Tx, by: &Live, job: CronJob) -> Result<CronJobId> {
    let bounds = Json(writers(tx, by)?);
    let job = CronJob { bounds, created_at: tx.now, updated_at: tx.now, ..job };
    if CronJob::count(tx.conn, by.tenant)? >= MOST {
        return Err(TOO_MANY_CRON_JOBS.error());
    }
    if !job.insert(tx.conn)? {
        return Err(DUPLICATE_NAME.error());
    }
    tx.made(job.id);
    told(tx, &job, ("cronjobs.create", "doorward.cronjob.post.create"))?;
    Ok(job.id)
}

/// From then on it does no more than whoever changed it.
pub fn set(
    tx: &mut Tx,
    by: &Live,
    id: CronJobId,
    change: impl FnOnce(CronJob) -> Result<CronJob>,
) -> Result<()> {
    let bounds = Json(writers(tx, by)?);
    let job = change(found(tx, by.tenant, id)?)?;
    if CronJob::is_named(tx.conn, by.tenant, &job.name, id)? {
        return Err(DUPLICATE_NAME.error());
    }
    let job = CronJob { bounds, ..job };
    job.update(tx.conn)?;
    told(tx, &job, ("cronjobs.change", "doorward.cronjob.post.patch"))
}

pub fn unmake(tx: &mut Tx, by: &Live, id: CronJobId) -> Result<()> {
    writers(tx, by)?;
    let job = found(tx, by.tenant, id)?;
    job.delete(tx.conn)?;
    told(tx, &job, ("cronjobs.remove", "doorward.cronjob.post.delete"))
}

/// Behind whoever else changes one of the tenant's: a change writes the whole row.
pub fn found(tx: &mut Tx, tenant: TenantId, id: CronJobId) -> Result<CronJob> {
    CronJob::find(tx.conn, tenant, id)?.ok_or_else(|| UNKNOWN_CRON_JOB.error())
}

/// What they hold, asked again behind whoever changes rights.
pub fn writers(tx: &mut Tx, by: &Live) -> Result<BTreeSet<String>> {
    tx.lock(RIGHTS, by.tenant)?;
    let held = held(tx, by.tenant, by.user)?;
    if held.contains(CRONJOB_MANAGE) { Ok(held) } else { Err(Error::Stale) }
}

fn told(tx: &mut Tx, job: &CronJob, (event, trigger): (&'static str, &'static str)) -> Result<()> {
    let kept = json!({
        "name": job.name, "expression": job.expression, "timezone": job.timezone, "trigger": job.trigger_name,
        "missed": job.missed, "isEnabled": job.disabled_at.is_none(),
    });
    tx.audit(Audit::success(event).of("cronjob", job.id).with(kept))?;
    tx.throw(Happened::new(trigger, "cronjob", job.id).with(json!({ "name": job.name })))
}
