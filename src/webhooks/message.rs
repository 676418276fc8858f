//! What is sent: CloudEvents 1.0, structured mode, with its sequence extension.

use serde_json::{Value, json};

use super::entity::Delivery;
use crate::identity::Tenant;

pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

pub fn of(delivery: &Delivery, tenant: &Tenant, mut envelope: Value) -> Vec<u8> {
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
    let message = json!({
        "specversion": "1.0",
        "id": delivery.event_id,
        "source": tenant.issuer,
        "type": delivery.trigger_name,
        "time": time,
        "sequence": sequence,
        "subject": subject,
        "datacontenttype": "application/json",
        "data": envelope,
    });
    message.to_string().into_bytes()
}
