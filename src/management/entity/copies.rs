//! What the database remembers of its copies, and what must not live on in one that is put in its place.

use diesel::prelude::*;
use serde::Serialize;

use crate::base::Timestamp;
use crate::db::DbConn;
use crate::db::schema::{installation, jobs, one_time_proofs, pending_logins, sessions};
use crate::jobs::entity::JobState;

/// Why a session ended, or a job is dead, that stood in a copy.
pub const RESTORED: &str = "restored";

/// When the last copy was made, and where it was put.
pub fn last_backup(conn: &mut DbConn) -> QueryResult<Option<(Timestamp, String)>> {
    let row: Option<(Option<Timestamp>, Option<String>)> = installation::table
        .select((installation::backed_up_at, installation::backed_up_to))
        .first(conn)
        .optional()?;
    Ok(row.and_then(|(at, to)| at.zip(to)))
}

pub fn note_backup(conn: &mut DbConn, to: &str, now: Timestamp) -> QueryResult<usize> {
    diesel::update(installation::table)
        .set((installation::backed_up_at.eq(now), installation::backed_up_to.eq(to)))
        .execute(conn)
}

/// What a restore put an end to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    pub sessions: usize,
    pub pending_logins: usize,
    pub proofs: usize,
    pub jobs: usize,
}

/// Between the copy and now sessions were ended, links used and mails sent, and the copy knows nothing of it. So none
/// of these counts any more; whoever was in comes in afresh.
pub fn end(conn: &mut DbConn, now: Timestamp) -> QueryResult<Ended> {
    diesel::update(installation::table)
        .set(installation::restore_epoch.eq(installation::restore_epoch + 1))
        .execute(conn)?;
    Ok(Ended {
        sessions: end_sessions(conn, now)?,
        pending_logins: diesel::delete(pending_logins::table).execute(conn)?,
        proofs: diesel::delete(one_time_proofs::table).execute(conn)?,
        jobs: put_aside(conn, now)?,
    })
}

fn end_sessions(conn: &mut DbConn, now: Timestamp) -> QueryResult<usize> {
    diesel::update(sessions::table.filter(sessions::revoked_at.is_null()))
        .set((sessions::revoked_at.eq(now), sessions::revoked_reason.eq(RESTORED)))
        .execute(conn)
}

/// Mails, and the errands that lead to mails, may have been carried since. They are kept as dead ones, for an operator
/// to run again by hand. What the schedule enqueued does no harm twice, and is only freed of workers that are gone.
fn put_aside(conn: &mut DbConn, now: Timestamp) -> QueryResult<usize> {
    let open = [JobState::Queued, JobState::Running];
    let nobody = (jobs::leased_by.eq(None::<String>), jobs::leased_until.eq(None::<Timestamp>));
    let again = (jobs::fence.eq(jobs::fence + 1), jobs::updated_at.eq(now));
    diesel::update(jobs::table.filter(jobs::state.eq(JobState::Running)).filter(jobs::kind.eq("cron")))
        .set((nobody.clone(), again, jobs::state.eq(JobState::Queued)))
        .execute(conn)?;
    diesel::update(jobs::table.filter(jobs::state.eq_any(open)).filter(jobs::kind.ne("cron")))
        .set((nobody, again, (jobs::state.eq(JobState::Dead), jobs::last_error.eq(RESTORED))))
        .execute(conn)
}
