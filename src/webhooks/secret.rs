//! A webhook's secret, and what is signed with it (Standard Webhooks 1.0, symmetric signatures).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::entity::Webhook;
use crate::base::{Result, TenantId, Timestamp, WebhookId};
use crate::components::Random;
use crate::components::vault::{Place, Vault};

pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub fn new(random: Random) -> Self {
        Self(Zeroizing::new(random.bytes32().to_vec()))
    }

    pub fn seal(&self, vault: &Vault, (tenant, webhook): (TenantId, WebhookId)) -> Result<Vec<u8>> {
        vault.seal(&place(tenant, webhook), &self.0)
    }

    fn open(vault: &Vault, webhook: &Webhook, sealed: &[u8]) -> Result<Self> {
        Ok(Self(vault.open(&place(webhook.tenant_id, webhook.id), sealed)?))
    }

    /// As the field's libraries take it.
    pub fn shown(&self) -> String {
        format!("whsec_{}", STANDARD.encode(&*self.0))
    }

    fn sign(&self, signed: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        format!("v1,{}", STANDARD.encode(hmac::sign(&key, signed)))
    }
}

fn place(tenant: TenantId, webhook: WebhookId) -> Place {
    Place { tenant: Some(tenant), table: "webhooks", column: "secret_sealed", row: webhook.0 }
}

/// The one by which it is signed from now on.
pub fn of(vault: &Vault, webhook: &Webhook) -> Result<Secret> {
    Secret::open(vault, webhook, &webhook.secret_sealed)
}

/// `webhook-signature`: by the secret, and for a while by the one before, so that nobody misses a message while they change it.
pub fn signatures(vault: &Vault, webhook: &Webhook, signed: &[u8], now: Timestamp) -> Result<String> {
    let mut all = of(vault, webhook)?.sign(signed);
    let before = webhook.previous_sealed.as_deref();
    if let Some(before) = before.filter(|_| webhook.previous_until.is_some_and(|until| now < until)) {
        all.push(' ');
        all.push_str(&Secret::open(vault, webhook, before)?.sign(signed));
    }
    Ok(all)
}
