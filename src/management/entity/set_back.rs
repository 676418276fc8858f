//! What a clock that is set back would otherwise revive, or keep alive for as long as it was ahead. Here and nowhere else
//! all tables that end by themselves are named together.

use std::time::Duration;

use diesel::prelude::*;

use crate::base::Timestamp;
use crate::components::clock::SetBack;
use crate::db::{DbConn, sql};

/// `$1` is the time that holds from now on, `$2` the one before it: what had ended by then, for good.
pub const ENDED: &[&str] = &[
    "UPDATE sessions SET idle_expires_at = $1 WHERE revoked_at IS NULL AND idle_expires_at > $1 AND \
     absolute_expires_at > $1 AND (idle_expires_at <= $2 OR absolute_expires_at <= $2)",
    "DELETE FROM one_time_proofs WHERE expires_at > $1 AND expires_at <= $2",
    "DELETE FROM pending_logins WHERE expires_at > $1 AND expires_at <= $2",
    "DELETE FROM sign_ups WHERE expires_at > $1 AND expires_at <= $2",
    "UPDATE invitations SET expires_at = $1 WHERE expires_at > $1 AND expires_at <= $2",
    "UPDATE signing_keys SET dies_at = $1 WHERE dies_at > $1 AND dies_at <= $2",
];

/// `$1` is the time that holds: what was made later than that is taken as made now. It lives, waits or stays closed as
/// long as it would have, and not for all the time that the clock was ahead.
pub const LATER: &[&str] = &[
    "UPDATE sessions SET idle_expires_at = idle_expires_at - (rotated_at - $1), rotated_at = $1 \
     WHERE rotated_at > $1",
    "UPDATE sessions SET absolute_expires_at = absolute_expires_at - (created_at - $1), created_at = $1 \
     WHERE created_at > $1",
    "UPDATE sessions SET authenticated_at = $1 WHERE authenticated_at > $1",
    "UPDATE sessions SET last_used_at = $1 WHERE last_used_at > $1",
    "UPDATE one_time_proofs SET expires_at = expires_at - (created_at - $1), created_at = $1 WHERE created_at > $1",
    "UPDATE pending_logins SET expires_at = expires_at - (created_at - $1), created_at = $1 WHERE created_at > $1",
    "UPDATE sign_ups SET expires_at = expires_at - (created_at - $1), created_at = $1 WHERE created_at > $1",
    "UPDATE invitations SET expires_at = expires_at - (created_at - $1), created_at = $1 WHERE created_at > $1",
    "UPDATE guess_counters SET blocked_until = blocked_until - (last_at - $1), last_at = $1 WHERE last_at > $1",
    "UPDATE jobs SET scheduled_at = scheduled_at - (updated_at - $1), updated_at = $1 \
     WHERE state = 'queued' AND updated_at > $1",
    "UPDATE signing_keys SET dies_at = dies_at - (retiring_at - $1), retiring_at = $1 WHERE retiring_at > $1",
    "UPDATE signing_keys SET published_at = $1 WHERE published_at > $1",
    "UPDATE signing_keys SET activated_at = $1 WHERE activated_at > $1",
];

pub fn end(conn: &mut DbConn, sql: &str, step: SetBack) -> QueryResult<usize> {
    conn.take_time()?;
    let ending = diesel::sql_query(sql).bind::<sql::Instant, _>(step.to);
    ending.bind::<sql::Instant, _>(step.from).execute(conn)
}

pub fn bring_back(conn: &mut DbConn, sql: &str, to: Timestamp) -> QueryResult<usize> {
    conn.take_time()?;
    diesel::sql_query(sql).bind::<sql::Instant, _>(to).execute(conn)
}

/// Codes die before the links that they came with.
pub fn strike_codes(conn: &mut DbConn, step: SetBack, life: Duration) -> QueryResult<usize> {
    let sql = "UPDATE one_time_proofs SET code_mac = NULL WHERE created_at > $1 AND created_at <= $2";
    end(conn, sql, SetBack { from: step.from - life, to: step.to - life })
}

/// Whoever still works renews it long before.
pub fn shorten_leases(conn: &mut DbConn, until: Timestamp) -> QueryResult<usize> {
    bring_back(conn, "UPDATE jobs SET leased_until = $1 WHERE leased_until > $1", until)
}
