//! A new password, set by whoever knows the old one, has just logged in, or was told at login to set one.

use tracing::instrument;

use super::FACTOR_FIRST;
use super::own::{account, confirm};
use crate::auth::password::entity::{Candidate, PasswordLogin};
use crate::auth::password::steps::{self, Entry};
use crate::base::error::INVALID;
use crate::base::password::Policy;
use crate::base::{Email, Error, FieldError, NewPassword, Password, Result};
use crate::components::line::Line;
use crate::components::mail::messages::PasswordChanged;
use crate::components::post::{self, Letter};
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::http::Cookie;
use crate::identity::gate::REVOKED;
use crate::identity::{Live, Next, PendingLogin, Scope, User, Who};
use crate::sessions::answers::TokenPair;
use crate::sessions::steps::{end_all, replace};
use crate::sessions::token_claims;
use crate::users::{Arrived, arrival};
use crate::{guesses, proofs};

pub struct Change {
    pub current: Option<Password>,
    pub password: NewPassword,
    pub keep_other_sessions: bool,
}

/// Sets a new password: raises the person's epoch, ends their other sessions unless told to keep them, kills every
/// proof, tells them by mail, and answers new tokens; the old ones stop at once.
///
/// Refuses with `validator.error` for a weak one, `authPasswordBased.updatePassword.invalidPassword`,
/// `auth.requireUser.stepUpRequired`, `.incorrectLoginType`, and `.incorrectSessionType` while a factor is due; with
/// `actions.denied` and `actions.unanswered`.
#[instrument(name = "password.update_password", skip_all)]
pub async fn update_password(scope: &Scope, change: Change) -> Result<(TokenPair, Vec<Cookie>)> {
    match &scope.who {
        Who::Pending(pending) => set_forced(scope, (**pending).clone(), change).await,
        _ => set_own(scope, change).await,
    }
}

async fn set_own(scope: &Scope, change: Change) -> Result<(TokenPair, Vec<Cookie>)> {
    let seen = account(scope).await?;
    check(&seen, &change.password)?;
    confirm(scope, &seen, change.current.as_ref()).await?;
    if change
        .current
        .as_ref()
        .is_some_and(|current| current.expose() == change.password.as_password().expose())
    {
        return Err(same());
    }
    let hash = scope.house.hasher.hash(Some(seen.home.id), change.password.as_password()).await?;
    let live: Live = (**scope.live()?).clone();
    let added = token_claims::added(scope, (live.user, Some(live.session)), "login").await?;
    let entry = Entry::new(scope, seen, None)?;
    let write = scope.write(move |tx| {
        if entry.hold(tx)?.is_none() {
            return Err(Error::Stale);
        }
        let kept = change.keep_other_sessions;
        renew(tx, &entry, &hash)?;
        if !kept {
            end_all(tx, live.user, None, Some(live.session), "passwordChanged")?;
        }
        let started = replace(tx, &entry.house, &entry.app, live.session)?;
        started.map(|started| Arrived::In(Box::new(started))).ok_or(Error::Stale)
    });
    let arrived = write.await?;
    let known = guesses::KnownDevice::presented(scope, None);
    arrival::answer(scope, arrived, known, Some(added)).await
}

/// At login, after every factor: the pending login becomes a session.
async fn set_forced(
    scope: &Scope,
    pending: PendingLogin,
    change: Change,
) -> Result<(TokenPair, Vec<Cookie>)> {
    if pending.next != Next::SetPassword {
        return Err(FACTOR_FIRST.error());
    }
    let (tenant, user) = (pending.tenant_id, pending.user_id);
    let seen = scope.read(move |conn| Ok(Candidate::member(conn, tenant, user)?)).await?;
    let seen = seen.filter(|seen| seen.user.epoch == pending.user_epoch).ok_or_else(|| REVOKED.error())?;
    check(&seen, &change.password)?;
    let (hasher, home) = (&scope.house.hasher, Some(seen.home.id));
    let password = change.password.as_password();
    if hasher.verify(home, password, seen.hash()).await?.matches {
        return Err(same());
    }
    let hash = hasher.hash(home, password).await?;
    let added = token_claims::added(scope, (user, None), "login").await?;
    let device = pending.device.clone().and_then(|device| serde_json::from_value(device.0).ok());
    let email = seen.login.as_ref().map_or("", |login| login.email.as_str());
    let counters = steps::counters(&scope.house, (tenant, email), Some(&seen), None)?;
    let factors = pending.factors.0.clone();
    let entry = Entry { device, counters, factors, ..Entry::new(scope, seen, None)? };
    let write = scope.write(move |tx| {
        let held = entry.admit(tx)?;
        if held.is_none() || PendingLogin::consume(tx.conn, tenant, pending.id, tx.now)?.is_none() {
            return Err(REVOKED.error());
        }
        renew(tx, &entry, &hash)?;
        if !change.keep_other_sessions {
            end_all(tx, user, None, None, "passwordChanged")?;
        }
        let held = Candidate::member(tx.conn, tenant, user)?.ok_or_else(|| REVOKED.error())?;
        entry.enter(tx, held)
    });
    let arrived = write.await?;
    arrival::answer(scope, arrived, None, Some(added)).await
}

/// The home's rules hold, wherever the person stands.
fn check(account: &Candidate, password: &NewPassword) -> Result<()> {
    let email = account.login.as_ref().map_or("", |login| login.email.as_str());
    let name = account.user.name.as_deref().unwrap_or_default();
    let words = [email, name, &account.home.name, &account.home.display_name];
    let policy = Policy { minimum: account.home.shortest_password(), words: &words };
    password
        .check(&policy)
        .map_err(|error| INVALID.with(vec![FieldError { path: "$.password".into(), ..error }]))
}

fn same() -> Error {
    let field = FieldError::new("$.password", "validator.password.same", "This is the password you have.");
    INVALID.with(vec![field])
}

/// What every change of a password does, whoever asked for it.
fn renew(tx: &mut Tx, entry: &Entry, hash: &str) -> Result<()> {
    let person = &entry.seen.user;
    PasswordLogin::change(tx.conn, person.id, hash, tx.now)?;
    User::raise_epoch(tx.conn, person.id, tx.now)?;
    tx.forget(Forget::User(person.id))?;
    proofs::steps::kill_all(tx, person.id)?;
    guesses::steps::pardon(tx, &entry.house.vault, entry.seen.home.id, person.id)?;
    let address = entry.seen.login.as_ref().and_then(|login| Email::parse(&login.email).ok());
    if let Some(address) = address {
        let device = tx.cause.user_agent.as_deref().map(Line::new);
        let letter = Letter::new(address, entry.locale, PasswordChanged { at: tx.now, device });
        post::post(tx, &entry.house.vault, &letter.named(person.name.as_deref()))?;
    }
    tx.audit(Audit::success("password.update_password").of("user", person.id))?;
    tx.throw(Happened::new("doorward.user.post.updatePassword", "user", person.id))
}
