//! Mails that were kept instead of sent: the newest few hundred, for the inbox and for tests.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use lettre::Message;
use serde::Serialize;
use tokio::sync::watch;

use super::Envelope;
use crate::base::{DeliveryId, Timestamp};
use crate::components::line::{Code, Line, Link};

/// At some 20 KiB a mail this stays below 10 MiB.
const ROOM: usize = 400;

/// Holds links and codes, so it does not print.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptMail {
    pub id: DeliveryId,
    pub at: Timestamp,
    pub name: &'static str,
    pub from: String,
    pub to: Line,
    pub subject: Line,
    pub links: Vec<Link>,
    pub code: Option<Code>,
    pub text: String,
    pub html: String,
    pub source: String,
    pub read: bool,
}

pub struct Kept {
    mails: Mutex<VecDeque<KeptMail>>,
    arrived: watch::Sender<u64>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { mails: Mutex::default(), arrived: watch::Sender::new(0) }
    }
}

impl Kept {
    /// A second try of the same delivery takes the place of the first.
    pub fn put(&self, envelope: Envelope, mail: &Message) {
        let kept = KeptMail {
            id: envelope.delivery,
            at: envelope.at,
            name: envelope.name,
            from: format!("{} <{}>", envelope.from.name, envelope.from.address),
            to: envelope.to.address,
            subject: envelope.written.subject,
            links: envelope.links,
            code: envelope.code,
            text: envelope.written.text,
            html: envelope.written.html,
            source: String::from_utf8_lossy(&mail.formatted()).into_owned(),
            read: false,
        };
        self.with(|mails| {
            mails.retain(|other| other.id != kept.id);
            mails.push_front(kept);
            mails.truncate(ROOM);
        });
        self.arrived.send_modify(|count| *count += 1);
    }

    /// Newest first; `recipient` may be any part of the address.
    pub fn list(&self, recipient: Option<&str>) -> Vec<KeptMail> {
        let part = recipient.unwrap_or_default().trim().to_lowercase();
        let wanted = |mail: &&KeptMail| mail.to.as_str().to_lowercase().contains(&part);
        self.with(|mails| mails.iter().filter(wanted).cloned().collect())
    }

    pub fn find(&self, id: DeliveryId) -> Option<KeptMail> {
        self.with(|mails| mails.iter().find(|mail| mail.id == id).cloned())
    }

    /// What an end-to-end test asks for: the newest mail to exactly this address.
    pub fn latest(&self, recipient: &str) -> Option<KeptMail> {
        self.with(|mails| mails.iter().find(|mail| mail.to.as_str().eq_ignore_ascii_case(recipient)).cloned())
    }

    pub fn mark_read(&self, id: DeliveryId) {
        self.with(|mails| {
            if let Some(mail) = mails.iter_mut().find(|mail| mail.id == id) {
                mail.read = true;
            }
        });
    }

    pub fn clear(&self) {
        self.with(VecDeque::clear);
        self.arrived.send_modify(|count| *count += 1);
    }

    /// Changes whenever the list does: what the inbox's event stream waits on.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.arrived.subscribe()
    }

    fn with<T>(&self, work: impl FnOnce(&mut VecDeque<KeptMail>) -> T) -> T {
        work(&mut self.mails.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
