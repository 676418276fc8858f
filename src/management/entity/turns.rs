//! What the turns of keys and the clean-ups ask of all tenants.

use diesel::dsl::exists;
use diesel::prelude::*;

use crate::base::{PendingLoginId, SessionId, TenantId, Timestamp};
use crate::components::keys::KeyState;
use crate::db::schema::{clients, pending_logins, sessions, signing_keys};
use crate::db::{DbConn, Json};
use crate::identity::client::ClientSettings;

pub fn clean_pending_logins(conn: &mut DbConn, now: Timestamp, at_most: i64) -> QueryResult<usize> {
    let old = pending_logins::table.filter(pending_logins::expires_at.le(now));
    let old = old.order(pending_logins::expires_at).select(pending_logins::id);
    let ids: Vec<PendingLoginId> = old.limit(at_most).load(conn)?;
    diesel::delete(pending_logins::table.filter(pending_logins::id.eq_any(ids))).execute(conn)
}

/// Tenants whose keys have a step to take, in the order of their ids: a dead one to be forgotten, or an active one that
/// ages and signs, or has its follower. All the others are left in peace: they are nearly all there are.
pub fn due(conn: &mut DbConn, ageing: Timestamp, forgotten: Timestamp) -> QueryResult<Vec<TenantId>> {
    use signing_keys as k;
    let followers = diesel::alias!(signing_keys as followers);
    let followed = followers
        .filter(followers.field(k::tenant_id).eq(k::tenant_id))
        .filter(followers.field(k::state).eq(KeyState::Next));
    let signed = sessions::table
        .filter(sessions::tenant_id.eq(k::tenant_id))
        .filter(sessions::rotated_at.ge(k::activated_at.assume_not_null()));
    let mut due: Vec<TenantId> = k::table
        .filter(k::state.eq(KeyState::Active))
        .filter(k::activated_at.is_not_null().and(k::activated_at.assume_not_null().le(ageing)))
        .filter(exists(followed).or(exists(signed)))
        .select(k::tenant_id)
        .load(conn)?;
    let dead = k::table.filter(k::dies_at.is_not_null().and(k::dies_at.assume_not_null().lt(forgotten)));
    due.extend(dead.select(k::tenant_id).load::<TenantId>(conn)?);
    due.sort_unstable();
    due.dedup();
    Ok(due)
}

/// Whether anything was signed for the tenant since then: every login and refresh moves a session. The newest are looked
/// at first: one of them is it, where there is any.
pub fn has_signed(conn: &mut DbConn, tenant: TenantId, since: Timestamp) -> QueryResult<bool> {
    let moved = sessions::table.filter(sessions::tenant_id.eq(tenant)).filter(sessions::rotated_at.ge(since));
    let newest = moved.order((sessions::created_at.desc(), sessions::id.desc())).select(sessions::id);
    let found: Option<SessionId> = newest.first(conn).optional()?;
    Ok(found.is_some())
}

/// The longest life that a client of the tenant gives its access tokens, in seconds.
pub fn longest_access(conn: &mut DbConn, tenant: TenantId) -> QueryResult<u64> {
    let settings: Vec<Json<ClientSettings>> =
        clients::table.filter(clients::tenant_id.eq(tenant)).select(clients::settings).load(conn)?;
    Ok(settings.iter().filter_map(|settings| settings.0.access_seconds).max().unwrap_or(0))
}
