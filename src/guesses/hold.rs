//! A hold begins: so many wrong guesses came in a row that the next ones wait. It is written down, and its holder told.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::{ClientId, Email, Error, JobId, Result, TenantId, UserId};
use crate::components::vault::{Place, Vault};
use crate::db::tx::{Audit, Tx, Work};
use crate::identity::{House, Scope};

/// The job that tells a holder; the room that writes to people carries it out.
pub const TELL: &str = "account.login_held";

/// An address whose logins are held from now on, whether anybody is called that or not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Held {
    pub email: Email,
    pub client: ClientId,
}

impl Held {
    pub fn at(scope: &Scope, email: Email) -> Result<Self> {
        Ok(Self { email, client: scope.app()?.client.id })
    }

    pub fn open(house: &House, tenant: TenantId, job: JobId, sealed: &[u8]) -> Result<Self> {
        serde_json::from_slice(&house.vault.open(&place(Some(tenant), job), sealed)?).map_err(Error::internal)
    }
}

fn place(tenant: Option<TenantId>, job: JobId) -> Place {
    Place { tenant, table: "jobs", column: "sealed", row: job.0 }
}

/// Begins a hold: written down, and told to the holder by a job that finds out whether there is one. Its writes are
/// the same for an address that means nobody (ENUM-3).
pub fn begin(tx: &mut Tx, vault: &Vault, held: &Held, user: Option<UserId>) -> Result<()> {
    let audit = Audit::success("guesses.hold");
    tx.audit(match user {
        Some(user) => audit.of("user", user),
        None => audit,
    })?;
    tracing::info!("wrong guesses in a row: logins at one address are held");
    let mut work = Work::job(TELL, json!({}));
    let plain = serde_json::to_vec(held).map_err(Error::internal)?;
    work.sealed = Some(vault.seal(&place(tx.tenant(), work.id), &plain)?);
    tx.enqueue(work).map(drop)
}
