//! People with their logins and rights, as one tenant sees them.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::answers::{
    AnonymousLoginShown, DigidLoginShown, KeycloakLoginShown, PasswordLoginShown, TotpShown, UserSummary,
};
use crate::base::{RoleId, TenantId, Timestamp, UserId};
use crate::db::dialect::padded;
use crate::db::schema::{
    anonymous_logins, digid_logins, memberships, openid_logins, password_logins, permissions,
    role_permissions, roles, totp_settings, user_roles, users,
};
use crate::db::{DbConn, Json, columns};
use crate::identity::User;
use crate::permissions::answers::RoleShown;

/// What an admin searches by. Absent: whether or not.
#[derive(Debug, Clone, Default)]
pub struct Search {
    pub name: Option<String>,
    pub anonymous_login: Option<bool>,
    pub digid_login: Option<bool>,
    pub keycloak_login: Option<bool>,
    pub password_login: Option<bool>,
    pub include_temporary: bool,
    pub include_inactive: bool,
    pub after: Option<UserId>,
    pub limit: i64,
}

diesel::define_sql_function! {
    /// Both databases fold ASCII alone here, and so alike.
    fn lower(text: diesel::sql_types::Nullable<diesel::sql_types::Text>) -> diesel::sql_types::Nullable<diesel::sql_types::Text>;
}

/// By id: people are listed in the order in which they were made, and a page is found by its key.
pub fn list(conn: &mut DbConn, tenant: TenantId, search: &Search) -> QueryResult<Vec<User>> {
    let mut query = users::table
        .inner_join(memberships::table.on(memberships::user_id.eq(users::id)))
        .left_join(password_logins::table.on(password_logins::user_id.eq(users::id)))
        .left_join(anonymous_logins::table.on(anonymous_logins::user_id.eq(users::id)))
        .left_join(digid_logins::table.on(digid_logins::user_id.eq(users::id)))
        .filter(memberships::tenant_id.eq(tenant))
        .filter(users::deleted_at.is_null().or(users::deleted_at.is_not_null().eq(search.include_inactive)))
        .select(columns::<User>())
        .order(users::id)
        .limit(search.limit)
        .into_boxed();
    if !search.include_inactive {
        query = query.filter(users::disabled_at.is_null());
    }
    if !search.include_temporary {
        let may = anonymous_logins::is_allowed_to_login.nullable();
        query = query
            .filter(may.is_null().or(may.eq(true)).or(password_logins::user_id.nullable().is_not_null()));
    }
    if let Some(name) = &search.name {
        query = query.filter(lower(users::name).like(pattern(name)).escape('\\'));
    }
    if let Some(exists) = search.password_login {
        query = query.filter(password_logins::user_id.nullable().is_not_null().eq(exists));
    }
    if let Some(exists) = search.anonymous_login {
        query = query.filter(anonymous_logins::user_id.nullable().is_not_null().eq(exists));
    }
    if let Some(exists) = search.digid_login {
        query = query.filter(digid_logins::user_id.nullable().is_not_null().eq(exists));
    }
    if let Some(exists) = search.keycloak_login {
        let has = diesel::dsl::exists(openid_logins::table.filter(openid_logins::user_id.eq(users::id)));
        query = if exists { query.filter(has) } else { query.filter(diesel::dsl::not(has)) };
    }
    if let Some(after) = search.after {
        query = query.filter(users::id.gt(after));
    }
    query.load(conn)
}

