//! Permissions, roles and who holds them, in the database.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::answers::{ListedRole, RoleShown};
use crate::base::{PermissionId, RoleId, TenantId, Timestamp, UserId};
use crate::db::schema::{permissions, role_permissions, roles, user_roles, users};
use crate::db::{BothDsl, DbConn, columns, sql};

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = roles, treat_none_as_default_value = false)]
pub struct Role {
    pub id: RoleId,
    pub tenant_id: TenantId,
    pub identifier: String,
    pub is_mandatory: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Role {
    /// One that the tenant made for itself.
    pub fn new(tenant: TenantId, identifier: &str, now: Timestamp) -> Self {
        let (id, identifier) = (RoleId::new(), identifier.to_owned());
        Self { id, tenant_id: tenant, identifier, is_mandatory: false, created_at: now, updated_at: now }
    }

    pub fn shown(&self) -> RoleShown {
        RoleShown { identifier: self.identifier.clone(), id: self.id }
    }

    pub fn list(conn: &mut DbConn, tenant: TenantId) -> QueryResult<Vec<Self>> {
        let theirs = roles::table.filter(roles::tenant_id.eq(tenant)).order(roles::identifier);
        theirs.select(columns::<Self>()).load(conn)
    }

    pub fn named(conn: &mut DbConn, tenant: TenantId, identifier: &str) -> QueryResult<Option<Self>> {
        roles::table
            .filter(roles::tenant_id.eq(tenant))
            .filter(roles::identifier.eq(identifier))
            .select(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    /// Those a tenant has, for whoever named none of them.
    pub fn identifiers(conn: &mut DbConn, tenant: TenantId) -> QueryResult<Vec<String>> {
        roles::table
            .filter(roles::tenant_id.eq(tenant))
            .order(roles::identifier)
            .limit(20)
            .select(roles::identifier)
            .load(conn)
    }

    pub fn find(conn: &mut DbConn, tenant: TenantId, id: RoleId) -> QueryResult<Option<Self>> {
        roles::table
            .find(id)
            .filter(roles::tenant_id.eq(tenant))
            .select(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<usize> {
        diesel::insert_into(roles::table).values(self).on_conflict_do_nothing().both().execute(conn)
    }

    /// From everybody who has it, too.
    pub fn delete(&self, conn: &mut DbConn) -> QueryResult<usize> {
        diesel::delete(roles::table.find(self.id).filter(roles::tenant_id.eq(self.tenant_id))).execute(conn)
    }

    /// Not the tenant's to edit any more.
    pub fn fix(&self, conn: &mut DbConn, now: Timestamp) -> QueryResult<usize> {
        let this = roles::table.find(self.id).filter(roles::tenant_id.eq(self.tenant_id));
        diesel::update(this).set((roles::is_mandatory.eq(true), roles::updated_at.eq(now))).execute(conn)
    }

    pub fn touch(&self, conn: &mut DbConn, now: Timestamp) -> QueryResult<usize> {
        let this = roles::table.find(self.id).filter(roles::tenant_id.eq(self.tenant_id));
        diesel::update(this).set(roles::updated_at.eq(now)).execute(conn)
    }
}

/// Every permission there is, by identifier.
pub fn all(conn: &mut DbConn) -> QueryResult<Vec<(PermissionId, String)>> {
    use permissions as p;
    p::table.order(p::identifier).select((p::id, p::identifier)).load(conn)
}

/// What the tenant's roles of these ids are called.
pub fn identifiers(
    conn: &mut DbConn,
    tenant: TenantId,
    ids: &[RoleId],
) -> QueryResult<BTreeMap<RoleId, String>> {
    let found = roles::table.filter(roles::tenant_id.eq(tenant).and(roles::id.eq_any(ids.to_vec())));
    Ok(found.select((roles::id, roles::identifier)).load::<(RoleId, String)>(conn)?.into_iter().collect())
}

/// Those of them that are known.
pub fn named(conn: &mut DbConn, identifiers: &[String]) -> QueryResult<Vec<(PermissionId, String)>> {
    use permissions as p;
    p::table.filter(p::identifier.eq_any(identifiers.to_vec())).select((p::id, p::identifier)).load(conn)
}

/// The id of a permission, which is made known if it is not yet.
pub fn ensure(conn: &mut DbConn, identifier: &str, now: Timestamp) -> QueryResult<PermissionId> {
    use permissions as p;
    let new = (p::id.eq(PermissionId::new()), p::identifier.eq(identifier), p::created_at.eq(now));
    diesel::insert_into(p::table).values(new).on_conflict_do_nothing().both().execute(conn)?;
    p::table.filter(p::identifier.eq(identifier)).select(p::id).get_result(conn)
}

pub fn hold(conn: &mut DbConn, role: &Role, permission: PermissionId, now: Timestamp) -> QueryResult<usize> {
    use role_permissions as rp;
    let row = (
        rp::role_id.eq(role.id),
        rp::permission_id.eq(permission),
        rp::tenant_id.eq(role.tenant_id),
        rp::created_at.eq(now),
    );
    diesel::insert_into(rp::table).values(row).on_conflict_do_nothing().both().execute(conn)
}

/// True when the role held it.
pub fn release(conn: &mut DbConn, role: &Role, permission: PermissionId) -> QueryResult<usize> {
    use role_permissions as rp;
    diesel::delete(rp::table.find((role.id, permission)).filter(rp::tenant_id.eq(role.tenant_id)))
        .execute(conn)
}

/// The role that governs each tenant holds all that this server knows: what is known since its tenant was made, too.
pub fn hold_by_admins(conn: &mut DbConn, admin: &str, now: Timestamp) -> QueryResult<usize> {
    let missing = "INSERT INTO role_permissions (role_id, permission_id, tenant_id, created_at) \
        SELECT r.id, p.id, r.tenant_id, ";
    let of_admins = " FROM roles r CROSS JOIN permissions p WHERE r.is_mandatory AND r.identifier = ";
    let but = " AND NOT EXISTS (SELECT 1 FROM role_permissions h WHERE h.role_id = r.id AND h.permission_id = p.id) \
        ON CONFLICT DO NOTHING";
    match conn {
        DbConn::Pg(pg) => diesel::sql_query(format!("{missing}$1{of_admins}$2{but}"))
            .bind::<sql::Instant, _>(now)
            .bind::<Text, _>(admin)
            .execute(pg),
        DbConn::Sqlite(sqlite) => diesel::sql_query(format!("{missing}?{of_admins}?{but}"))
            .bind::<sql::Instant, _>(now)
            .bind::<Text, _>(admin)
            .execute(sqlite),
    }
}

/// Roles of a tenant with what they hold.
pub fn listed(conn: &mut DbConn, tenant: TenantId, roles: Vec<Role>) -> QueryResult<Vec<ListedRole>> {
    let mut held = of_roles(conn, tenant)?;
    let listed = roles.into_iter().map(|role| ListedRole {
        id: role.id,
        is_editable: !role.is_mandatory,
        permissions: held.remove(&role.id).unwrap_or_default(),
        identifier: role.identifier,
        created_at: role.created_at,
        updated_at: role.updated_at,
    });
    Ok(listed.collect())
}

/// What each role of a tenant holds, by identifier.
pub fn of_roles(conn: &mut DbConn, tenant: TenantId) -> QueryResult<BTreeMap<RoleId, Vec<String>>> {
    use role_permissions as rp;
    let held: Vec<(RoleId, String)> = rp::table
        .inner_join(permissions::table.on(permissions::id.eq(rp::permission_id)))
        .filter(rp::tenant_id.eq(tenant))
        .order(permissions::identifier)
        .select((rp::role_id, permissions::identifier))
        .load(conn)?;
    let mut of_each: BTreeMap<RoleId, Vec<String>> = BTreeMap::new();
    for (role, identifier) in held {
        of_each.entry(role).or_default().push(identifier);
    }
    Ok(of_each)
}

/// The identifiers of what these roles hold together.
pub fn held_by(conn: &mut DbConn, roles: &[RoleId]) -> QueryResult<Vec<String>> {
    permissions::table
        .inner_join(role_permissions::table.on(role_permissions::permission_id.eq(permissions::id)))
        .filter(role_permissions::role_id.eq_any(roles.to_vec()))
        .select(permissions::identifier)
        .load(conn)
}

/// True when they did not have it before.
pub fn give(
    conn: &mut DbConn,
    role: &Role,
    user: UserId,
    by: Option<UserId>,
    now: Timestamp,
) -> QueryResult<bool> {
    use user_roles as ur;
    let row = (
        ur::user_id.eq(user),
        ur::role_id.eq(role.id),
        ur::tenant_id.eq(role.tenant_id),
        ur::granted_by.eq(by),
        ur::created_at.eq(now),
    );
    diesel::insert_into(ur::table)
        .values(row)
        .on_conflict_do_nothing()
        .both()
        .execute(conn)
        .map(|rows| rows == 1)
}

pub fn take(conn: &mut DbConn, role: &Role, user: UserId) -> QueryResult<bool> {
    let held = user_roles::table.find((user, role.id)).filter(user_roles::tenant_id.eq(role.tenant_id));
    diesel::delete(held).execute(conn).map(|rows| rows == 1)
}

/// Roles and permissions of a person in a tenant; what they hold elsewhere counts nothing here.
pub fn of_user(conn: &mut DbConn, tenant: TenantId, user: UserId) -> QueryResult<Vec<Role>> {
    roles::table
        .inner_join(user_roles::table.on(user_roles::role_id.eq(roles::id)))
        .filter(user_roles::user_id.eq(user))
        .filter(user_roles::tenant_id.eq(tenant))
        .order(roles::identifier)
        .select(columns::<Role>())
        .load(conn)
}

/// The roles by which somebody may, who gave each, and when.
pub type Reason = (RoleId, String, Option<UserId>, Timestamp);

pub fn reasons(
    conn: &mut DbConn,
    (tenant, user): (TenantId, UserId),
    permission: &str,
) -> QueryResult<Vec<Reason>> {
    use user_roles as ur;
    ur::table
        .inner_join(roles::table.on(roles::id.eq(ur::role_id)))
        .inner_join(role_permissions::table.on(role_permissions::role_id.eq(ur::role_id)))
        .inner_join(permissions::table.on(permissions::id.eq(role_permissions::permission_id)))
        .filter(ur::tenant_id.eq(tenant).and(ur::user_id.eq(user)))
        .filter(permissions::identifier.eq(permission))
        .order(roles::identifier)
        .select((roles::id, roles::identifier, ur::granted_by, ur::created_at))
        .load(conn)
}

/// Whether they have the role.
pub fn has(conn: &mut DbConn, role: &Role, user: UserId) -> QueryResult<bool> {
    let held = user_roles::table.find((user, role.id)).filter(user_roles::tenant_id.eq(role.tenant_id));
    let found: Option<RoleId> = held.select(user_roles::role_id).first(conn).optional()?;
    Ok(found.is_some())
}

/// Whether somebody else has it who could act on it.
pub fn another_acts(conn: &mut DbConn, role: &Role, but: UserId) -> QueryResult<bool> {
    let others = user_roles::table
        .inner_join(users::table.on(users::id.eq(user_roles::user_id)))
        .filter(user_roles::role_id.eq(role.id))
        .filter(user_roles::tenant_id.eq(role.tenant_id))
        .filter(users::id.ne(but))
        .filter(users::disabled_at.is_null().and(users::deleted_at.is_null()));
    let found: Option<UserId> = others.select(users::id).first(conn).optional()?;
    Ok(found.is_some())
}

/// Those who had it first.
pub fn first_holders(conn: &mut DbConn, role: &Role, at_most: i64) -> QueryResult<Vec<UserId>> {
    user_roles::table
        .filter(user_roles::role_id.eq(role.id))
        .filter(user_roles::tenant_id.eq(role.tenant_id))
        .order((user_roles::created_at, user_roles::user_id))
        .limit(at_most)
        .select(user_roles::user_id)
        .load(conn)
}

pub fn holders(conn: &mut DbConn, role: &Role) -> QueryResult<i64> {
    user_roles::table
        .filter(user_roles::role_id.eq(role.id))
        .filter(user_roles::tenant_id.eq(role.tenant_id))
        .count()
        .get_result(conn)
}
