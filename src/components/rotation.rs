//! Signing keys take turns: one is shown before it signs, and stays to be verified by until its last token is dead.

use std::time::Duration;

use diesel::prelude::*;

use super::keys::{KeyState, Keys, SigningKey};
use crate::base::{Result, TenantId, Timestamp};
use crate::db::DbConn;
use crate::db::schema::signing_keys;
use crate::db::tx::{Audit, Forget, Tx};

/// Clocks differ, and a signer is remembered for two seconds: what is signed last dies before its key.
const SLACK: Duration = Duration::from_secs(120);
/// A dead key is kept for those who ask what signed an old token.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long each part of a key's life lasts.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// Signing, before the next one takes over.
    pub active: Duration,
    /// Being shown before signing: twice the time for which a verifier keeps a JWKS.
    pub shown: Duration,
    /// The longest life of a token.
    pub token: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Nothing,
    /// The next key is shown.
    Shown,
    /// It signs now, and the one before it verifies only.
    Taken,
}

impl Turn {
    /// Keys that began to sign by then are due, or will be when the next one has been shown for long enough.
    pub fn ageing(&self, now: Timestamp) -> Timestamp {
        now + self.shown - self.active
    }
}

/// Keys that died before then are deleted.
pub fn forgotten(now: Timestamp) -> Timestamp {
    now - REMEMBERED
}

/// One step of one tenant, as far as it is due. `used` says whether the active key signed anything of late.
pub fn rotate(tx: &mut Tx, keys: &Keys, tenant: TenantId, turn: (Turn, bool)) -> Result<Step> {
    let (turn, used) = turn;
    tx.lock("keys", tenant)?;
    forget_dead(tx.conn, tenant, tx.now)?;
    let Some(active) = SigningKey::active(tx.conn, tenant)? else { return Ok(Step::Nothing) };
    let active_since = active.activated_at.unwrap_or(active.created_at);
    let due = active_since + turn.active;
    match SigningKey::in_state(tx.conn, tenant, KeyState::Next)? {
        None if used && active_since <= turn.ageing(tx.now) => {
            show(tx, keys, tenant)?;
            Ok(Step::Shown)
        }
        Some(next) if tx.now >= next.published_at + turn.shown && tx.now >= due => {
            retire(tx, &active, turn.token)?;
            activate(tx, &next)?;
            Ok(Step::Taken)
        }
        _ => Ok(Step::Nothing),
    }
}

fn show(tx: &mut Tx, keys: &Keys, tenant: TenantId) -> Result<()> {
    let next = keys.make(tenant, KeyState::Next, tx.now)?;
    if next.insert_unless_there(tx.conn)? == 1 {
        tx.audit(Audit::success("keys.show").of("signingKey", next.id))?;
        tx.forget(Forget::Keys(tenant))?;
    }
    Ok(())
}

/// It signs no more, so its private half is wiped.
fn retire(tx: &mut Tx, active: &SigningKey, token: Duration) -> Result<()> {
    use signing_keys as k;
    diesel::update(k::table.find(active.id))
        .set((
            k::state.eq(KeyState::Retiring),
            k::retiring_at.eq(tx.now),
            k::dies_at.eq(tx.now + token + SLACK),
            k::private_sealed.eq(Vec::new()),
        ))
        .execute(tx.conn)?;
    tx.audit(Audit::success("keys.retire").of("signingKey", active.id))
}

fn activate(tx: &mut Tx, next: &SigningKey) -> Result<()> {
    use signing_keys as k;
    diesel::update(k::table.find(next.id))
        .set((k::state.eq(KeyState::Active), k::activated_at.eq(tx.now)))
        .execute(tx.conn)?;
    tx.audit(Audit::success("keys.activate").of("signingKey", next.id))?;
    tx.forget(Forget::Keys(next.tenant_id))
}

fn forget_dead(conn: &mut DbConn, tenant: TenantId, now: Timestamp) -> QueryResult<usize> {
    use signing_keys as k;
    diesel::delete(k::table.filter(k::tenant_id.eq(tenant)))
        .filter(k::dies_at.is_not_null().and(k::dies_at.assume_not_null().lt(forgotten(now))))
        .execute(conn)
}
