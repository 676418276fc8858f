//! Taking work: in order, in batches, each row by one worker, and no tenant more than its share.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;

use super::{Job, JobState};
use crate::base::{JobId, TenantId, Timestamp};
use crate::db::schema::{job_pauses, jobs, tenants};
use crate::db::{BothDsl, DbConn, Locked, columns};

/// Leases looked after at one claim.
const RECOVERED: i64 = 100;

/// Who asks for how much.
#[derive(Debug, Clone)]
pub struct Asking {
    pub node: String,
    pub names: Vec<&'static str>,
    pub at_most: usize,
    /// Rows of one tenant while another one waits.
    pub share: usize,
    /// What each tenant already has of this worker.
    pub held: HashMap<TenantId, usize>,
    /// Being run here: never claimed again by us, even if the clock jumped over their leases.
    pub running: Vec<JobId>,
    pub now: Timestamp,
    pub leased_until: Timestamp,
}

/// A job with its sealed part, as its handler gets it.
#[derive(Debug, Clone, Queryable)]
pub struct Taken {
    pub job: Job,
    pub sealed: Option<Vec<u8>>,
}

/// Claims in one transaction. First everybody up to the share, then whoever comes first for the places left.
pub fn claim(conn: &mut DbConn, asking: &Asking) -> QueryResult<Vec<Taken>> {
    recover(conn, asking)?;
    let mut picked: Vec<JobId> = Vec::new();
    let mut held = asking.held.clone();
    loop {
        let full: BTreeSet<TenantId> =
            held.iter().filter(|(_, count)| **count >= asking.share).map(|(tenant, _)| *tenant).collect();
        let due = due(conn, asking, &picked, &full)?;
        let (before, found) = (picked.len(), due.len());
        for (id, tenant) in due {
            let count = tenant.map(|tenant| held.entry(tenant).or_default());
            match count {
                Some(count) if *count >= asking.share => {}
                Some(count) => {
                    *count += 1;
                    picked.push(id);
                }
                None => picked.push(id),
            }
        }
        if picked.len() >= asking.at_most || found == 0 || picked.len() == before {
            break;
        }
    }
    if picked.len() < asking.at_most {
        let rest = due(conn, asking, &picked, &BTreeSet::new())?;
        picked.extend(rest.into_iter().map(|(id, _)| id));
    }
    picked.truncate(asking.at_most);
    lease(conn, asking, picked)
}

type Due = Vec<(JobId, Option<TenantId>)>;

/// The one order: priority, time, id, which is also an index's, so that a long queue costs no more than a short one. Rows that another worker is taking at this moment are left to it.
///
/// A tenant is looked up for each row that is due. As a list the open ones would be read, all of them, at every claim.
fn due(conn: &mut DbConn, asking: &Asking, picked: &[JobId], full: &BTreeSet<TenantId>) -> QueryResult<Due> {
    let open = tenants::table
        .filter(tenants::id.nullable().eq(jobs::tenant_id))
        .filter(tenants::suspended_at.is_null().and(tenants::deleted_at.is_null()))
        .select(tenants::id)
        .single_value();
    let full: Vec<TenantId> = full.iter().copied().collect();
    let tenant = jobs::tenant_id.assume_not_null();
    let query = jobs::table
        .filter(jobs::state.eq(JobState::Queued).and(jobs::scheduled_at.le(asking.now)))
        .filter(jobs::name.eq_any(asking.names.clone()))
        .filter(jobs::name.ne_all(job_pauses::table.select(job_pauses::name)))
        .filter(jobs::tenant_id.is_null().or(open.is_not_null().and(tenant.ne_all(full))))
        .filter(jobs::id.ne_all([asking.running.as_slice(), picked].concat()))
        .order((jobs::priority, jobs::scheduled_at, jobs::id))
        .limit(i64::try_from(asking.at_most.saturating_sub(picked.len())).unwrap_or(i64::MAX))
        .select((jobs::id, jobs::tenant_id));
    Locked::skipping(query).both().load(conn)
}

/// Leases that ran out: their jobs are due again, for whoever comes. One that took its worker down with it at every
/// attempt has had its attempts.
fn recover(conn: &mut DbConn, asking: &Asking) -> QueryResult<()> {
    let lost = jobs::table
        .filter(jobs::state.eq(JobState::Running))
        .filter(jobs::leased_until.is_not_null().and(jobs::leased_until.assume_not_null().lt(asking.now)))
        .filter(jobs::name.eq_any(asking.names.clone()))
        .filter(jobs::id.ne_all(asking.running.clone()))
        .order(jobs::id)
        .limit(RECOVERED)
        .select((jobs::id, jobs::retry_count, jobs::max_attempts));
    let lost: Vec<(JobId, i32, i32)> = Locked::skipping(lost).both().load(conn)?;
    let (spent, left): (Vec<_>, Vec<_>) = lost.into_iter().partition(|(_, tried, most)| tried >= most);
    for (rows, state) in [(spent, JobState::Dead), (left, JobState::Queued)] {
        if rows.is_empty() {
            continue;
        }
        let ids: Vec<JobId> = rows.into_iter().map(|(id, ..)| id).collect();
        diesel::update(jobs::table.filter(jobs::id.eq_any(ids)))
            .set((
                (jobs::state.eq(state), jobs::updated_at.eq(asking.now)),
                (jobs::leased_by.eq(None::<String>), jobs::leased_until.eq(None::<Timestamp>)),
                (jobs::fence.eq(jobs::fence + 1), jobs::last_error.eq("its worker never came back")),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// An attempt counts when it begins: one that ends the process would otherwise never be counted.
fn lease(conn: &mut DbConn, asking: &Asking, picked: Vec<JobId>) -> QueryResult<Vec<Taken>> {
    if picked.is_empty() {
        return Ok(Vec::new());
    }
    let mut taken: Vec<Taken> = diesel::update(jobs::table.filter(jobs::id.eq_any(picked)))
        .set((
            (jobs::state.eq(JobState::Running), jobs::updated_at.eq(asking.now)),
            (jobs::leased_by.eq(&asking.node), jobs::leased_until.eq(asking.leased_until)),
            (jobs::fence.eq(jobs::fence + 1), jobs::retry_count.eq(jobs::retry_count + 1)),
        ))
        .returning((columns::<Job>(), jobs::sealed))
        .get_results(conn)?;
    taken.sort_by_key(|taken| (taken.job.priority, taken.job.scheduled_at, taken.job.id));
    Ok(taken)
}
