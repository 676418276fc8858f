//! Taking work: in order, in batches, each row by one worker, and no tenant more than its share.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;

use super::{Job, JobState};
use crate::base::{JobId, TenantId, Timestamp};
use crate::db::schema::{job_pauses, jobs, tenants};
use crate::db::{BothDsl, DbConn, Locked, columns};

/// Its worker let the lease run out: it is taken over, by whoever comes.
macro_rules! orphaned {
    ($now:expr) => {
        jobs::state
            .eq(JobState::Running)
            .and(jobs::leased_until.is_not_null())
            .and(jobs::leased_until.assume_not_null().lt($now))
    };
}

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
    bury(conn, asking)?;
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

/// The one order: priority, time, id. Rows that another worker is taking at this moment are left to it.
fn due(conn: &mut DbConn, asking: &Asking, picked: &[JobId], full: &BTreeSet<TenantId>) -> QueryResult<Due> {
    let open = tenants::table
        .filter(tenants::suspended_at.is_null().and(tenants::deleted_at.is_null()))
        .select(tenants::id);
    let waits = jobs::state.eq(JobState::Queued).and(jobs::scheduled_at.le(asking.now));
    let full: Vec<TenantId> = full.iter().copied().collect();
    let tenant = jobs::tenant_id.assume_not_null();
    let query = jobs::table
        .filter(waits.or(orphaned!(asking.now)))
        .filter(jobs::name.eq_any(asking.names.clone()))
        .filter(jobs::name.ne_all(job_pauses::table.select(job_pauses::name)))
        .filter(jobs::tenant_id.is_null().or(tenant.eq_any(open).and(tenant.ne_all(full))))
        .filter(jobs::id.ne_all([asking.running.as_slice(), picked].concat()))
        .order((jobs::priority, jobs::scheduled_at, jobs::id))
        .limit(i64::try_from(asking.at_most.saturating_sub(picked.len())).unwrap_or(i64::MAX))
        .select((jobs::id, jobs::tenant_id));
    Locked::skipping(query).both().load(conn)
}

/// A job that takes its worker down with it has had its attempts too.
fn bury(conn: &mut DbConn, asking: &Asking) -> QueryResult<usize> {
    let spent = jobs::table
        .filter(jobs::name.eq_any(asking.names.clone()))
        .filter(orphaned!(asking.now))
        .filter(jobs::retry_count.ge(jobs::max_attempts))
        .filter(jobs::id.ne_all(asking.running.clone()))
        .select(jobs::id);
    let ids: Vec<JobId> = Locked::skipping(spent).both().load(conn)?;
    if ids.is_empty() {
        return Ok(0);
    }
    diesel::update(jobs::table.filter(jobs::id.eq_any(ids)))
        .set((
            (jobs::state.eq(JobState::Dead), jobs::updated_at.eq(asking.now)),
            (jobs::leased_by.eq(None::<String>), jobs::leased_until.eq(None::<Timestamp>)),
            (jobs::fence.eq(jobs::fence + 1), jobs::last_error.eq("its worker never came back")),
        ))
        .execute(conn)
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
