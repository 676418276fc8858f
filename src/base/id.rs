//! Typed ids: a user's id is not a tenant's.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Opaque to callers; a UUIDv7 today.
pub struct Id<K>(pub uuid::Uuid, PhantomData<fn() -> K>);

impl<K> Id<K> {
    pub fn of(uuid: uuid::Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    pub fn new() -> Self {
        Self::of(uuid::Uuid::now_v7())
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl<K> Default for Id<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<K> FromStr for Id<K> {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        uuid::Uuid::try_parse(text)
            .map(Self::of)
            .map_err(|_| "an id looks like 0199f2c1-7a10-7bb3-9d5c-0a4be1d2c3f4")
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom("validator.pattern: This is not an id of ours."))
    }
}

impl<K> schemars::JsonSchema for Id<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "An opaque id.", "maxLength": 64 })
    }
}

macro_rules! kinds {
    ($($kind:ident => $alias:ident),* $(,)?) => {
        /// What an id can be of. Never made, only named.
        pub mod kind { $(#[derive(Debug)] pub enum $kind {})* }
        $(pub type $alias = Id<kind::$kind>;)*
    };
}

kinds! {
    Tenant => TenantId, Client => ClientId, User => UserId, Session => SessionId, Role => RoleId,
    Permission => PermissionId, Proof => ProofId, ProofRequest => ProofRequestId, PendingLogin => PendingLoginId, SignUp => SignUpId,
    Invitation => InvitationId, SigningKey => SigningKeyId, DomainEvent => DomainEventId,
    Delivery => DeliveryId, Job => JobId, Audit => AuditId, Device => DeviceId, Request => RequestId,
    Record => RecordId, Action => ActionId, ActionRun => ActionRunId, Webhook => WebhookId, CronJob => CronJobId,
    Pack => PackId, InboundWebhook => InboundWebhookId,
}
