//! What operators do with people: look at them, give and take roles, shut them out and let them in.

use serde_json::json;
use tracing::instrument;

use super::super::entity::{self, Person};
use crate::base::{Email, Result, TenantId, UserId};
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::guesses::steps::{held_until, pardon};
use crate::identity::{Scope, User};
use crate::permissions::entity::Role;
use crate::permissions::steps::{RIGHTS, is_last};
use crate::permissions::{self, known};
use crate::sessions;

crate::refusals! {
    UNKNOWN_PERSON = 404 "management.person.unknown" "Nobody logs in with this address here. `doorward users list` names those who do.";
    UNKNOWN_ROLE = 404 "management.role.unknown" "This tenant has no such role.";
    LAST_ADMIN = 409 "management.role.lastAdmin" "This is the tenant's last admin. Grant the role to somebody else first.";
    NOT_HOME = 409 "management.person.notHome" "This is not the person's home. Only the home may disable an account; here, take their roles.";
}

/// A page of a tenant's people, those after `after`.
#[instrument(name = "management.list_people", skip_all)]
pub async fn list_people(scope: &Scope, after: Option<UserId>, limit: i64) -> Result<Vec<Person>> {
    let tenant = scope.tenant_id()?;
    let (vault, now) = (scope.house.vault.clone(), scope.now());
    scope
        .read(move |conn| {
            let mut page = entity::people(conn, tenant, after, limit)?;
            for person in &mut page {
                person.held_until = held_until(conn, &vault, (person.home, person.id), now)?;
            }
            Ok(page)
        })
        .await
}

/// Gives a role of this tenant. False when they had it.
///
/// Refuses with `management.person.unknown` and `management.role.unknown`.
#[instrument(name = "management.grant", skip_all)]
pub async fn grant(scope: &Scope, email: Email, role: String) -> Result<bool> {
    let tenant = scope.tenant_id()?;
    scope
        .write(move |tx| {
            let (person, role) = (person(tx, tenant, &email)?, role_of(tx, tenant, &role)?);
            permissions::steps::give(tx, &role, person.id)
        })
        .await
}

/// Takes a role of this tenant. False when they did not have it.
///
/// Refuses also with `management.role.lastAdmin`.
#[instrument(name = "management.revoke", skip_all)]
pub async fn revoke(scope: &Scope, email: Email, role: String) -> Result<bool> {
    let tenant = scope.tenant_id()?;
    scope
        .write(move |tx| {
            tx.lock(RIGHTS, tenant)?;
            let (person, role) = (person(tx, tenant, &email)?, role_of(tx, tenant, &role)?);
            if role.identifier == known::ADMIN && is_last(tx, &role, person.id)? {
                return Err(LAST_ADMIN.error());
            }
            permissions::steps::take(tx, &role, person.id)
        })
        .await
}

/// Shuts somebody out everywhere and ends their sessions. False when they were.
///
/// Refuses with `management.person.unknown` and `management.person.notHome`.
#[instrument(name = "management.disable", skip_all)]
pub async fn disable(scope: &Scope, email: Email) -> Result<bool> {
    let tenant = scope.tenant_id()?;
    scope
        .write(move |tx| {
            let person = at_home(tx, tenant, &email)?;
            if person.disabled_at.is_some() {
                return Ok(false);
            }
            entity::set_disabled(tx.conn, person.id, Some(tx.now), tx.now)?;
            sessions::steps::end_all(tx, person.id, None, None, "disabled")?;
            changed(tx, person.id, "user.disable", "doorward.user.post.disable")?;
            Ok(true)
        })
        .await
}

/// Lets them in again; they log in anew. False when they were not shut out.
#[instrument(name = "management.enable", skip_all)]
pub async fn enable(scope: &Scope, email: Email) -> Result<bool> {
    let tenant = scope.tenant_id()?;
    scope
        .write(move |tx| {
            let person = at_home(tx, tenant, &email)?;
            if person.disabled_at.is_none() {
                return Ok(false);
            }
            entity::set_disabled(tx.conn, person.id, None, tx.now)?;
            changed(tx, person.id, "user.enable", "doorward.user.post.enable")?;
            Ok(true)
        })
        .await
}

/// Ends what wrong guesses hold, as a reset by mail would. False when nothing was counted.
///
/// Refuses with `management.person.unknown`.
#[instrument(name = "management.unlock", skip_all)]
pub async fn unlock(scope: &Scope, email: Email) -> Result<bool> {
    let (tenant, vault) = (scope.tenant_id()?, scope.house.vault.clone());
    scope
        .write(move |tx| {
            let person = person(tx, tenant, &email)?;
            let counted = pardon(tx, &vault, person.tenant_id, person.id)?;
            if counted {
                tx.audit(Audit::success("user.unlock").of("user", person.id))?;
            }
            Ok(counted)
        })
        .await
}

/// Locked, so that what is decided of them stays so until the commit.
fn person(tx: &mut Tx, tenant: TenantId, email: &Email) -> Result<User> {
    let found = entity::person_called(tx.conn, tenant, email.as_str())?;
    let found = found.ok_or_else(|| UNKNOWN_PERSON.error())?;
    User::lock(tx.conn, found.id)?.ok_or_else(|| UNKNOWN_PERSON.error())
}

fn at_home(tx: &mut Tx, tenant: TenantId, email: &Email) -> Result<User> {
    let person = person(tx, tenant, email)?;
    if person.tenant_id == tenant { Ok(person) } else { Err(NOT_HOME.error()) }
}

pub fn role_of(tx: &mut Tx, tenant: TenantId, role: &str) -> Result<Role> {
    if let Some(role) = Role::named(tx.conn, tenant, role)? {
        return Ok(role);
    }
    let known = Role::identifiers(tx.conn, tenant)?.join(", ");
    Err(UNKNOWN_ROLE.saying(format!("This tenant has no such role. It has: {known}.")))
}

fn changed(tx: &mut Tx, user: UserId, action: &'static str, trigger: &'static str) -> Result<()> {
    tx.forget(Forget::User(user))?;
    tx.audit(Audit::success(action).of("user", user).with(json!({})))?;
    tx.throw(Happened::new(trigger, "user", user))
}
