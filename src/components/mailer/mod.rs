//! The mailer: carries a written mail to a server, keeps it for the inbox, or lets nothing out.

pub mod envelope;
pub mod kept;
pub mod smtp;
#[cfg(test)]
mod tests;

use std::time::Duration;

use secrecy::SecretString;

pub use envelope::{Envelope, Sender};
pub use kept::{Kept, KeptMail};
pub use smtp::Smtp;

use crate::base::Result;

pub enum Transport {
    Smtp(Smtp),
    /// Development and test: nothing leaves the process.
    Keep(Kept),
    /// Closes sign-up and reset; whoever still asks is told so, for good.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    None,
    /// Refuses to go on in the clear: a relay that hides STARTTLS gets no mail.
    #[default]
    Starttls,
    Tls,
}

pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub user: Option<(String, SecretString)>,
    /// Around the whole send, from connecting to the last answer.
    pub timeout: Duration,
}

/// What became of a mail. The words are the server's, made one line; they may name the recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Sent,
    /// Trying again is pointless: dead-letter it.
    Refused(String),
    /// Try again later.
    Delayed(String),
}

pub struct Mailer {
    transport: Transport,
    /// Acceptance sends to these domains only, in lower case; `None` sends to all.
    allowed_domains: Option<Vec<String>>,
}

impl Mailer {
    pub fn new(transport: Transport, allowed_domains: Option<Vec<String>>) -> Self {
        let lower = |domains: Vec<String>| domains.into_iter().map(|d| d.trim().to_lowercase()).collect();
        Self { transport, allowed_domains: allowed_domains.map(lower) }
    }

    /// Whether mail can reach anybody: sign-up and reset are closed without.
    pub fn is_open(&self) -> bool {
        !matches!(self.transport, Transport::None)
    }

    pub fn kept(&self) -> Option<&Kept> {
        match &self.transport {
            Transport::Keep(kept) => Some(kept),
            Transport::Smtp(_) | Transport::None => None,
        }
    }

    #[tracing::instrument(name = "mailer.send", skip_all, fields(mail = envelope.name, delivery = %envelope.delivery))]
    pub async fn send(&self, envelope: Envelope) -> Outcome {
        let mail = match envelope.build() {
            Ok(mail) => mail,
            Err(why) => return Outcome::Refused(why),
        };
        let domain = mail.envelope().to().first().map(|to| to.domain().to_lowercase()).unwrap_or_default();
        if self.allowed_domains.as_ref().is_some_and(|allowed| !allowed.contains(&domain)) {
            return Outcome::Refused("this environment does not send to that domain".to_owned());
        }
        match &self.transport {
            Transport::Smtp(smtp) => smtp.send(mail).await,
            Transport::Keep(kept) => {
                kept.put(envelope, &mail);
                Outcome::Sent
            }
            Transport::None => Outcome::Refused("mail.transport is \"none\"".to_owned()),
        }
    }

    /// For `doctor` and readiness: whether the server answers, within the timeout.
    pub async fn check(&self) -> Result<()> {
        match &self.transport {
            Transport::Smtp(smtp) => smtp.check().await,
            Transport::Keep(_) | Transport::None => Ok(()),
        }
    }
}
