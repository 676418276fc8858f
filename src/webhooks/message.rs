//! What is sent: CloudEvents 1.0, structured mode, with its sequence extension; or a text, as chats take it.

use serde_json::{Value, json};

use super::entity::{Delivery, Webhook};
use crate::base::DomainEventId;
use crate::identity::Tenant;
use crate::triggers::filling::filled;

/// As it is sent.
#[derive(Debug, Clone)]
pub struct Message {
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

/// Characters of what is said in a chat: the most that each of them takes.
const SAID: usize = 2000;

/// Who somebody is, is told to a webhook of whoever may look at people.
pub fn seen(mut envelope: Value, webhook: &Webhook) -> Value {
    if let Some(user) = envelope.get_mut("user").filter(|_| !webhook.shows_people) {
        *user = Value::Null;
    }
    envelope
}

pub fn of((delivery, webhook): (&Delivery, &Webhook), tenant: &Tenant, envelope: Value) -> Message {
    let envelope = seen(envelope, webhook);
    match &delivery.text {
        Some(text) => said(text, &envelope),
        None => about((delivery.event_id, &delivery.trigger_name), tenant, envelope),
    }
}

/// Slack, Mattermost, Rocket.Chat, Google Chat and Teams take a `text`.
fn said(text: &str, envelope: &Value) -> Message {
    let text: String = filled(text, envelope, tamed).chars().take(SAID).collect();
    let body = json!({ "text": text }).to_string().into_bytes();
    Message { content_type: "application/json; charset=utf-8", body }
}

/// Whoever is called `<!channel>`, `@everyone` or `[our bank](https://evil.example)` calls nobody and links nowhere.
fn tamed(told: &str) -> String {
    let mut tamed = String::with_capacity(told.len());
    let mut before = ' ';
    for letter in told.chars().map(|letter| if letter.is_control() { ' ' } else { letter }) {
        match letter {
            '<' => tamed.push('‹'),
            '>' => tamed.push('›'),
            // An address keeps its sign.
            '@' if !before.is_alphanumeric() => tamed.push('＠'),
            '(' if before == ']' => tamed.push_str(" ("),
            letter => tamed.push(letter),
        }
        before = letter;
    }
    tamed
}

pub fn about((id, trigger): (DomainEventId, &str), tenant: &Tenant, mut envelope: Value) -> Message {
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
    let content_type = "application/cloudevents+json; charset=utf-8";
    Message { content_type, body: message.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_call_themselves_does_nothing_in_a_chat() {
        let named = |name: &str| {
            let message = said("{{user.name}} is here, @here", &json!({ "user": { "name": name } }));
            let body: Value = serde_json::from_slice(&message.body).unwrap();
            body["text"].as_str().unwrap().to_owned()
        };

        assert_eq!(named("<!channel>"), "‹!channel› is here, @here");
        assert_eq!(named("@everyone\n/leave"), "＠everyone /leave is here, @here");
        assert_eq!(named("[bank](https://evil.example)"), "[bank] (https://evil.example) is here, @here");
        assert_eq!(named("eve@a.example"), "eve@a.example is here, @here");
        assert_eq!(named(&"x".repeat(5000)).chars().count(), SAID);
    }
}
