//! What is sent: CloudEvents 1.0, structured mode, with its sequence extension.

use serde_json::{Value, json};

use super::entity::{Delivery, Webhook};
use crate::base::DomainEventId;
use crate::identity::Tenant;

pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// Who somebody is, is told to a webhook of whoever may look at people.
pub fn seen(mut envelope: Value, webhook: &Webhook) -> Value {
    if let Some(user) = envelope.get_mut("user").filter(|_| !webhook.shows_people) {
        *user = Value::Null;
    }
    envelope
}

pub fn of((delivery, webhook): (&Delivery, &Webhook), tenant: &Tenant, envelope: Value) -> Vec<u8> {
    about((delivery.event_id, &delivery.trigger_name), tenant, seen(envelope, webhook))
}

pub fn about((id, trigger): (DomainEventId, &str), tenant: &Tenant, mut envelope: Value) -> Vec<u8> {
    let [time, sequence] = ["time", "sequence"].map(|name| envelope.get(name).cloned());
    let subject = envelope.get("subject").and_then(|subject| {
        let (kind, id) = (subject.get("kind")?.as_str()?, subject.get("id")?.as_str()?);
        Some(format!("{kind}/{id}"))
    });
    if let Value::Object(members) = &mut envelope {
        // They stand around it.
        for name in ["event", "id", "time", "sequence"] {
            members.remove(name);
        }
    }
    let mut message = json!({
        "specversion": "1.0",
        "id": id,
        "source": tenant.issuer,
        "type": trigger,
        "time": time,
        "subject": subject,
        "datacontenttype": "application/json",
        "data": envelope,
    });
    // What has not happened yet stands in no order.
    if let (Value::Object(members), Some(sequence)) = (&mut message, sequence) {
        members.insert("sequence".into(), sequence);
    }
    message.to_string().into_bytes()
}
