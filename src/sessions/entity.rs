//! Sessions and their devices in the database.

mod spending;

use std::collections::BTreeMap;
use std::sync::Arc;

use diesel::prelude::*;

use super::device::{Platform, Push, Seen, WebPush};
use crate::base::{DeviceId, SessionId, TenantId, Timestamp, UserId};
use crate::db::dialect::padded;
use crate::db::schema::{devices, password_logins, sessions, users};
use crate::db::{DbConn, Json, columns};
use crate::identity::session::Standing;
use crate::identity::{Live, Session};

pub use spending::{rotate, spend};

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = devices, treat_none_as_default_value = false)]
pub struct DeviceRow {
    pub id: DeviceId,
    pub tenant_id: TenantId,
    pub session_id: SessionId,
    pub user_id: UserId,
    pub name: String,
    pub platform: Platform,
    pub notification_token: Option<String>,
    pub web_push_information: Option<Json<WebPush>>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Newest first; more than anybody looks through, and few enough to answer at once.
pub const LISTED: i64 = 100;

pub fn find(conn: &mut DbConn, id: SessionId) -> QueryResult<Option<Session>> {
    sessions::table.find(id).select(columns::<Session>()).get_result(conn).optional()
}

pub fn insert(conn: &mut DbConn, session: &Session) -> QueryResult<usize> {
    diesel::insert_into(sessions::table).values(session).execute(conn)
}

pub fn all(conn: &mut DbConn, ids: &[SessionId]) -> QueryResult<Vec<Session>> {
    if let [id] = ids {
        return Ok(find(conn, *id)?.into_iter().collect());
    }
    sessions::table.filter(sessions::id.eq_any(padded(ids))).select(columns::<Session>()).load(conn)
}

/// Rows and whether they live, in one go.
pub fn standing(
    conn: &mut DbConn,
    asked: &BTreeMap<SessionId, ()>,
    now: Timestamp,
) -> QueryResult<BTreeMap<SessionId, Arc<Standing>>> {
    let ids: Vec<SessionId> = asked.keys().copied().collect();
    let living = Live::all(conn, &ids, now)?;
    let rows = all(conn, &ids)?.into_iter();
    let standing = rows.map(|session| {
        let lives = living.contains_key(&session.id);
        (session.id, Arc::new(Standing { session, lives }))
    });
    Ok(standing.collect())
}

/// Whose sessions end, and for what reason.
pub struct End<'r> {
    pub user: UserId,
    pub reason: &'r str,
    pub now: Timestamp,
}

/// Revoked, not deleted: a later use of their refresh tokens is still recognised.
pub fn end_one(conn: &mut DbConn, tenant: TenantId, id: SessionId, end: &End<'_>) -> QueryResult<bool> {
    let mine = sessions::table
        .find(id)
        .filter(sessions::user_id.eq(end.user))
        .filter(sessions::tenant_id.eq(tenant));
    diesel::update(mine)
        .filter(sessions::revoked_at.is_null())
        .set((sessions::revoked_at.eq(end.now), sessions::revoked_reason.eq(end.reason)))
        .execute(conn)
        .map(|rows| rows == 1)
}

/// Every live session of a person, in one tenant or in all, but one perhaps.
pub fn end_all(
    conn: &mut DbConn,
    tenant: Option<TenantId>,
    but: Option<SessionId>,
    end: &End<'_>,
) -> QueryResult<Vec<SessionId>> {
    let theirs =
        sessions::table.filter(sessions::user_id.eq(end.user)).filter(sessions::revoked_at.is_null());
    let mut ids = theirs.select(sessions::id).into_boxed();
    if let Some(tenant) = tenant {
        ids = ids.filter(sessions::tenant_id.eq(tenant));
    }
    if let Some(kept) = but {
        ids = ids.filter(sessions::id.ne(kept));
    }
    let ids: Vec<SessionId> = ids.order(sessions::id).load(conn)?;
    diesel::update(sessions::table.filter(sessions::id.eq_any(ids.clone())))
        .filter(sessions::revoked_at.is_null())
        .set((sessions::revoked_at.eq(end.now), sessions::revoked_reason.eq(end.reason)))
        .execute(conn)?;
    Ok(ids)
}

