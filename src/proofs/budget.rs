//! How much mail an address is sent at a stranger's asking. Who asks never learns that it was enough.

use std::time::Duration;

use super::entity::Counted;
use crate::base::{Email, Error, HashedToken, Result, TenantId};
use crate::components::limiter::Site;
use crate::components::vault::Vault;
use crate::db::tx::Tx;
use crate::identity::House;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Shares of single sites that all callers together may cause: one stranger leaves the others theirs.
const TOGETHER: u32 = 4;

/// Each kind of mail has budgets of its own: noise of one kind never eats another, least of all the way back in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Verify,
    AlreadyKnown,
    Reset,
    Held,
    NewAddress,
    Invitation,
    /// The reset that follows an undo.
    Undone,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::AlreadyKnown => "alreadyKnown",
            Self::Reset => "reset",
            Self::Held => "held",
            Self::NewAddress => "newAddress",
            Self::Invitation => "invitation",
            Self::Undone => "undone",
        }
    }
}

/// What is asked for, and from where; nowhere when it was no stranger's request that asked.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    pub kind: Kind,
    pub site: Option<Site>,
}

impl Asking {
    pub fn by_nobody(kind: Kind) -> Self {
        Self { kind, site: None }
    }
}

/// Takes one mail from the budgets of the asker's site, of the address and of the tenant; false when one is spent.
/// Notices to an owner (a changed password, an undo) are not asked for by strangers and do not come here.
pub fn spend(tx: &mut Tx, house: &House, address: &Email, asking: Asking) -> Result<bool> {
    let tenant = tx.tenant().ok_or_else(|| Error::internal("a mail outside any tenant"))?;
    let limits = &house.config.limits;
    let (vault, own) = (&house.vault, limits.mails_per_address_per_hour.get());
    let of = |site: &[u8]| {
        [asking.kind.word().as_bytes(), b"\0", site, b"\0", address.as_str().as_bytes()].concat()
    };
    let site = asking.site.map(|site| site.0.to_vec()).unwrap_or_default();
    let key = key(vault, tenant, "mails.site", &of(&site))?;
    if !counted(tenant, key, own, HOUR).spend(tx.conn, tx.now)? {
        return Ok(false);
    }
    let key = self::key(vault, tenant, "mails.address", &of(b""))?;
    if !counted(tenant, key, own.saturating_mul(TOGETHER), HOUR).spend(tx.conn, tx.now)? {
        return Ok(false);
    }
    let key = self::key(vault, tenant, "mails.tenant", &[])?;
    let most = limits.mails_per_tenant_per_day.get();
    let within = counted(tenant, key, most, DAY).spend_in_fixed_window(tx.conn, tx.now)?;
    if !within {
        tracing::warn!(%tenant, "a tenant's mails of a day are spent");
    }
    Ok(within)
}

fn counted(tenant: TenantId, key: HashedToken, most: u32, window: Duration) -> Counted {
    Counted { tenant, key, most: i32::try_from(most).unwrap_or(i32::MAX), window }
}

fn key(vault: &Vault, tenant: TenantId, what: &'static str, of: &[u8]) -> Result<HashedToken> {
    Ok(HashedToken(vault.mac(what, Some(tenant), of)?.to_vec()))
}
