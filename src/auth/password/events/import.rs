//! People come over from another system with the hashes that it made; their next login makes ours of them.

use std::collections::BTreeMap;

use tracing::instrument;

use crate::auth::password::entity::{self, PasswordLogin};
use crate::base::{Email, Error, Result, TenantId, Timestamp, UserId};
use crate::components::hasher::accept_import;
use crate::db::tx::{Audit, Happened, Tx};
use crate::identity::{Scope, User};

#[derive(Debug, Clone)]
pub struct Imported {
    pub email: Email,
    pub name: Option<String>,
    pub locale: Option<String>,
    /// A PHC string, bcrypt's own form, or Django's. None: they ask for a reset.
    pub password_hash: Option<String>,
    pub is_verified: bool,
    pub must_change: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Made(UserId),
    /// The address means somebody here, since then; nothing of theirs was touched.
    There(Timestamp),
    /// Why not, for the importer's report.
    Refused(&'static str),
}

/// A transaction holds this many.
pub const AT_ONCE: usize = 100;

/// Makes a person of each, in the order given; one that is refused takes no other with it.
///
/// Refused are hashes that nobody here can read or that ask for too much work.
#[instrument(name = "password.import", skip_all)]
pub async fn import(scope: &Scope, people: Vec<Imported>) -> Result<Vec<Outcome>> {
    let outcomes = admit_all(scope, &people).await?;
    measure(scope, &people).await?;
    Ok(outcomes)
}

/// The same for a process that answers no logins, and so has no times to measure.
#[instrument(name = "password.carry_over", skip_all)]
pub async fn carry_over(scope: &Scope, people: Vec<Imported>) -> Result<Vec<Outcome>> {
    admit_all(scope, &people).await
}

/// Which of these addresses mean somebody here, and since when. Changes nothing.
#[instrument(name = "password.known_among", skip_all)]
pub async fn known_among(scope: &Scope, addresses: Vec<String>) -> Result<BTreeMap<String, Timestamp>> {
    let tenant = scope.tenant_id()?;
    scope
        .read(move |conn| Ok(entity::named_among(conn, tenant, addresses.clone())?.into_iter().collect()))
        .await
}

async fn admit_all(scope: &Scope, people: &[Imported]) -> Result<Vec<Outcome>> {
    let tenant = scope.tenant_id()?;
    let mut outcomes = Vec::with_capacity(people.len());
    for batch in people.chunks(AT_ONCE) {
        let batch = batch.to_vec();
        let write =
            scope.write(move |tx| batch.iter().map(|one| admit(tx, tenant, one)).collect::<Result<Vec<_>>>());
        outcomes.extend(write.await?);
    }
    scope.house.foreign_hashes.invalidate(&tenant);
    Ok(outcomes)
}

fn admit(tx: &mut Tx, tenant: TenantId, one: &Imported) -> Result<Outcome> {
    if let Some(Err(reason)) = one.password_hash.as_deref().map(accept_import) {
        return Ok(Outcome::Refused(reason));
    }
    let user = User::new(tenant, one.name.clone(), one.locale.clone(), tx.now);
    let (now, id) = (tx.now, user.id);
    let login = PasswordLogin {
        user_id: id,
        tenant_id: tenant,
        email: one.email.as_str().to_string(),
        password_hash: one.password_hash.clone(),
        must_change: one.must_change,
        otp_enabled_at: None,
        verified_at: one.is_verified.then_some(now),
        changed_at: now,
        created_at: now,
        updated_at: now,
    };
    let made = tx.conn.nested(|conn| {
        user.insert(conn)?;
        if !User::claim(conn, (tenant, id), &one.email, now)? {
            return Err(Taken::Address);
        }
        login.insert(conn)?;
        Ok(())
    });
    match made {
        Err(Taken::Address) => return there(tx, tenant, one),
        Err(Taken::Failed(error)) => return Err(error),
        Ok(()) => {}
    }
    tx.audit(Audit::success("password.import").of("user", id))?;
    tx.throw(Happened::new("doorward.user.post.create", "user", id))?;
    Ok(Outcome::Made(id))
}

fn there(tx: &mut Tx, tenant: TenantId, one: &Imported) -> Result<Outcome> {
    let named = entity::named_among(tx.conn, tenant, vec![one.email.as_str().to_owned()])?;
    // Whoever had it a moment ago may have left it since.
    Ok(named.first().map_or(Outcome::Refused("the address is taken"), |(_, since)| Outcome::There(*since)))
}

/// Rolls one person back and leaves the others.
enum Taken {
    Address,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Taken {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Every scheme and cost once, so that its time is known before somebody can measure it from outside.
async fn measure(scope: &Scope, people: &[Imported]) -> Result<()> {
    let hashes = people.iter().filter_map(|one| one.password_hash.as_deref());
    let hashes = hashes.filter(|hash| accept_import(hash).is_ok());
    // Scheme and cost stand before the salt in every form; bcrypt's and Django's are shorter by a part.
    let scheme = |hash: &str| hash.split('$').take(3).collect::<Vec<_>>().join("$");
    let one_of_each: BTreeMap<String, &str> = hashes.map(|hash| (scheme(hash), hash)).collect();
    for hash in one_of_each.into_values().take(64) {
        scope.house.hasher.rehearse(hash).await?;
    }
    Ok(())
}
