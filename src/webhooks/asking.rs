//! A webhook is asked whether something may be done: once, signed like any message, and its answer is taken word for word.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use tracing::instrument;

use super::entity::Webhook;
use super::{message, sending};
use crate::base::{DomainEventId, Result};
use crate::identity::{House, Tenant};

/// What it said.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// With what it would add, whatever that is.
    Yes(Map<String, Value>),
    No(Option<String>),
    /// Nothing that can be understood, in words for the tenant.
    Nothing(String),
}

/// Asks about what is in the envelope, under this trigger's name.
#[instrument(name = "webhooks.ask", skip_all, fields(webhook = %webhook.id))]
pub async fn ask(
    house: &House,
    (webhook, tenant): (&Webhook, &Tenant),
    (id, trigger, envelope): (DomainEventId, &str, Value),
    within: Duration,
) -> Result<Said> {
    if !webhook.is_enabled {
        return Ok(Said::Nothing("The webhook is switched off.".into()));
    }
    let message = message::about((id, trigger), tenant, message::seen(envelope, webhook));
    let outgoing = sending::signed(house, (webhook, id.to_string()), (message, within))?;
    Ok(match house.egress.post(outgoing).await {
        Ok(answered) if answered.is_cut => Said::Nothing("Its answer is too long.".into()),
        Ok(answered) if (200..300).contains(&answered.status) => understood(&answered.body),
        Ok(answered) => Said::Nothing(format!("It answered {}.", answered.status)),
        Err(why) => Said::Nothing(why.words().to_owned()),
    })
}

/// A member that stands twice is none.
#[derive(Deserialize)]
struct Answer {
    allow: bool,
    #[serde(default)]
    reason: Option<Value>,
    #[serde(default)]
    claims: Map<String, Value>,
}

/// `true` and nothing like it: not `"true"`, not 1, not a bare 200 (HOOK-4).
fn understood(body: &[u8]) -> Said {
    // A list would be read as the members in their order.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    match serde_json::from_slice(body) {
        _ if !is_object => Said::Nothing("Its answer is no JSON object.".into()),
        Ok(Answer { allow: true, claims, .. }) => Said::Yes(claims),
        Ok(Answer { allow: false, reason, .. }) => {
            Said::No(reason.as_ref().and_then(Value::as_str).map(str::to_owned))
        }
        Err(_) => Said::Nothing(
            "Its answer holds no `allow` that is true or false, or `claims` that are no object.".into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hook_4_only_true_allows() {
        assert_eq!(understood(br#"{"allow":true}"#), Said::Yes(Map::new()));
        assert_eq!(understood(br#"{"allow":false,"reason":"No."}"#), Said::No(Some("No.".into())));
        for junk in [
            "",
            "true",
            "{}",
            r#"{"allow":"true"}"#,
            r#"{"allow":1}"#,
            r#"[{"allow":true}]"#,
            r#"{"allow":null}"#,
            "allow",
            r#"{"allow":false,"allow":true}"#,
            r#"[true, null]"#,
            r#"{"allow":true,"claims":[]}"#,
            r#"{"allow":true,"claims":"all"}"#,
        ] {
            assert!(matches!(understood(junk.as_bytes()), Said::Nothing(_)), "{junk}");
        }
    }
}
