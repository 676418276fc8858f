//! A tenant's roles, made and changed by whoever holds all that they hold.

use serde_json::json;
use tracing::instrument;

use crate::base::{Result, RoleId};
use crate::identity::Scope;
use crate::identity::asking::Question;
use crate::permissions::answers::{ListedRole, PermissionShown, RoleShown};
use crate::permissions::entity::{self, Role};
use crate::permissions::steps;

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
    let write = scope.write(move |tx| Ok(steps::make_role(tx, &by, &identifier)?.shown()));
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
    scope.write(move |tx| steps::unmake_role(tx, &by, role)).await
}

/// Puts permissions into a role; those that it holds already stay.
///
/// Refuses like `delete_role`, with `authPermission.mayNotGrant` what the caller does not hold, and with
/// `authPermission.roleAddPermissions.unknownPermission`.
#[instrument(name = "permissions.add_permissions", skip_all)]
pub async fn add_permissions(scope: &Scope, role: RoleId, permissions: Vec<String>) -> Result<()> {
    let by = scope.live()?.clone();
    patching(scope, role, json!({ "added": permissions })).await?;
    scope.write(move |tx| steps::fill_role(tx, &by, role, &permissions)).await
}

/// Takes permissions out of a role: all of them, or none.
///
/// Refuses like `delete_role`, and with `authPermission.roleRemovePermissions.permissionNotAssigned`.
#[instrument(name = "permissions.remove_permissions", skip_all)]
pub async fn remove_permissions(scope: &Scope, role: RoleId, permissions: Vec<String>) -> Result<()> {
    let by = scope.live()?.clone();
    patching(scope, role, json!({ "removed": permissions })).await?;
    scope.write(move |tx| steps::drain_role(tx, &by, role, &permissions)).await
}

async fn patching(scope: &Scope, role: RoleId, data: serde_json::Value) -> Result<()> {
    scope.ask(Question::of("doorward.role.pre.patch", ("role", role), data)).await
}
