//! How much mail an address is sent at a stranger's asking. Who asks never learns that it was enough.

use std::time::Duration;

use super::entity::Counted;
use crate::base::{Email, Error, HashedToken, Result, TenantId};
use crate::components::vault::Vault;
use crate::db::tx::Tx;
use crate::identity::House;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Takes one mail from the budgets of the address and of the tenant; false when either is spent. Notices to an owner
/// (a changed password, an undo) are not asked for by strangers and do not come here.
pub fn spend(tx: &mut Tx, house: &House, address: &Email) -> Result<bool> {
    let tenant = tx.tenant().ok_or_else(|| Error::internal("a mail outside any tenant"))?;
    let limits = &house.config.limits;
    let key = key(&house.vault, tenant, "mails.address", address.as_str().as_bytes())?;
    let most = limits.mails_per_address_per_hour.get();
    if !counted(tenant, key, most, HOUR).spend(tx.conn, tx.now)? {
        return Ok(false);
    }
    let key = self::key(&house.vault, tenant, "mails.tenant", &[])?;
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
