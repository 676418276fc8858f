//! People come over from another system with the hashes that it made; their next login makes ours of them.

use std::collections::BTreeMap;

use tracing::instrument;

use crate::auth::password::entity::PasswordLogin;
use crate::base::{Email, Error, Result, TenantId, UserId};
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
    /// Why not, for the importer's report.
    Refused(&'static str),
}

/// A transaction holds this many.
const AT_ONCE: usize = 100;

/// Makes a person of each, in the order given; one that is refused takes no other with it.
///
/// Refused are hashes that nobody here can read or that ask for too much work, and addresses that are taken.
#[instrument(name = "password.import", skip_all)]
pub async fn import(scope: &Scope, people: Vec<Imported>) -> Result<Vec<Outcome>> {
    let tenant = scope.tenant_id()?;
    let mut outcomes = Vec::with_capacity(people.len());
    for batch in people.chunks(AT_ONCE) {
        let batch = batch.to_vec();
        let write =
            scope.write(move |tx| batch.iter().map(|one| admit(tx, tenant, one)).collect::<Result<Vec<_>>>());
        outcomes.extend(write.await?);
    }
    measure(scope, &people).await?;
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
        Err(Taken::Address) => return Ok(Outcome::Refused("the address is taken")),
        Err(Taken::Failed(error)) => return Err(error),
        Ok(()) => {}
    }
    tx.audit(Audit::success("password.import").of("user", id))?;
    tx.throw(Happened::new("doorward.user.post.create", "user", id))?;
    Ok(Outcome::Made(id))
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
