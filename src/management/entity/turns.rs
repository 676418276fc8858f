//! What the turns of keys and the clean-ups ask of all tenants.

use diesel::dsl::{exists, select};
use diesel::prelude::*;

use crate::base::{PendingLoginId, TenantId, Timestamp};
use crate::db::schema::{clients, pending_logins, sessions};
use crate::db::{DbConn, Json};
use crate::identity::client::ClientSettings;

pub fn clean_pending_logins(conn: &mut DbConn, now: Timestamp, at_most: i64) -> QueryResult<usize> {
    let old = pending_logins::table.filter(pending_logins::expires_at.le(now));
    let ids: Vec<PendingLoginId> = old.select(pending_logins::id).limit(at_most).load(conn)?;
    diesel::delete(pending_logins::table.filter(pending_logins::id.eq_any(ids))).execute(conn)
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
