//! Looking at the queue, and what operators change in it.

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::{Job, JobState};
use crate::base::{JobId, TenantId, Timestamp};
use crate::db::schema::{domain_events, job_pauses, jobs};
use crate::db::{BothDsl, DbConn, columns};

/// Which jobs: of a state, of a name, between two ids. Ids sort by the time they were made.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub state: Option<JobState>,
    pub name: Option<String>,
    pub from: Option<JobId>,
    pub to: Option<JobId>,
}

/// Oldest first, after the one given.
pub fn page(conn: &mut DbConn, wanted: &Wanted, after: Option<JobId>, at_most: i64) -> QueryResult<Vec<Job>> {
    let mut query = jobs::table.select(columns::<Job>()).into_boxed();
    if let Some(state) = wanted.state {
        query = query.filter(jobs::state.eq(state));
    }
    if let Some(name) = &wanted.name {
        query = query.filter(jobs::name.eq(name.clone()));
    }
    if let Some(from) = wanted.from {
        query = query.filter(jobs::id.ge(from));
    }
    if let Some(to) = wanted.to {
        query = query.filter(jobs::id.le(to));
    }
    if let Some(after) = after {
        query = query.filter(jobs::id.gt(after));
    }
    query.order(jobs::id).limit(at_most).load(conn)
}

/// Back into the queue with all attempts before them. Rows that run are left alone, and so are done ones whose
/// sealed part is wiped, since they could only fail.
pub fn requeue(conn: &mut DbConn, ids: &[JobId], now: Timestamp) -> QueryResult<usize> {
    diesel::update(jobs::table.filter(jobs::id.eq_any(ids)))
        .filter(jobs::state.eq_any([JobState::Dead, JobState::Queued]))
        .set((
            (jobs::state.eq(JobState::Queued), jobs::scheduled_at.eq(now), jobs::updated_at.eq(now)),
            jobs::retry_count.eq(0),
        ))
        .execute(conn)
}

/// One of a tenant's. A job that waits for the first time is left alone: what is done at once is done as often as anybody asks.
pub fn requeue_of_tenant(
    conn: &mut DbConn,
    tenant: TenantId,
    id: JobId,
    now: Timestamp,
) -> QueryResult<usize> {
    let failed = jobs::state.eq(JobState::Queued).and(jobs::retry_count.gt(0));
    diesel::update(jobs::table.filter(jobs::id.eq(id).and(jobs::tenant_id.eq(tenant))))
        .filter(jobs::state.eq(JobState::Dead).or(failed))
        .set((
            (jobs::state.eq(JobState::Queued), jobs::scheduled_at.eq(now), jobs::updated_at.eq(now)),
            jobs::retry_count.eq(0),
        ))
        .execute(conn)
}

/// How many there are in each state.
pub fn counts(conn: &mut DbConn) -> QueryResult<Vec<(JobState, i64)>> {
    jobs::table.group_by(jobs::state).select((jobs::state, count_star())).load(conn)
}

/// When the oldest job that could run became due.
pub fn oldest_due(conn: &mut DbConn, now: Timestamp) -> QueryResult<Option<Timestamp>> {
    jobs::table
        .filter(jobs::state.eq(JobState::Queued).and(jobs::scheduled_at.le(now)))
        .order(jobs::scheduled_at)
        .select(jobs::scheduled_at)
        .first(conn)
        .optional()
}

/// Names that wait and that this program does not know: another version's, left alone.
pub fn unknown(conn: &mut DbConn, known: &[&str], now: Timestamp) -> QueryResult<Vec<(String, i64)>> {
    jobs::table
        .filter(jobs::state.eq(JobState::Queued).and(jobs::scheduled_at.le(now)))
        .filter(jobs::name.ne_all(known.to_vec()))
        .group_by(jobs::name)
        .select((jobs::name, count_star()))
        .order(jobs::name)
        .limit(100)
        .load(conn)
}

pub fn pause(conn: &mut DbConn, name: &str, now: Timestamp) -> QueryResult<usize> {
    diesel::insert_into(job_pauses::table)
        .values((job_pauses::name.eq(name), job_pauses::created_at.eq(now)))
        .on_conflict_do_nothing()
        .both()
        .execute(conn)
}

pub fn resume(conn: &mut DbConn, name: &str) -> QueryResult<usize> {
    diesel::delete(job_pauses::table.find(name)).execute(conn)
}

pub fn paused(conn: &mut DbConn) -> QueryResult<Vec<String>> {
    job_pauses::table.order(job_pauses::name).select(job_pauses::name).load(conn)
}

/// Done before `than`, as many at a time as a transaction should hold. What is completed is done: by its state it would be
/// found by reading all that is.
pub fn clean_done(conn: &mut DbConn, than: Timestamp, at_most: i64) -> QueryResult<usize> {
    let ids: Vec<JobId> = jobs::table
        .filter(jobs::completed_at.is_not_null().and(jobs::completed_at.assume_not_null().lt(than)))
        .order(jobs::completed_at)
        .select(jobs::id)
        .limit(at_most)
        .load(conn)?;
    diesel::delete(jobs::table.filter(jobs::id.eq_any(ids)).filter(jobs::state.eq(JobState::Done)))
        .execute(conn)
}

pub fn clean_domain_events(conn: &mut DbConn, than: Timestamp, at_most: i64) -> QueryResult<usize> {
    let rows: Vec<i64> = domain_events::table
        .filter(domain_events::created_at.lt(than))
        .order(domain_events::created_at)
        .select(domain_events::sequence)
        .limit(at_most)
        .load(conn)?;
    diesel::delete(domain_events::table.filter(domain_events::sequence.eq_any(rows))).execute(conn)
}
