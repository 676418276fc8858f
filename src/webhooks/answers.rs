//! What callers are shown of webhooks.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::entity::{Delivery, DeliveryState, Webhook};
use crate::base::{DeliveryId, DomainEventId, Timestamp, WebhookId};

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookShown {
    pub id: WebhookId,
    pub url: String,
    pub description: String,
    pub listens: Vec<String>,
    pub is_enabled: bool,
    /// Whether it is told who the person is, and not their id alone: whoever wrote it last holds `auth:user:list`.
    pub shows_people: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl From<Webhook> for WebhookShown {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            description: webhook.description,
            listens: webhook.listens.0,
            is_enabled: webhook.is_enabled,
            shows_people: webhook.shows_people,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryShown {
    /// `webhook-id` of the message, the same each time that it is sent.
    pub id: DeliveryId,
    pub webhook: WebhookId,
    pub event: DomainEventId,
    pub trigger: String,
    /// What is told, as far as it was known when it happened.
    pub envelope: Value,
    /// What an action says by it in a chat; null where the event itself is told.
    pub text: Option<String>,
    pub state: DeliveryState,
    pub attempts: i32,
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    /// The beginning of what was answered last.
    pub last_answer: Option<String>,
    pub duration_ms: Option<i64>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryShown {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            webhook: delivery.webhook_id,
            event: delivery.event_id,
            trigger: delivery.trigger_name,
            envelope: delivery.envelope.0,
            text: delivery.text,
            state: delivery.state,
            attempts: delivery.attempts,
            last_status: delivery.last_status,
            last_error: delivery.last_error,
            last_answer: delivery.last_answer,
            duration_ms: delivery.duration_ms,
            created_at: delivery.created_at,
            ended_at: delivery.ended_at,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretShown {
    /// As the libraries of Standard Webhooks take it.
    pub secret: String,
    /// Until then messages are signed by the secret before, too.
    pub previous_until: Option<Timestamp>,
}

#[derive(Serialize, JsonSchema)]
pub struct Replayed {
    /// How many are sent again; ask again while there are any.
    pub deliveries: usize,
}
