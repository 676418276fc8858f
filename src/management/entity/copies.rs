//! What the database remembers of its copies, and what must not live on in one that is put in its place.

use diesel::prelude::*;
use serde::Serialize;

use crate::base::Timestamp;
use crate::components::keys::KeyState;
use crate::db::DbConn;
use crate::db::schema::{action_runs, deliveries, outbox_places};
use crate::db::schema::{installation, jobs, one_time_proofs, pending_logins, sessions, signing_keys};
use crate::db::tx::{OUTBOX, newest};
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
    pub keys: usize,
}

/// Between the copy and now sessions were ended, links used and mails sent, and the copy knows nothing of it. So none
/// of these counts any more; whoever was in comes in afresh.
pub fn end(conn: &mut DbConn, now: Timestamp) -> QueryResult<Ended> {
    diesel::update(installation::table)
        .set(installation::restore_epoch.eq(installation::restore_epoch + 1))
        .execute(conn)?;
    hush(conn, now)?;
    Ok(Ended {
        sessions: end_sessions(conn, now)?,
        pending_logins: diesel::delete(pending_logins::table).execute(conn)?,
        proofs: diesel::delete(one_time_proofs::table).execute(conn)?,
        jobs: put_aside(conn, now)?,
        keys: revoke_keys(conn, now)?,
    })
}

/// One of them may have been revoked since, because somebody else had it. Nothing that they signed is alive any more;
/// each tenant's next signing makes a new one.
fn revoke_keys(conn: &mut DbConn, now: Timestamp) -> QueryResult<usize> {
    diesel::update(signing_keys::table.filter(signing_keys::revoked_at.is_null()))
        .set((signing_keys::state.eq(KeyState::Revoked), signing_keys::revoked_at.eq(now)))
        .execute(conn)
}

fn end_sessions(conn: &mut DbConn, now: Timestamp) -> QueryResult<usize> {
    diesel::update(sessions::table.filter(sessions::revoked_at.is_null()))
        .set((sessions::revoked_at.eq(now), sessions::revoked_reason.eq(RESTORED)))
        .execute(conn)
}

/// What happened before the copy may have been handed on since: to webhooks, which can be told again, and to actions,
/// which may have done it. Nobody hears of it from here.
fn hush(conn: &mut DbConn, now: Timestamp) -> QueryResult<()> {
    use {action_runs as r, deliveries as d, outbox_places as o};
    let (xact, sequence) = newest(conn)?;
    diesel::delete(o::table.find(OUTBOX)).execute(conn)?;
    let place = (o::name.eq(OUTBOX), o::xact.eq(xact), o::sequence.eq(sequence), o::updated_at.eq(now));
    diesel::insert_into(o::table).values(place).execute(conn)?;
    let over =
        (d::state.eq("failed"), d::last_error.eq(RESTORED), d::updated_at.eq(now), d::ended_at.eq(now));
    let over = (over, d::due_at.eq(None::<Timestamp>));
    diesel::update(d::table.filter(d::state.eq("queued"))).set(over).execute(conn)?;
    let over =
        (r::state.eq("failed"), r::last_error.eq(RESTORED), r::updated_at.eq(now), r::ended_at.eq(now));
    diesel::update(r::table.filter(r::state.eq("queued"))).set(over).execute(conn).map(drop)
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