/// What somebody types is looked for as it stands; `%` and `_` are characters like any other.
fn pattern(name: &str) -> String {
    let escaped = name.to_ascii_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// The summaries of people in this order: a handful of queries, however many people.
pub fn summaries(conn: &mut DbConn, tenant: TenantId, people: Vec<User>) -> QueryResult<Vec<UserSummary>> {
    let ids: Vec<UserId> = people.iter().map(|user| user.id).collect();
    let mut shown: BTreeMap<UserId, UserSummary> =
        people.into_iter().map(|user| (user.id, bare(user))).collect();
    logins(conn, &ids, &mut shown)?;
    rights(conn, tenant, &ids, &mut shown)?;
    Ok(ids.iter().filter_map(|id| shown.remove(id)).collect())
}

fn bare(user: User) -> UserSummary {
    let is_active = user.is_active();
    UserSummary {
        id: user.id,
        name: user.name,
        locale: user.locale,
        profile: user.profile.0,
        last_login: user.last_login_at,
        password_login: None,
        anonymous_login: None,
        digid_login: None,
        keycloak_login: None,
        totp_provider: None,
        roles: Vec::new(),
        permissions: Vec::new(),
        is_active,
        created_at: user.created_at,
        deleted_at: user.deleted_at.or(user.disabled_at),
    }
}

type Shown = BTreeMap<UserId, UserSummary>;

#[derive(Queryable)]
struct Logins {
    user: UserId,
    password: Option<(String, Timestamp, Option<Timestamp>, Option<Timestamp>)>,
    totp: Option<Timestamp>,
    anonymous: Option<(bool, Timestamp)>,
    digid: Option<Timestamp>,
    keycloak: Option<(Option<String>, Timestamp)>,
}

/// Whatever each of them logs in by.
fn logins(conn: &mut DbConn, ids: &[UserId], shown: &mut Shown) -> QueryResult<()> {
    use {anonymous_logins as a, digid_logins as d, openid_logins as o, password_logins as p};
    let all = users::table
        .left_join(p::table.on(p::user_id.eq(users::id)))
        .left_join(totp_settings::table.on(totp_settings::user_id.eq(users::id)))
        .left_join(a::table.on(a::user_id.eq(users::id)))
        .left_join(d::table.on(d::user_id.eq(users::id)))
        .left_join(o::table.on(o::user_id.eq(users::id)))
        .select((
            users::id,
            (p::email, p::created_at, p::verified_at, p::otp_enabled_at).nullable(),
            totp_settings::verified_at.nullable(),
            (a::is_allowed_to_login, a::created_at).nullable(),
            d::created_at.nullable(),
            (o::email, o::created_at).nullable(),
        ))
        .into_boxed();
    let theirs = match ids {
        [id] => all.filter(users::id.eq(*id)),
        _ => all.filter(users::id.eq_any(padded(ids))),
    };
    for row in theirs.load::<Logins>(conn)? {
        let Some(user) = shown.get_mut(&row.user) else { continue };
        user.password_login = row.password.map(|(email, created_at, verified_at, otp_enabled_at)| {
            PasswordLoginShown { email, created_at, verified_at, otp_enabled_at }
        });
        user.totp_provider =
            row.totp.filter(|_| user.password_login.is_some()).map(|enabled_at| TotpShown { enabled_at });
        user.anonymous_login = row
            .anonymous
            .map(|(is_allowed_to_login, created_at)| AnonymousLoginShown { is_allowed_to_login, created_at });
        user.digid_login = row.digid.map(|created_at| DigidLoginShown { created_at });
        user.keycloak_login =
            row.keycloak.map(|(email, created_at)| KeycloakLoginShown { email, created_at });
    }
    Ok(())
}

/// A role where somebody has it, by its name, and what it permits.
type Right = ((TenantId, UserId, RoleId), String, Option<String>);

fn rights(conn: &mut DbConn, tenant: TenantId, ids: &[UserId], shown: &mut Shown) -> QueryResult<()> {
    use user_roles as ur;
    let all = ur::table
        // Each has its role. An inner join might begin with the tenant's roles, and read everybody who has one of them.
        .left_join(roles::table.on(roles::id.eq(ur::role_id)))
        .left_join(role_permissions::table.on(role_permissions::role_id.eq(ur::role_id)))
        .left_join(permissions::table.on(permissions::id.eq(role_permissions::permission_id)))
        .select((
            (ur::tenant_id, ur::user_id, ur::role_id),
            roles::identifier.assume_not_null(),
            permissions::identifier.nullable(),
        ))
        .into_boxed();
    let theirs = match ids {
        [id] => all.filter(ur::tenant_id.eq(tenant)).filter(ur::user_id.eq(*id)),
        // Theirs in every tenant: asked for one, PostgreSQL might read everybody's there.
        _ => all.filter(ur::user_id.eq_any(padded(ids))),
    };
    for ((_, id, role), identifier, permission) in
        theirs.load::<Right>(conn)?.into_iter().filter(|((there, ..), ..)| *there == tenant)
    {
        let Some(user) = shown.get_mut(&id) else { continue };
        user.roles.push(RoleShown { identifier, id: role });
        user.permissions.extend(permission);
    }
    for user in shown.values_mut() {
        user.roles.sort();
        user.roles.dedup();
        user.permissions.sort();
        user.permissions.dedup();
    }
    Ok(())
}

/// What a person may edit of themselves; absent members stay as they are.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = users)]
pub struct Edit {
    pub name: Option<Option<String>>,
    pub locale: Option<Option<String>>,
    pub profile: Option<Json<serde_json::Value>>,
}

pub fn edit(conn: &mut DbConn, id: UserId, edit: &Edit, now: Timestamp) -> QueryResult<usize> {
    let living = users::table.find(id).filter(users::deleted_at.is_null());
    diesel::update(living).set((edit, users::updated_at.eq(now))).execute(conn)
}

pub fn set_disabled(conn: &mut DbConn, id: UserId, at: Option<Timestamp>) -> QueryResult<usize> {
    diesel::update(users::table.find(id)).set(users::disabled_at.eq(at)).execute(conn)
}

/// Where mail for a person goes: the address of their password login, once it was proven.
pub fn address(conn: &mut DbConn, id: UserId) -> QueryResult<Option<String>> {
    password_logins::table.find(id).select(password_logins::email).get_result(conn).optional()
}
