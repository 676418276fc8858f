//! The letter box: a mail is written down in the transaction of what it tells of, sealed, and carried later.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::line::Line;
use super::mail::Message;
use super::vault::{Place, Vault};
use super::words::Locale;
use crate::base::{Email, Error, JobId, Result, TenantId};
use crate::db::tx::{Tx, Work};

/// The name of the delivery that carries a letter.
pub const NAME: &str = "mail.send";

/// To whom, in which language, and what. Sealed as a whole: it holds addresses, links and codes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Letter {
    pub to: Email,
    pub name: Option<Line>,
    pub locale: Locale,
    pub message: Message,
}

impl Letter {
    pub fn new(to: Email, locale: Locale, message: impl Into<Message>) -> Self {
        Self { to, name: None, locale, message: message.into() }
    }

    pub fn named(self, name: Option<&str>) -> Self {
        Self { name: name.map(Line::new), ..self }
    }
}

/// Puts a letter into the transaction: it leaves after the commit, or never.
pub fn post(tx: &mut Tx, vault: &Vault, letter: &Letter) -> Result<JobId> {
    let mut work = Work::delivery(NAME, json!({ "mail": letter.message.name() }));
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(letter).map_err(Error::internal)?);
    work.sealed = Some(vault.seal(&place(tx.tenant(), work.id), &plain)?);
    tx.enqueue(work)
}

/// Opens a letter again, to carry it.
pub fn open(vault: &Vault, tenant: Option<TenantId>, job: JobId, sealed: &[u8]) -> Result<Letter> {
    let plain = vault.open(&place(tenant, job), sealed)?;
    serde_json::from_slice(&plain).map_err(Error::internal)
}

fn place(tenant: Option<TenantId>, job: JobId) -> Place {
    Place { tenant, table: "jobs", column: "sealed", row: job.0 }
}
