//! Holding work, and letting go of it: every change asks for the fencing number that the claim gave.

use diesel::prelude::*;

use super::JobState;
use crate::base::{JobId, Timestamp};
use crate::db::DbConn;
use crate::db::schema::jobs;

/// A lease: which row, and in which of its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    pub id: JobId,
    pub fence: i64,
}

/// What became of a run.
#[derive(Debug, Clone)]
pub enum Ended {
    Done,
    Again {
        at: Timestamp,
        why: String,
    },
    Dead {
        why: String,
    },
    /// Not its fault: the worker stops, and the attempt does not count.
    HandedBack,
}

const NOBODY: Option<String> = None;
const NEVER: Option<Timestamp> = None;

/// Those of our leases that are still ours, prolonged.
pub fn renew(conn: &mut DbConn, node: &str, held: &[Lease], until: Timestamp) -> QueryResult<Vec<Lease>> {
    let ids: Vec<JobId> = held.iter().map(|lease| lease.id).collect();
    let ours: Vec<(JobId, i64)> = diesel::update(jobs::table.filter(jobs::id.eq_any(ids)))
        .filter(jobs::leased_by.eq(node))
        .filter(jobs::state.eq(JobState::Running))
        .set(jobs::leased_until.eq(until))
        .returning((jobs::id, jobs::fence))
        .get_results(conn)?;
    Ok(ours.into_iter().map(|(id, fence)| Lease { id, fence }).collect())
}

/// False when the lease had gone to somebody else: what this run found counts for nothing.
pub fn finish(conn: &mut DbConn, lease: Lease, ended: &Ended, now: Timestamp) -> QueryResult<bool> {
    let ours = jobs::table
        .find(lease.id)
        .filter(jobs::fence.eq(lease.fence))
        .filter(jobs::state.eq(JobState::Running));
    let free = (jobs::leased_by.eq(NOBODY), jobs::leased_until.eq(NEVER), jobs::updated_at.eq(now));
    let rows = match ended {
        Ended::Done => diesel::update(ours)
            .set((
                free,
                (jobs::state.eq(JobState::Done), jobs::completed_at.eq(now)),
                (jobs::sealed.eq(None::<Vec<u8>>), jobs::last_error.eq(NOBODY)),
            ))
            .execute(conn)?,
        Ended::Again { at, why } => diesel::update(ours)
            .set((
                free,
                (jobs::state.eq(JobState::Queued), jobs::scheduled_at.eq(*at), jobs::last_error.eq(why)),
            ))
            .execute(conn)?,
        Ended::Dead { why } => diesel::update(ours)
            .set((free, (jobs::state.eq(JobState::Dead), jobs::last_error.eq(why))))
            .execute(conn)?,
        Ended::HandedBack => diesel::update(ours)
            .set((
                free,
                (jobs::state.eq(JobState::Queued), jobs::retry_count.eq(jobs::retry_count - 1)),
                jobs::fence.eq(jobs::fence + 1),
            ))
            .execute(conn)?,
    };
    Ok(rows == 1)
}

/// Somebody else runs it now. One that simply ended is not lost.
pub fn is_lost(conn: &mut DbConn, lease: Lease) -> QueryResult<bool> {
    let fence: Option<i64> = jobs::table.find(lease.id).select(jobs::fence).first(conn).optional()?;
    Ok(fence.is_none_or(|fence| fence != lease.fence))
}
