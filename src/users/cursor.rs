//! Where a page of people ended: signed, so that no other tenant's place and no invented one is ever a place here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::{Result, TenantId, UserId};
use crate::components::vault::Vault;

const PURPOSE: &str = "users.list.after";

pub fn write(vault: &Vault, tenant: TenantId, last: UserId) -> Result<String> {
    let tag = vault.mac(PURPOSE, Some(tenant), last.as_bytes())?;
    Ok(URL_SAFE_NO_PAD.encode([last.as_bytes().as_slice(), &tag].concat()))
}

pub fn read(vault: &Vault, tenant: TenantId, text: &str) -> Option<UserId> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (id, tag) = bytes.split_first_chunk::<16>()?;
    let ours = vault.mac_matches(PURPOSE, Some(tenant), id, tag).ok()?;
    ours.then(|| UserId::of(uuid::Uuid::from_bytes(*id)))
}
