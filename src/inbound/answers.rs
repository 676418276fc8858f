//! What callers are shown of inbound webhooks.

use schemars::JsonSchema;
use serde::Serialize;

use super::entity::{Inbound, Scheme};
use crate::base::{InboundWebhookId, Timestamp};

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboundShown {
    pub id: InboundWebhookId,
    pub name: String,
    pub description: String,
    pub scheme: Scheme,
    pub trigger: String,
    /// Where the sender sends to, behind this server's own address.
    pub path: String,
    pub is_enabled: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl From<Inbound> for InboundShown {
    fn from(inbound: Inbound) -> Self {
        Self {
            path: format!("/api/v1/hooks/{}/{}", inbound.tenant_id, inbound.id),
            id: inbound.id,
            name: inbound.name,
            description: inbound.description,
            scheme: inbound.scheme,
            trigger: inbound.trigger_name,
            is_enabled: inbound.is_enabled,
            created_at: inbound.created_at,
            updated_at: inbound.updated_at,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InboundSecretShown")]
pub struct SecretShown {
    /// As the sender has it.
    pub secret: String,
}
