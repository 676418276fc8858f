//! What is done with rights inside a transaction, by this room and by others.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::entity::{self, Role};
use super::events::{
    DUPLICATE_IDENTIFIER, HOLDS_MORE, MAY_NOT_GRANT, NOT_ASSIGNED, NOT_EDITABLE, TOO_MANY_ROLES,
    UNKNOWN_PERMISSION, UNKNOWN_ROLE,
};
use super::known;
use crate::base::{Error, PermissionId, Result, RoleId, TenantId, UserId};
use crate::db::ActorKind;
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::identity::{Live, Membership, Tenant};

/// Whoever changes rights of a tenant queues here: who decides by them must see what the one before did (PRIV-3).
pub const RIGHTS: &str = "admins";
/// PRIV-5: what is listed whole has an end.
const MOST: usize = 200;

/// The mandatory roles of a tenant: the admin holds every permission that this server knows.
pub fn mandatory_roles(tx: &mut Tx, tenant: TenantId) -> Result<Role> {
    let role = Role { is_mandatory: true, ..Role::new(tenant, known::ADMIN, tx.now) };
    role.insert(tx.conn)?;
    let role = Role::named(tx.conn, tenant, known::ADMIN)?.unwrap_or(role);
    for identifier in known::OF_ADMIN {
        entity::ensure(tx.conn, identifier, tx.now)?;
    }
    for (permission, _) in entity::all(tx.conn)? {
        entity::hold(tx.conn, &role, permission, tx.now)?;
    }
    Ok(role)
}

/// What a file changes of a role.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settled {
    pub added: Vec<String>,
    pub taken: Vec<String>,
}

/// Brings about a role that came by a file: from now on the tenant's admins give it and cannot edit it.
pub fn settle(tx: &mut Tx, tenant: TenantId, identifier: &str, change: &Settled) -> Result<()> {
    tx.lock(RIGHTS, tenant)?;
    let new = Role { is_mandatory: true, ..Role::new(tenant, identifier, tx.now) };
    new.insert(tx.conn)?;
    let role = Role::named(tx.conn, tenant, identifier)?.unwrap_or(new);
    role.fix(tx.conn, tx.now)?;
    for (permission, _) in entity::named(tx.conn, &change.added)? {
        entity::hold(tx.conn, &role, permission, tx.now)?;
    }
    for (permission, _) in entity::named(tx.conn, &change.taken)? {
        entity::release(tx.conn, &role, permission)?;
    }
    let told = json!({ "added": change.added, "removed": change.taken });
    tx.within(tenant, |tx| role_changed(tx, &role, ("role.settle", "doorward.role.post.patch"), told))
}

/// What the caller holds now, alone with it until the end: what the gate saw may have been taken meanwhile by whoever
/// was before us in the queue.
pub fn held_alone(tx: &mut Tx, by: &Live) -> Result<BTreeSet<String>> {
    tx.lock(RIGHTS, by.tenant)?;
    let held = held(tx, by.tenant, by.user)?;
    // The gate decides again, and says what is missing.
    if held.contains(known::PERMISSION_MANAGE) { Ok(held) } else { Err(Error::Stale) }
}

