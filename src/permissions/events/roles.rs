//! A tenant's roles, made and changed by whoever holds all that they hold.

use serde_json::json;
use tracing::instrument;

use super::{
    DUPLICATE_IDENTIFIER, MAY_NOT_GRANT, NOT_ASSIGNED, NOT_EDITABLE, TOO_MANY_ROLES, UNKNOWN_PERMISSION,
    UNKNOWN_ROLE,
};
use crate::base::{PermissionId, Result, RoleId};
use crate::db::tx::Tx;
use crate::identity::asking::Question;
use crate::identity::{Live, Scope};
use crate::permissions::answers::{ListedRole, PermissionShown, RoleShown};
use crate::permissions::entity::{self, Role};
use crate::permissions::steps::{held_alone, may_grant, role_changed};

/// PRIV-5: what is listed whole has an end.
const MOST: usize = 200;

/// Every permission that this server knows, by identifier.
#[instrument(name = "permissions.list_permissions", skip_all)]
pub async fn list_permissions(scope: &Scope) -> Result<Vec<PermissionShown>> {
    let all = scope.read(|conn| Ok(entity::all(conn)?)).await?;
    Ok(all.into_iter().map(|(id, identifier)| PermissionShown { id, identifier }).collect())
}

/// The tenant's roles with what they hold, by identifier.
#[instrument(name = "permissions.list_roles", skip_all)]
pub async fn list_roles(scope: &Scope) -> Result<Vec<ListedRole>> {
    let tenant = scope.tenant_id()?;
    let read = scope.read(move |conn| {
        let roles = Role::list(conn, tenant)?;
        Ok(entity::listed(conn, tenant, roles)?)
    });
    read.await
}

/// A role of the tenant's own, which holds nothing yet.
///
/// Refuses with `authPermission.createRole.duplicateIdentifier`, `authPermission.createRole.tooMany`, `actions.denied` and
/// `actions.unanswered`.
#[instrument(name = "permissions.create_role", skip_all)]
pub async fn create_role(scope: &Scope, identifier: String) -> Result<RoleShown> {
    let by = scope.live()?.clone();
    let made = json!({ "identifier": identifier });
    scope.ask(Question::of_new("doorward.role.pre.create", "role", made)).await?;
    let write = scope.write(move |tx| {
        held_alone(tx, &by)?;
        let roles = Role::list(tx.conn, by.tenant)?;
        if roles.iter().any(|role| role.identifier == identifier) {
            return Err(DUPLICATE_IDENTIFIER.error());
        }
        if roles.len() >= MOST {
            return Err(TOO_MANY_ROLES.error());
        }
        let role = Role::new(by.tenant, &identifier, tx.now);
        role.insert(tx.conn)?;
        tx.made(role.id);
        role_changed(tx, &role, ("permissions.create_role", "doorward.role.post.create"), json!({}))?;
        Ok(role.shown())
    });
    write.await
}

/// Whoever had it loses what it held, at once.
///
/// Refuses with `authPermission.requireRole.unknownRole`, `.notEditable`, `authPermission.mayNotGrant`, `actions.denied` and
/// `actions.unanswered`.
#[instrument(name = "permissions.delete_role", skip_all)]
pub async fn delete_role(scope: &Scope, role: RoleId) -> Result<()> {
    let by = scope.live()?.clone();
    scope.ask(Question::of("doorward.role.pre.delete", ("role", role), json!({}))).await?;
    let write = scope.write(move |tx| {
        let (role, _) = editable(tx, &by, role)?;
        let holders = entity::holders(tx.conn, &role)?;
        role.delete(tx.conn)?;
        let change = ("permissions.delete_role", "doorward.role.post.delete");
        role_changed(tx, &role, change, json!({ "holders": holders }))
    });
    write.await
}

/// Puts permissions into a role; those that it holds already stay.
///
/// Refuses like `delete_role`, with `authPermission.mayNotGrant` what the caller does not hold, and with
/// `authPermission.roleAddPermissions.unknownPermission`.
#[instrument(name = "permissions.add_permissions", skip_all)]
pub async fn add_permissions(scope: &Scope, role: RoleId, permissions: Vec<String>) -> Result<()> {
    let by = scope.live()?.clone();
    patching(scope, role, json!({ "added": permissions })).await?;
    let write = scope.write(move |tx| {
        let (role, held) = editable(tx, &by, role)?;
        let wanted = known(tx, &permissions)?;
        if !permissions.iter().all(|permission| held.contains(permission)) {
            return Err(MAY_NOT_GRANT.error());
        }
        let mut added = Vec::new();
        for (id, identifier) in wanted {
            if entity::hold(tx.conn, &role, id, tx.now)? == 1 {
                added.push(identifier);
            }
        }
        if added.is_empty() {
            return Ok(());
        }
        let change = ("permissions.add_permissions", "doorward.role.post.patch");
        role_changed(tx, &role, change, json!({ "added": added }))
    });
    write.await
}

/// Takes permissions out of a role: all of them, or none.
///
/// Refuses like `delete_role`, and with `authPermission.roleRemovePermissions.permissionNotAssigned`.
#[instrument(name = "permissions.remove_permissions", skip_all)]
pub async fn remove_permissions(scope: &Scope, role: RoleId, permissions: Vec<String>) -> Result<()> {
    let by = scope.live()?.clone();
    patching(scope, role, json!({ "removed": permissions })).await?;
    let write = scope.write(move |tx| {
        let (role, _) = editable(tx, &by, role)?;
        for (id, identifier) in known(tx, &permissions)? {
            if entity::release(tx.conn, &role, id)? == 0 {
                return Err(NOT_ASSIGNED.saying(format!("The role does not hold {identifier}.")));
            }
        }
        let change = ("permissions.remove_permissions", "doorward.role.post.patch");
        role_changed(tx, &role, change, json!({ "removed": permissions }))
    });
    write.await
}

async fn patching(scope: &Scope, role: RoleId, data: serde_json::Value) -> Result<()> {
    scope.ask(Question::of("doorward.role.pre.patch", ("role", role), data)).await
}

/// A role that the caller may change: the tenant's own, and no more in it than they hold themselves (PRIV-1, PRIV-2). With
/// what they hold.
fn editable(tx: &mut Tx, by: &Live, role: RoleId) -> Result<(Role, std::collections::BTreeSet<String>)> {
    let held = held_alone(tx, by)?;
    let role = Role::find(tx.conn, by.tenant, role)?.ok_or_else(|| UNKNOWN_ROLE.error())?;
    if role.is_mandatory {
        return Err(NOT_EDITABLE.error());
    }
    if !may_grant(tx, &held, std::slice::from_ref(&role))? {
        return Err(MAY_NOT_GRANT.error());
    }
    Ok((role, held))
}

fn known(tx: &mut Tx, permissions: &[String]) -> Result<Vec<(PermissionId, String)>> {
    let found = entity::named(tx.conn, permissions)?;
    // Of two alike one is found.
    if found.is_empty() || found.len() != permissions.len() {
        return Err(UNKNOWN_PERMISSION.error());
    }
    Ok(found)
}
