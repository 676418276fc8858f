//! Permissions, roles and who holds them, in the database.

use diesel::prelude::*;

use crate::base::{PermissionId, RoleId, TenantId, Timestamp, UserId};
use crate::db::schema::{permissions, role_permissions, roles, user_roles};
use crate::db::{BothDsl, DbConn, columns};

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

pub fn holders(conn: &mut DbConn, role: &Role) -> QueryResult<i64> {
    user_roles::table
        .filter(user_roles::role_id.eq(role.id))
        .filter(user_roles::tenant_id.eq(role.tenant_id))
        .count()
        .get_result(conn)
}