/// What somebody holds in a tenant, of all their roles there.
pub fn held(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<BTreeSet<String>> {
    let roles = entity::of_user(tx.conn, tenant, user)?;
    let ids: Vec<RoleId> = roles.iter().map(|role| role.id).collect();
    Ok(entity::held_by(tx.conn, &ids)?.into_iter().collect())
}

/// The one question of who may give what: nobody gives a permission that they do not hold themselves (PRIV-1).
pub fn may_grant(tx: &mut Tx, held: &BTreeSet<String>, roles: &[Role]) -> Result<bool> {
    let ids: Vec<RoleId> = roles.iter().map(|role| role.id).collect();
    let given = entity::held_by(tx.conn, &ids)?;
    Ok(given.iter().all(|permission| held.contains(permission)))
}

/// Nobody acts on somebody who holds more than they do (PRIV-2).
///
/// Refuses with `auth.user.holdsMore`.
pub fn holds_no_more(tx: &mut Tx, admin: &Live, user: UserId) -> Result<()> {
    let (ours, theirs) = (held(tx, admin.tenant, admin.user)?, held(tx, admin.tenant, user)?);
    if theirs.is_subset(&ours) { Ok(()) } else { Err(HOLDS_MORE.error()) }
}

/// Whether nobody could act on this role without them (PRIV-3); the caller holds [`RIGHTS`].
pub fn is_last(tx: &mut Tx, role: &Role, user: UserId) -> Result<bool> {
    Ok(entity::has(tx.conn, role, user)? && !entity::another_acts(tx.conn, role, user)?)
}

/// Gives a role; whoever decides whether that is allowed has done so.
pub fn give(tx: &mut Tx, role: &Role, user: UserId) -> Result<bool> {
    let by = tx.cause.actor.id.filter(|_| tx.cause.actor.kind == ActorKind::User).map(UserId::of);
    let given = entity::give(tx.conn, role, user, by, tx.now)?;
    if given {
        changed(tx, role, user, ("role.give", "doorward.role.post.give"))?;
    }
    Ok(given)
}

pub fn take(tx: &mut Tx, role: &Role, user: UserId) -> Result<bool> {
    let taken = entity::take(tx.conn, role, user)?;
    if taken {
        changed(tx, role, user, ("role.take", "doorward.role.post.take"))?;
    }
    Ok(taken)
}

/// A role of the tenant's own, which holds nothing yet.
pub fn make_role(tx: &mut Tx, by: &Live, identifier: &str) -> Result<Role> {
    held_alone(tx, by)?;
    let roles = Role::list(tx.conn, by.tenant)?;
    if roles.iter().any(|role| role.identifier == identifier) {
        return Err(DUPLICATE_IDENTIFIER.error());
    }
    if roles.len() >= MOST {
        return Err(TOO_MANY_ROLES.error());
    }
    let role = Role::new(by.tenant, identifier, tx.now);
    role.insert(tx.conn)?;
    tx.made(role.id);
    role_changed(tx, &role, ("permissions.create_role", "doorward.role.post.create"), json!({}))?;
    Ok(role)
}

/// Whoever had it loses what it held, at once.
pub fn unmake_role(tx: &mut Tx, by: &Live, role: RoleId) -> Result<()> {
    let (role, _) = editable(tx, by, role)?;
    let holders = entity::holders(tx.conn, &role)?;
    role.delete(tx.conn)?;
    let change = ("permissions.delete_role", "doorward.role.post.delete");
    role_changed(tx, &role, change, json!({ "holders": holders }))
}

/// Puts permissions into a role; those that it holds already stay.
pub fn fill_role(tx: &mut Tx, by: &Live, role: RoleId, permissions: &[String]) -> Result<()> {
    let (role, held) = editable(tx, by, role)?;
    let wanted = known_ones(tx, permissions)?;
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
}

/// Takes permissions out of a role: all of them, or none.
pub fn drain_role(tx: &mut Tx, by: &Live, role: RoleId, permissions: &[String]) -> Result<()> {
    let (role, _) = editable(tx, by, role)?;
    for (id, identifier) in known_ones(tx, permissions)? {
        if entity::release(tx.conn, &role, id)? == 0 {
            return Err(NOT_ASSIGNED.saying(format!("The role does not hold {identifier}.")));
        }
    }
    let change = ("permissions.remove_permissions", "doorward.role.post.patch");
    role_changed(tx, &role, change, json!({ "removed": permissions }))
}

/// A role that the caller may change: the tenant's own, and no more in it than they hold themselves (PRIV-1, PRIV-2). With
/// what they hold.
pub fn editable(tx: &mut Tx, by: &Live, role: RoleId) -> Result<(Role, BTreeSet<String>)> {
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

pub fn known_ones(tx: &mut Tx, permissions: &[String]) -> Result<Vec<(PermissionId, String)>> {
    let found = entity::named(tx.conn, permissions)?;
    // Of two alike one is found.
    if found.is_empty() || found.len() != permissions.len() {
        return Err(UNKNOWN_PERMISSION.error());
    }
    Ok(found)
}

/// As what it is written down, and what triggers feed on.
type Change = (&'static str, &'static str);

fn changed(tx: &mut Tx, role: &Role, user: UserId, (action, trigger): Change) -> Result<()> {
    Membership::raise_epoch(tx.conn, role.tenant_id, user)?;
    tx.forget(Forget::User(user))?;
    let data = json!({ "role": role.id, "identifier": role.identifier });
    tx.audit(Audit::success(action).of("user", user).with(data.clone()))?;
    tx.throw(Happened::new(trigger, "user", user).with(data))
}

/// What it holds counts for everybody who has it, at their next request (PRIV-4).
pub fn role_changed(tx: &mut Tx, role: &Role, (action, trigger): Change, more: Value) -> Result<()> {
    role.touch(tx.conn, tx.now)?;
    Tenant::raise_epoch(tx.conn, role.tenant_id, tx.now)?;
    tx.forget(Forget::Tenant(role.tenant_id))?;
    let mut data = json!({ "identifier": role.identifier });
    if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
        data.extend(more);
    }
    tx.audit(Audit::success(action).of("role", role.id).with(data.clone()))?;
    tx.throw(Happened::new(trigger, "role", role.id).with(data))
}