pub fn live_of(
    conn: &mut DbConn,
    tenant: TenantId,
    user: UserId,
    now: Timestamp,
) -> QueryResult<Vec<(Session, Option<DeviceRow>)>> {
    sessions::table
        .left_join(devices::table.on(devices::session_id.eq(sessions::id)))
        .filter(sessions::tenant_id.eq(tenant))
        .filter(sessions::user_id.eq(user))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::idle_expires_at.gt(now).and(sessions::absolute_expires_at.gt(now)))
        .order((sessions::created_at.desc(), sessions::id.desc()))
        .limit(LISTED)
        .select((columns::<Session>(), columns::<Option<DeviceRow>>()))
        .load(conn)
}

/// To whom a notice about their sessions goes.
#[derive(Debug, Queryable)]
pub struct Addressee {
    pub email: String,
    pub name: Option<String>,
    pub locale: Option<String>,
}

pub fn addressee(conn: &mut DbConn, user: UserId) -> QueryResult<Option<Addressee>> {
    password_logins::table
        .inner_join(users::table.on(users::id.eq(password_logins::user_id)))
        .filter(users::id.eq(user))
        .filter(password_logins::verified_at.is_not_null())
        .select((password_logins::email, users::name, users::locale))
        .get_result(conn)
        .optional()
}

pub fn keep_device(conn: &mut DbConn, device: &DeviceRow) -> QueryResult<usize> {
    diesel::insert_into(devices::table).values(device).execute(conn)
}

pub fn device_of(conn: &mut DbConn, session: SessionId) -> QueryResult<Option<DeviceRow>> {
    let device = devices::table.filter(devices::session_id.eq(session)).select(columns::<DeviceRow>());
    device.get_result(conn).optional()
}

/// Where a device is told of news.
pub fn set_push(conn: &mut DbConn, device: &DeviceRow, push: &Push, now: Timestamp) -> QueryResult<usize> {
    use devices as d;
    let web_push = push.web_push_information.clone().map(Json);
    diesel::update(d::table.find(device.id))
        .set((
            d::notification_token.eq(&push.notification_token),
            d::web_push_information.eq(web_push),
            d::updated_at.eq(now),
        ))
        .execute(conn)
}

/// A phone that changes hands keeps its push token: who had it before must not be told what its new owner is told.
/// Answers the sessions of the same person that held it.
pub fn take_push_from_others(
    conn: &mut DbConn,
    device: &DeviceRow,
    token: &str,
    now: Timestamp,
) -> QueryResult<Vec<SessionId>> {
    use devices as d;
    let others = d::table
        .filter(d::tenant_id.eq(device.tenant_id))
        .filter(d::notification_token.eq(token))
        .filter(d::id.ne(device.id));
    let held: Vec<(DeviceId, SessionId, UserId)> =
        others.select((d::id, d::session_id, d::user_id)).order(d::id).load(conn)?;
    let ids: Vec<DeviceId> = held.iter().map(|(id, ..)| *id).collect();
    diesel::update(d::table.filter(d::id.eq_any(ids)))
        .set((d::notification_token.eq(None::<String>), d::updated_at.eq(now)))
        .execute(conn)?;
    Ok(held
        .into_iter()
        .filter(|(_, _, user)| *user == device.user_id)
        .map(|(_, session, _)| session)
        .collect())
}

pub fn move_device(conn: &mut DbConn, from: SessionId, to: SessionId) -> QueryResult<usize> {
    diesel::update(devices::table.filter(devices::session_id.eq(from)))
        .set(devices::session_id.eq(to))
        .execute(conn)
}

/// Last-seen times are gathered in memory and written together, once a minute.
pub fn touch(conn: &mut DbConn, seen: &[Seen]) -> QueryResult<()> {
    for Seen { session, at } in seen {
        diesel::update(sessions::table.find(*session))
            .filter(sessions::last_used_at.lt(*at))
            .set(sessions::last_used_at.eq(*at))
            .execute(conn)?;
    }
    Ok(())
}

/// Rows that ended before `than`, as many at a time as a transaction should hold. Two questions, since together they
/// would be answered by reading every session.
pub fn clean(conn: &mut DbConn, than: Timestamp, at_most: i64) -> QueryResult<usize> {
    use sessions as s;
    let expired = s::table.filter(s::absolute_expires_at.lt(than)).order(s::absolute_expires_at);
    let mut ids: Vec<SessionId> = expired.select(s::id).limit(at_most).load(conn)?;
    if ids.is_empty() {
        let revoked =
            s::table.filter(s::revoked_at.is_not_null().and(s::revoked_at.assume_not_null().lt(than)));
        ids = revoked.order(s::revoked_at).select(s::id).limit(at_most).load(conn)?;
    }
    diesel::delete(s::table.filter(s::id.eq_any(ids))).execute(conn)
}
