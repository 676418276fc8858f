//! What the house needs to know of all tenants at once, and rows that nobody will ask for again.

use diesel::dsl::{exists, select};
use diesel::prelude::*;

use crate::base::{PendingLoginId, SignUpId, TenantId, Timestamp};
use crate::db::schema::{clients, guess_counters, pending_logins, sessions, sign_ups};
use crate::db::{DbConn, Json};
use crate::identity::client::ClientSettings;

pub fn clean_sign_ups(conn: &mut DbConn, now: Timestamp, at_most: i64) -> QueryResult<usize> {
    let old = sign_ups::table.filter(sign_ups::expires_at.le(now));
    let ids: Vec<SignUpId> = old.select(sign_ups::id).limit(at_most).load(conn)?;
    diesel::delete(sign_ups::table.filter(sign_ups::id.eq_any(ids))).execute(conn)
}

pub fn clean_pending_logins(conn: &mut DbConn, now: Timestamp, at_most: i64) -> QueryResult<usize> {
    let old = pending_logins::table.filter(pending_logins::expires_at.le(now));
    let ids: Vec<PendingLoginId> = old.select(pending_logins::id).limit(at_most).load(conn)?;
    diesel::delete(pending_logins::table.filter(pending_logins::id.eq_any(ids))).execute(conn)
}

/// Counters that nobody guessed at since `than`. Their key is a pair, so each batch is a span of time.
pub fn clean_guesses(conn: &mut DbConn, than: Timestamp, at_most: i64) -> QueryResult<usize> {
    use guess_counters as g;
    let times = g::table.filter(g::last_at.lt(than)).order(g::last_at).select(g::last_at);
    let until: Option<Timestamp> = times.offset(at_most - 1).first(conn).optional()?;
    let old = g::last_at.lt(than).and(g::last_at.le(until.unwrap_or(than)));
    diesel::delete(g::table.filter(old)).execute(conn)
}

/// Whether anything was signed for the tenant since then: every login and refresh moves a session.
pub fn has_signed(conn: &mut DbConn, tenant: TenantId, since: Timestamp) -> QueryResult<bool> {
    let moved = sessions::table.filter(sessions::tenant_id.eq(tenant)).filter(sessions::rotated_at.ge(since));
    select(exists(moved)).get_result(conn)
}

/// The longest life that a client of the tenant gives its access tokens, in seconds.
pub fn longest_access(conn: &mut DbConn, tenant: TenantId) -> QueryResult<u64> {
    let settings: Vec<Json<ClientSettings>> =
        clients::table.filter(clients::tenant_id.eq(tenant)).select(clients::settings).load(conn)?;
    Ok(settings.iter().filter_map(|settings| settings.0.access_seconds).max().unwrap_or(0))
}
