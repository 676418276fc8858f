//! A written mail with its two addresses, and the RFC 5322 message that they make.

use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

use crate::base::{DeliveryId, Timestamp};
use crate::components::line::{Code, Line, Link};
use crate::components::mail::{self, Recipient, Written};

#[derive(Debug, Clone)]
pub struct Sender {
    pub name: Line,
    pub address: String,
    pub reply_to: Option<String>,
}

pub struct Envelope {
    pub delivery: DeliveryId,
    pub at: Timestamp,
    pub from: Sender,
    pub to: Recipient,
    /// Which mail it is, `room/name`.
    pub name: &'static str,
    pub written: Written,
    pub links: Vec<Link>,
    pub code: Option<Code>,
}

impl Envelope {
    pub fn new(
        delivery: DeliveryId,
        at: Timestamp,
        mail: (&mail::Message, Written),
        between: (Sender, Recipient),
    ) -> Self {
        let (message, written) = mail;
        Self {
            delivery,
            at,
            from: between.0,
            to: between.1,
            name: message.name(),
            written,
            links: message.links().into_iter().cloned().collect(),
            code: message.code().cloned(),
        }
    }

    /// Names and subject are single lines by type, and addresses are parsed: nothing here can begin another header
    /// or another recipient. Says why if an address is none.
    pub fn build(&self) -> Result<Message, String> {
        let from = address(&self.from.address, "the sender's address")?;
        let mut message = Message::builder()
            // A retry after a lost answer carries the same id, so that a mailbox or a person sees one mail.
            .message_id(Some(format!("<{}@{}>", self.delivery, from.domain())))
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(self.at.seconds()).unwrap_or(0)))
            .to(Mailbox::new(name(self.to.name.as_ref()), address(self.to.address.as_str(), "the address")?))
            .subject(self.written.subject.as_str())
            .from(Mailbox::new(name(Some(&self.from.name)), from));
        if let Some(reply_to) = &self.from.reply_to {
            message = message.reply_to(Mailbox::new(None, address(reply_to, "the reply address")?));
        }
        for (header, value) in [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")] {
            message = message
                .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(header), value.to_owned()));
        }
        message
            .multipart(MultiPart::alternative_plain_html(
                self.written.text.clone(),
                self.written.html.clone(),
            ))
            .map_err(|error| error.to_string())
    }
}

fn name(line: Option<&Line>) -> Option<String> {
    line.filter(|line| !line.is_empty()).map(Line::to_string)
}

fn address(text: &str, what: &str) -> Result<Address, String> {
    // SMTP lines end at CR or LF: lettre refuses them too (RUSTSEC-2021-0069), we do not rely on it.
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("{what} holds blanks or control characters"));
    }
    text.parse().map_err(|_| format!("{what} is not a mail address"))
}
