//! What is done to an account inside a transaction: an admin switches it off or on.

use serde_json::json;

use super::entity;
use super::events::{LAST_ADMIN, NOT_AT_HOME, UNKNOWN_USER};
use crate::base::{Email, Result, TenantId, UserId};
use crate::components::mail::messages::AccountDisabled;
use crate::components::post::{self, Letter};
use crate::components::words::Locale;
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::identity::{House, Live, User};
use crate::permissions::entity::Role;
use crate::permissions::known;
use crate::permissions::steps::{holds_no_more, is_last};
use crate::{proofs, sessions};

/// The account that an admin may act on: a member here, at home here (W-44), who holds no more than the admin
/// (PRIV-2). Its row is locked until the end.
///
/// Refuses with `auth.getUser.invalidUser`, `auth.user.notAtHome` and `auth.user.holdsMore`.
pub fn target(tx: &mut Tx, admin: &Live, user: UserId) -> Result<User> {
    if User::member(tx.conn, admin.tenant, user)?.is_none() {
        return Err(UNKNOWN_USER.error());
    }
    let person = User::lock(tx.conn, user)?.filter(|person| person.deleted_at.is_none());
    let person = person.ok_or_else(|| UNKNOWN_USER.error())?;
    if person.tenant_id != admin.tenant {
        return Err(NOT_AT_HOME.error());
    }
    holds_no_more(tx, admin, user)?;
    Ok(person)
}

/// Switches an account off: its sessions end everywhere, at once.
///
/// Refuses with `auth.setUserActive.lastAdmin`; the caller holds the lock of the tenant's admins.
pub fn disable(tx: &mut Tx, house: &House, person: &User) -> Result<()> {
    if person.disabled_at.is_some() {
        return Ok(());
    }
    stays_governed(tx, person.tenant_id, person.id)?;
    entity::set_disabled(tx.conn, person.id, Some(tx.now))?;
    changed(tx, person.id, "user.disable", "doorward.user.post.disable")?;
    sessions::steps::end_all(tx, person.id, None, None, "disabled")?;
    proofs::steps::kill_all(tx, person.id)?;
    let address = entity::address(tx.conn, person.id)?.and_then(|address| Email::parse(&address).ok());
    if let Some(address) = address {
        let locale = Locale::negotiate(person.locale.as_deref(), None, None);
        let letter = Letter::new(address, locale, AccountDisabled { at: tx.now });
        post::post(tx, &house.vault, &letter.named(person.name.as_deref()))?;
    }
    Ok(())
}

pub fn enable(tx: &mut Tx, person: &User) -> Result<()> {
    if person.disabled_at.is_none() {
        return Ok(());
    }
    entity::set_disabled(tx.conn, person.id, None)?;
    changed(tx, person.id, "user.enable", "doorward.user.post.enable")
}

fn changed(tx: &mut Tx, user: UserId, action: &'static str, trigger: &'static str) -> Result<()> {
    User::raise_epoch(tx.conn, user, tx.now)?;
    tx.forget(Forget::User(user))?;
    tx.audit(Audit::success(action).of("user", user))?;
    tx.throw(Happened::new(trigger, "user", user).with(json!({})))
}

/// A tenant keeps somebody who can let others in.
pub fn stays_governed(tx: &mut Tx, tenant: TenantId, leaving: UserId) -> Result<()> {
    let Some(admin) = Role::named(tx.conn, tenant, known::ADMIN)? else { return Ok(()) };
    if is_last(tx, &admin, leaving)? { Err(LAST_ADMIN.error()) } else { Ok(()) }
}
