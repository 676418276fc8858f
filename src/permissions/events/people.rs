//! Who holds what: for oneself, for the tenant's admins, and for whoever has to decide by it.

use std::collections::BTreeSet;

use serde_json::json;
use tracing::instrument;

use super::{
    HAS_ROLE, LAST_ADMIN, MAY_NOT_GRANT, ROLE_NOT_ASSIGNED, UNKNOWN_PERMISSION, UNKNOWN_ROLE, UNKNOWN_USER,
};
use crate::base::{Result, RoleId, TenantId, UserId};
use crate::db::DbConn;
use crate::db::tx::Tx;
use crate::identity::asking::Question;
use crate::identity::{Live, Scope, User};
use crate::permissions::answers::{Reason, Rights, RoleShown, Verdict};
use crate::permissions::entity::{self, Role};
use crate::permissions::known;
use crate::permissions::steps::{self, held_alone, holds_no_more, is_last, may_grant};

/// The caller's own roles and permissions.
#[instrument(name = "permissions.summary", skip_all)]
pub async fn summary(scope: &Scope) -> Result<Rights> {
    let live = scope.live()?.clone();
    scope.read(move |conn| rights(conn, live.tenant, live.user)).await
}

/// Somebody's roles and permissions in this tenant.
///
/// Refuses with `authPermission.requireUser.invalidUser`.
#[instrument(name = "permissions.user_summary", skip_all)]
pub async fn user_summary(scope: &Scope, user: UserId) -> Result<Rights> {
    let tenant = scope.tenant_id()?;
    let read = scope.read(move |conn| {
        member(conn, tenant, user)?;
        rights(conn, tenant, user)
    });
    read.await
}

fn rights(conn: &mut DbConn, tenant: TenantId, user: UserId) -> Result<Rights> {
    let roles = entity::of_user(conn, tenant, user)?;
    let ids: Vec<RoleId> = roles.iter().map(|role| role.id).collect();
    let permissions: BTreeSet<String> = entity::held_by(conn, &ids)?.into_iter().collect();
    let roles = roles.iter().map(Role::shown).collect();
    Ok(Rights { roles, permissions: permissions.into_iter().collect() })
}

fn member(conn: &mut DbConn, tenant: TenantId, user: UserId) -> Result<()> {
    let found = User::member(conn, tenant, user)?.filter(|person| person.deleted_at.is_none());
    found.map(drop).ok_or_else(|| UNKNOWN_USER.error())
}

/// Whether the caller may, and if they ask, by which role, who gave it, and when. What is remembered of a session answers
/// the first without the database.
///
/// Refuses with `authPermission.roleAddPermissions.unknownPermission` what this server does not know.
#[instrument(name = "permissions.check", skip_all)]
pub async fn check(scope: &Scope, permission: String, why: bool) -> Result<Verdict> {
    let live = scope.live()?.clone();
    let allowed = live.may(&permission);
    if !why && (allowed || is_listed(scope, &permission)) {
        return Ok(Verdict { permission, allowed, why: None });
    }
    let asked = permission.clone();
    let reasons = scope.read(move |conn| reasons(conn, (live.tenant, live.user), &asked)).await?;
    Ok(Verdict { permission, allowed, why: why.then_some(reasons) })
}

/// Whether somebody may, by which role, who gave it, and when.
///
/// Refuses like `user_summary` and `check`.
#[instrument(name = "permissions.check_user", skip_all)]
pub async fn check_user(scope: &Scope, user: UserId, permission: String) -> Result<Verdict> {
    let (tenant, asked) = (scope.tenant_id()?, permission.clone());
    let read = scope.read(move |conn| {
        member(conn, tenant, user)?;
        reasons(conn, (tenant, user), &asked)
    });
    let reasons = read.await?;
    Ok(Verdict { permission, allowed: !reasons.is_empty(), why: Some(reasons) })
}

fn is_listed(scope: &Scope, permission: &str) -> bool {
    known::OF_ADMIN.contains(&permission)
        || scope.house.config.permissions.known.iter().any(|known| known == permission)
}

fn reasons(conn: &mut DbConn, who: (TenantId, UserId), permission: &str) -> Result<Vec<Reason>> {
    let reasons = entity::reasons(conn, who, permission)?;
    if reasons.is_empty() && entity::named(conn, &[permission.to_owned()])?.is_empty() {
        return Err(UNKNOWN_PERMISSION.error());
    }
    let shown = reasons.into_iter().map(|(id, identifier, granted_by, granted_at)| Reason {
        role: RoleShown { identifier, id },
        granted_by,
        granted_at,
    });
    Ok(shown.collect())
}

/// Gives somebody a role.
///
/// Refuses with `authPermission.requireUser.invalidUser`, `authPermission.requireRole.unknownRole`,
/// `authPermission.mayNotGrant`, `auth.user.holdsMore`, `authPermission.userAssignRole.userHasRole`, `actions.denied` and
/// `actions.unanswered`.
#[instrument(name = "permissions.assign_role", skip_all)]
pub async fn assign_role(scope: &Scope, user: UserId, role: RoleId) -> Result<()> {
    let by = scope.live()?.clone();
    scope.ask(Question::of("doorward.role.pre.give", ("user", user), json!({ "role": role }))).await?;
    let write = scope.write(move |tx| {
        let role = grantable(tx, &by, (user, role))?;
        if steps::give(tx, &role, user)? { Ok(()) } else { Err(HAS_ROLE.error()) }
    });
    write.await
}

/// Takes a role from somebody.
///
/// Refuses like `assign_role`, with `authPermission.userRemoveRole.roleNotAssigned` and
/// `authPermission.userRemoveRole.lastAdmin`.
#[instrument(name = "permissions.remove_role", skip_all)]
pub async fn remove_role(scope: &Scope, user: UserId, role: RoleId) -> Result<()> {
    let by = scope.live()?.clone();
    let write = scope.write(move |tx| {
        let role = grantable(tx, &by, (user, role))?;
        if role.identifier == known::ADMIN && is_last(tx, &role, user)? {
            return Err(LAST_ADMIN.error());
        }
        if steps::take(tx, &role, user)? { Ok(()) } else { Err(ROLE_NOT_ASSIGNED.error()) }
    });
    write.await
}

/// A role that the caller may give to this person, or take from them (PRIV-1, PRIV-2).
fn grantable(tx: &mut Tx, by: &Live, (user, role): (UserId, RoleId)) -> Result<Role> {
    let held = held_alone(tx, by)?;
    member(tx.conn, by.tenant, user)?;
    let role = Role::find(tx.conn, by.tenant, role)?.ok_or_else(|| UNKNOWN_ROLE.error())?;
    if !may_grant(tx, &held, std::slice::from_ref(&role))? {
        return Err(MAY_NOT_GRANT.error());
    }
    holds_no_more(tx, by, user)?;
    Ok(role)
}
