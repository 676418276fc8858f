//! Whether a message is the sender's own: its signature, and where the sender signs a time, that it is not an old one.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::entity::Scheme;
use crate::base::Timestamp;

/// Seconds that a signed time may differ from ours (Standard Webhooks, Stripe).
const APART: i64 = 300;
/// Bytes of a key of Standard Webhooks.
const KEY: std::ops::RangeInclusive<usize> = 24..=64;

/// The headers by which messages are signed, by their names.
pub type Headers<'a> = &'a [(&'static str, String)];

/// A message as it came, and when.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    pub headers: Headers<'a>,
    pub body: &'a [u8],
    pub now: Timestamp,
}

impl Sent<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    fn is_recent(&self, seconds: &str) -> bool {
        seconds.parse::<i64>().is_ok_and(|at| at.abs_diff(self.now.seconds()) <= APART.unsigned_abs())
    }
}

/// What tells a message from every other, out of what is signed: a header that is not could be another one at each replay. None:
/// it is not the sender's (HOOK-1).
pub fn verified(scheme: Scheme, secret: &str, sent: Sent<'_>) -> Option<String> {
    match scheme {
        Scheme::StandardWebhooks => standard(secret, sent),
        Scheme::GitHub => git_hub(secret, sent),
        Scheme::Stripe => stripe(secret, sent),
    }
}

/// What is wrong with a secret, in words.
pub fn check(scheme: Scheme, secret: &str) -> Result<(), &'static str> {
    if scheme == Scheme::StandardWebhooks && key_of(secret).is_none() {
        return Err("As the sender gives it: `whsec_` and 24 to 64 bytes in base64.");
    }
    let is_plain = secret.trim() == secret && secret.chars().all(|letter| matches!(letter, ' '..='~'));
    if !(16..=200).contains(&secret.len()) || !is_plain {
        return Err("16 to 200 characters of ASCII.");
    }
    Ok(())
}

fn key_of(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    KEY.contains(&key.len()).then_some(key)
}

/// In constant time.
fn signs(key: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), signed, signature).is_ok()
}

fn standard(secret: &str, sent: Sent<'_>) -> Option<String> {
    let (id, at) = (sent.header("webhook-id")?, sent.header("webhook-timestamp")?);
    let signatures = sent.header("webhook-signature")?;
    let key = key_of(secret)?;
    let signed = [id.as_bytes(), b".", at.as_bytes(), b".", sent.body].concat();
    let is_good = |one: &str| {
        let signature = one.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
        signature.is_some_and(|signature| signs(&key, &signed, &signature))
    };
    (!id.is_empty() && sent.is_recent(at) && signatures.split(' ').any(is_good)).then(|| id.to_owned())
}

/// It signs neither a time nor an id: the same body is the same message.
fn git_hub(secret: &str, sent: Sent<'_>) -> Option<String> {
    let signature = hex::decode(sent.header("x-hub-signature-256")?.strip_prefix("sha256=")?).ok()?;
    signs(secret.as_bytes(), sent.body, &signature).then(|| of_body(sent.body))
}

fn stripe(secret: &str, sent: Sent<'_>) -> Option<String> {
    let parts: Vec<(&str, &str)> =
        sent.header("stripe-signature")?.split(',').filter_map(|part| part.trim().split_once('=')).collect();
    let (_, at) = parts.iter().find(|(name, _)| *name == "t")?;
    let signed = [at.as_bytes(), b".", sent.body].concat();
    let is_good = |(name, text): &(&str, &str)| {
        *name == "v1"
            && hex::decode(text).is_ok_and(|signature| signs(secret.as_bytes(), &signed, &signature))
    };
    if !sent.is_recent(at) || !parts.iter().any(is_good) {
        return None;
    }
    // Each try of one event has a time of its own, and the event's id.
    let event: Option<Value> = serde_json::from_slice(sent.body).ok();
    let id = event.as_ref().and_then(|event| event.get("id")).and_then(Value::as_str);
    Some(id.map_or_else(|| of_body(sent.body), str::to_owned))
}

fn of_body(body: &[u8]) -> String {
    hex::encode(digest(&SHA256, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_as_its_sender_gives_it() {
        assert!(check(Scheme::StandardWebhooks, &format!("whsec_{}", STANDARD.encode([7; 24]))).is_ok());
        assert!(check(Scheme::StandardWebhooks, &format!("whsec_{}", STANDARD.encode([7; 23]))).is_err());
        assert!(check(Scheme::StandardWebhooks, "a secret of many words that is none").is_err());
        assert!(check(Scheme::GitHub, "short").is_err());
        assert!(check(Scheme::GitHub, "It's a Secret to Everybody").is_ok());
        assert!(check(Scheme::GitHub, "a secret with a line\n").is_err());
        assert!(check(Scheme::Stripe, "whsec_0123456789abcdef").is_ok());
    }

    #[test]
    fn hook_1_the_example_of_githubs_own_guide_is_good_and_a_changed_one_is_not() {
        // docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation".
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17".to_owned();
        let headers = [("x-hub-signature-256", signature)];
        let sent = |body| Sent { headers: &headers, body, now: Timestamp::EPOCH };

        assert!(verified(Scheme::GitHub, "It's a Secret to Everybody", sent(b"Hello, World!")).is_some());
        assert!(verified(Scheme::GitHub, "It's a Secret to Everybody", sent(b"Hello, World?")).is_none());
        assert!(verified(Scheme::GitHub, "it's a Secret to Everybody", sent(b"Hello, World!")).is_none());
        assert!(
            verified(Scheme::StandardWebhooks, "It's a Secret to Everybody", sent(b"Hello, World!"))
                .is_none()
        );
    }
}
