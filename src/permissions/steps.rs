//! What other rooms do with roles inside their own transactions.

use std::collections::BTreeSet;

use serde_json::json;

use super::entity::{self, Role};
use super::known;
use crate::base::{Result, RoleId, TenantId, UserId};
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::identity::Membership;

/// The mandatory roles of a tenant, with at least the permissions that this program asks for.
pub fn mandatory_roles(tx: &mut Tx, tenant: TenantId) -> Result<Role> {
    let role = Role {
        id: RoleId::new(),
        tenant_id: tenant,
        identifier: known::ADMIN.into(),
        is_mandatory: true,
        created_at: tx.now,
        updated_at: tx.now,
    };
    role.insert(tx.conn)?;
    let role = Role::named(tx.conn, tenant, known::ADMIN)?.unwrap_or(role);
    for identifier in known::OF_ADMIN {
        let permission = entity::ensure(tx.conn, identifier, tx.now)?;
        entity::hold(tx.conn, &role, permission, tx.now)?;
    }
    Ok(role)
}

/// The one question of who may give what: nobody gives a permission that they do not hold themselves.
pub fn may_grant(tx: &mut Tx, held: &BTreeSet<String>, roles: &[Role]) -> Result<bool> {
    let ids: Vec<RoleId> = roles.iter().map(|role| role.id).collect();
    let given = entity::held_by(tx.conn, &ids)?;
    Ok(given.iter().all(|permission| held.contains(permission)))
}

/// Gives a role; whoever decides whether that is allowed has done so.
pub fn give(tx: &mut Tx, role: &Role, user: UserId) -> Result<bool> {
    let by = tx.cause.actor.id.filter(|_| tx.cause.actor.kind == crate::db::ActorKind::User).map(UserId::of);
    let given = entity::give(tx.conn, role, user, by, tx.now)?;
    if given {
        changed(tx, role, user, "role.give", "doorward.role.post.give")?;
    }
    Ok(given)
}

pub fn take(tx: &mut Tx, role: &Role, user: UserId) -> Result<bool> {
    let taken = entity::take(tx.conn, role, user)?;
    if taken {
        changed(tx, role, user, "role.take", "doorward.role.post.take")?;
    }
    Ok(taken)
}

fn changed(
    tx: &mut Tx,
    role: &Role,
    user: UserId,
    action: &'static str,
    trigger: &'static str,
) -> Result<()> {
    Membership::raise_epoch(tx.conn, role.tenant_id, user)?;
    tx.forget(Forget::User(user))?;
    let data = json!({ "role": role.id, "identifier": role.identifier });
    tx.audit(Audit::success(action).of("user", user).with(data.clone()))?;
    tx.throw(Happened::new(trigger, "user", user).with(data))
}
