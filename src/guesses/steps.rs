//! What other rooms do with guess counters: name them, and clear them in the transaction in which a guess proved right.

use super::entity::{self, Counter};
use crate::base::{HashedToken, Result, TenantId, Timestamp, UserId};
use crate::components::vault::Vault;
use crate::db::DbConn;
use crate::db::tx::{Forget, Tx};

const PURPOSE: &str = "guess";
/// What was typed, in the tenant it was typed in; whether anybody is called that plays no part.
pub fn of_identifier(vault: &Vault, tenant: TenantId, value: &str) -> Result<Counter> {
    counter(vault, tenant, "identifier", value.as_bytes())
}

/// The person, wherever they are guessed at: every tenant that takes the home's password spends from it.
pub fn of_user(vault: &Vault, home: TenantId, user: UserId) -> Result<Counter> {
    counter(vault, home, "user", user.as_bytes())
}

/// In the person's place where there is none, so that nobody can count rows.
pub fn decoy(vault: &Vault, tenant: TenantId, value: &str) -> Result<Counter> {
    counter(vault, tenant, "decoy", value.as_bytes())
}

/// Codes that were mailed to an address, whatever they are for and however many of them: asking for another one buys no
/// further guesses. Apart from the logins' counters, or whoever types wrong codes would keep the owner from logging in.
pub fn of_mailbox(
    vault: &Vault,
    tenant: TenantId,
    address: &str,
    user: Option<UserId>,
) -> Result<Vec<Counter>> {
    let person = match user {
        Some(user) => counter(vault, tenant, "mailed-user", user.as_bytes())?,
        None => counter(vault, tenant, "mailed-decoy", address.as_bytes())?,
    };
    Ok(vec![counter(vault, tenant, "mailed", address.as_bytes())?, person])
}

pub(super) fn of_device(vault: &Vault, tenant: TenantId, device: &[u8]) -> Result<Counter> {
    counter(vault, tenant, "device", device)
}

fn counter(vault: &Vault, tenant: TenantId, kind: &str, value: &[u8]) -> Result<Counter> {
    let data = [kind.as_bytes(), b"\0", value].concat();
    let key = HashedToken(vault.mac(PURPOSE, Some(tenant), &data)?.to_vec());
    Ok(Counter { tenant, key })
}

/// A full login: nothing of this is in a row any more.
pub fn clear(tx: &mut Tx, counters: &[Counter]) -> Result<()> {
    for counter in counters {
        entity::clear(tx.conn, counter)?;
    }
    Ok(())
}

/// The same by a way that stays open while the counters are closed: no node remembers a block of them.
pub fn reopen(tx: &mut Tx, tenant: TenantId, counters: &[Counter]) -> Result<()> {
    let mut counted = 0;
    for counter in counters {
        counted += entity::clear(tx.conn, counter)?;
    }
    if counted > 0 { tx.forget(Forget::Guesses(tenant)) } else { Ok(()) }
}

/// The password was right, and a factor is still due: this guess was none, but the others stay counted, or whoever
/// has the password could guess at the factor for ever.
pub fn forgive(tx: &mut Tx, counters: &[Counter]) -> Result<()> {
    for counter in counters {
        entity::give_back(tx.conn, counter, true)?;
    }
    Ok(())
}

/// The recovery step: a person who has proven themselves in another way starts anew, in every tenant. False when
/// nothing was counted.
pub fn pardon(tx: &mut Tx, vault: &Vault, home: TenantId, user: UserId) -> Result<bool> {
    let mut counted = 0;
    for counter in of_person(tx.conn, vault, home, user)? {
        counted += entity::clear(tx.conn, &counter)?;
    }
    tx.forget(Forget::User(user))?;
    Ok(counted > 0)
}

/// Whatever is counted of a person, wherever they are called something; a device's own apart.
pub fn of_person(conn: &mut DbConn, vault: &Vault, home: TenantId, user: UserId) -> Result<Vec<Counter>> {
    let mut counters = vec![of_user(vault, home, user)?];
    for (tenant, value) in entity::names_of(conn, user)? {
        counters.push(of_identifier(vault, tenant, &value)?);
        counters.extend(of_mailbox(vault, tenant, &value, Some(user))?);
    }
    Ok(counters)
}

/// Until when a person's logins are held, if they are. Counters of mailed codes hold no login.
pub fn held_until(
    conn: &mut DbConn,
    vault: &Vault,
    (home, user): (TenantId, UserId),
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let mut counters = vec![of_user(vault, home, user)?];
    for (tenant, value) in entity::names_of(conn, user)? {
        counters.push(of_identifier(vault, tenant, &value)?);
    }
    Ok(entity::held_until(conn, &counters, now)?)
}
