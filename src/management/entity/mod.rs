//! People and keys as operators see them, in the database.

pub mod copies;
pub mod rules;
pub mod set_back;
pub mod turns;

use diesel::prelude::*;
use serde::Serialize;

use crate::base::{SigningKeyId, TenantId, Timestamp, UserId};
use crate::components::keys::{KeyState, SigningKey};
use crate::db::schema::{
    installation, login_identifiers, memberships, password_logins, roles, signing_keys, user_roles, users,
};
use crate::db::{DbConn, columns};
use crate::identity::User;
use crate::identity::user::EMAIL;

pub fn members(conn: &mut DbConn, tenant: TenantId) -> QueryResult<i64> {
    memberships::table.filter(memberships::tenant_id.eq(tenant)).count().get_result(conn)
}

/// Who a mail address means in a tenant.
pub fn person_called(conn: &mut DbConn, tenant: TenantId, email: &str) -> QueryResult<Option<User>> {
    users::table
        .inner_join(login_identifiers::table.on(login_identifiers::user_id.eq(users::id)))
        .filter(login_identifiers::tenant_id.eq(tenant))
        .filter(login_identifiers::kind.eq(EMAIL))
        .filter(login_identifiers::value.eq(email))
        .filter(users::deleted_at.is_null())
        .select(columns::<User>())
        .get_result(conn)
        .optional()
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    pub id: UserId,
    pub email: Option<String>,
    pub name: Option<String>,
    pub roles: Vec<String>,
    pub state: &'static str,
    pub is_home: bool,
    #[serde(skip)]
    pub home: TenantId,
    /// Wrong guesses keep the right password out until then; a reset by mail, a known device and `users unlock` do not.
    pub held_until: Option<Timestamp>,
    pub last_login_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// One page of a tenant's people, in the order in which they came.
pub fn people(
    conn: &mut DbConn,
    tenant: TenantId,
    after: Option<UserId>,
    limit: i64,
) -> QueryResult<Vec<Person>> {
    let mut page = users::table
        .inner_join(memberships::table.on(memberships::user_id.eq(users::id)))
        .filter(memberships::tenant_id.eq(tenant))
        .filter(users::deleted_at.is_null())
        .select(columns::<User>())
        .order(users::id)
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        page = page.filter(users::id.gt(after));
    }
    let page: Vec<User> = page.load(conn)?;
    page.into_iter().map(|user| person(conn, tenant, user)).collect()
}

fn person(conn: &mut DbConn, tenant: TenantId, user: User) -> QueryResult<Person> {
    let identifier = login_identifiers::table
        .filter(login_identifiers::tenant_id.eq(tenant))
        .filter(login_identifiers::user_id.eq(user.id))
        .filter(login_identifiers::kind.eq(EMAIL));
    let email = identifier.select(login_identifiers::value).first(conn).optional()?;
    let held = roles::table
        .inner_join(user_roles::table.on(user_roles::role_id.eq(roles::id)))
        .filter(user_roles::user_id.eq(user.id))
        .filter(user_roles::tenant_id.eq(tenant));
    let held = held.order(roles::identifier).select(roles::identifier).load(conn)?;
    Ok(Person {
        id: user.id,
        email,
        roles: held,
        state: if user.is_active() { "active" } else { "disabled" },
        is_home: user.tenant_id == tenant,
        home: user.tenant_id,
        held_until: None,
        name: user.name,
        last_login_at: user.last_login_at,
        created_at: user.created_at,
    })
}

pub fn set_disabled(
    conn: &mut DbConn,
    user: UserId,
    since: Option<Timestamp>,
    now: Timestamp,
) -> QueryResult<usize> {
    diesel::update(users::table.find(user))
        .set((users::disabled_at.eq(since), users::epoch.eq(users::epoch + 1), users::updated_at.eq(now)))
        .execute(conn)
}

/// Passwords that another program hashed, and that a login has not yet brought up to ours.
pub fn foreign_hashes(conn: &mut DbConn) -> QueryResult<i64> {
    password_logins::table
        .filter(password_logins::password_hash.is_not_null())
        .filter(password_logins::password_hash.not_like("$argon2id$%"))
        .count()
        .get_result(conn)
}

pub fn keys(conn: &mut DbConn, tenant: Option<TenantId>) -> QueryResult<Vec<SigningKey>> {
    let mut keys = signing_keys::table
        .order((signing_keys::tenant_id, signing_keys::created_at.desc(), signing_keys::id))
        .select(columns::<SigningKey>())
        .into_boxed();
    if let Some(tenant) = tenant {
        keys = keys.filter(signing_keys::tenant_id.eq(tenant));
    }
    keys.load(conn)
}

pub fn insert_key(conn: &mut DbConn, key: &SigningKey) -> QueryResult<usize> {
    diesel::insert_into(signing_keys::table).values(key).execute(conn)
}

/// From active to retiring: it signs no more, and is believed until its last token has died.
pub fn retire_key(
    conn: &mut DbConn,
    key: &SigningKey,
    now: Timestamp,
    dies_at: Timestamp,
) -> QueryResult<usize> {
    use signing_keys as k;
    diesel::update(k::table.find(key.id).filter(k::state.eq(KeyState::Active)))
        .set((k::state.eq(KeyState::Retiring), k::retiring_at.eq(now), k::dies_at.eq(dies_at)))
        .execute(conn)
}

pub fn activate_key(conn: &mut DbConn, key: &SigningKey, now: Timestamp) -> QueryResult<usize> {
    use signing_keys as k;
    diesel::update(k::table.find(key.id).filter(k::state.eq(KeyState::Next)))
        .set((k::state.eq(KeyState::Active), k::activated_at.eq(now)))
        .execute(conn)
}

/// At once: whatever it signed is believed no more.
pub fn revoke_key(
    conn: &mut DbConn,
    tenant: TenantId,
    key: SigningKeyId,
    now: Timestamp,
) -> QueryResult<bool> {
    use signing_keys as k;
    diesel::update(k::table.find(key).filter(k::tenant_id.eq(tenant)).filter(k::revoked_at.is_null()))
        .set((k::state.eq(KeyState::Revoked), k::revoked_at.eq(now)))
        .execute(conn)
        .map(|rows| rows == 1)
}

pub fn canary(conn: &mut DbConn) -> QueryResult<Option<Vec<u8>>> {
    installation::table
        .select(installation::canary)
        .first::<Option<Vec<u8>>>(conn)
        .optional()
        .map(Option::flatten)
}

/// Only where there was none: of two first nodes, one sets it.
pub fn set_canary(conn: &mut DbConn, sealed: &[u8]) -> QueryResult<usize> {
    diesel::update(installation::table.filter(installation::canary.is_null()))
        .set(installation::canary.eq(sealed))
        .execute(conn)
}
