//! A changed address: asked for by its owner, proven by the new mailbox, taken back from the old one.

use serde_json::json;
use tracing::instrument;

use super::asking::{ask, mail_is_sent};
use super::redeeming::Claim;
use super::reset::expel;
use super::{INVALID_CONFIRM_TOKEN, INVALID_UNDO_TOKEN, NOT_AT_HOME, PASSWORD_REQUIRED, WRONG_PASSWORD};
use crate::auth::account::entity::{Login, login};
use crate::auth::account::jobs::{What, reset_mail};
use crate::auth::account::mails::{self, Desk};
use crate::auth::account::policy;
use crate::base::{Email, Password, ProofRequestId, Result, UserId};
use crate::components::line::Line;
use crate::components::mail::messages;
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::identity::asking::Question;
use crate::identity::{House, Live, Scope, Tenant, User};
use crate::proofs::budget::{Asking, Kind};
use crate::proofs::steps::{kill_all, mint};
use crate::proofs::{New, Presented, Proof, Purpose};
use crate::users::presence::{self, Account, Shown};

pub struct Change {
    pub email: Email,
    pub password: Option<Password>,
    pub onward: Option<String>,
}

/// Asks for another address. Nothing changes before the new one is proven, and a taken one is answered the same.
///
/// Refuses with `.account.notAtHome`, `.updateEmail.passwordRequired`, `.updateEmail.invalidPassword`, `actions.denied` and
/// `actions.unanswered`; with
/// `server.internal.rateLimit` who guesses at the password too fast.
#[instrument(name = "account.update_email", skip_all)]
pub async fn update_email(scope: &Scope, change: Change) -> Result<ProofRequestId> {
    mail_is_sent(scope)?;
    let live = scope.live()?.clone();
    if live.tenant != live.home || !live.factors.of_home || live.impersonator.is_some() {
        return Err(NOT_AT_HOME.error());
    }
    let onward = policy::onward(scope.app()?, change.onward.as_deref())?;
    prove_presence(scope, &live, change.password).await?;
    let question =
        Question::of("doorward.user.pre.patch", ("user", live.user), json!({ "members": ["email"] }));
    scope.ask(question.about(&change.email)).await?;
    ask(scope, change.email, What::ChangeEmail { user: live.user }, onward).await
}

/// Guesses with a stolen session spend from the budget of guesses at the door.
async fn prove_presence(scope: &Scope, live: &Live, password: Option<Password>) -> Result<()> {
    let user = live.user;
    let login = scope.read(move |conn| Ok(Login::of(conn, user)?)).await?;
    let account = Account {
        home: live.home,
        user,
        email: login.as_ref().map_or("", |login| &login.email),
        password_hash: login.as_ref().and_then(|login| login.password_hash.as_deref()),
    };
    match presence::show(scope, &account, password.as_ref()).await? {
        Shown::Yes => Ok(()),
        Shown::Stale => Err(PASSWORD_REQUIRED.error()),
        Shown::Wrong(reason) => Err(WRONG_PASSWORD.because(reason)),
    }
}

/// The new mailbox is proven: from now on it is the address. The old one is told, and can take it back.
///
/// Refuses with `authPasswordBased.confirmEmail.invalidToken`, also when the address was taken meanwhile.
#[instrument(name = "account.confirm_email", skip_all)]
pub async fn confirm_email(scope: &Scope, presented: Presented) -> Result<()> {
    let (house, tenant) = (scope.house.clone(), scope.tenant()?.clone());
    let claim = Claim::new(scope, Purpose::ConfirmEmail, presented).await?;
    let confirmed = claim.redeem(scope, move |tx, proof| change(tx, (&house, &tenant), proof));
    confirmed.await?.ok_or_else(|| INVALID_CONFIRM_TOKEN.because("proof"))
}

fn change(tx: &mut Tx, (house, tenant): (&House, &Tenant), proof: &Proof) -> Result<Option<()>> {
    let Some((person, login, new)) = owner(tx, proof)? else { return Ok(None) };
    // Two changes were asked for and another one was proven first: this one started from an address that is gone.
    let from_here = proof.data.0.get("from").and_then(|from| from.as_str()) == Some(login.email.as_str());
    let Ok(old) = Email::parse(&login.email) else { return Ok(None) };
    if !from_here || !readdress(tx, &person, &old, &new)? {
        return Ok(None);
    }
    kill_all(tx, person.id)?;
    let request = house.random.id();
    let data = json!({ "to": new.as_str() });
    let undo = New { user: Some(person.id), data, ..New::of(Purpose::UndoEmail, &old, request) };
    let minted = mint(tx, house, undo)?;
    let desk = Desk { house, tenant, locale: mails::locale(tenant, person.locale.as_deref(), None) };
    let (new_address, at) = (Line::new(new.as_str()), tx.now);
    let (undo, undo_valid) = (desk.link(mails::UNDO, &minted.link)?, house.config.lifetimes.undo);
    desk.send(tx, &old, messages::EmailChanged { new_address, at, undo, undo_valid })?;
    tx.audit(Audit::success("account.confirm_email").of("user", person.id))?;
    tx.throw(Happened::new("doorward.user.post.updateEmail", "user", person.id))?;
    Ok(Some(()))
}

/// The old mailbox takes the change back: its address counts again, everybody is out, and no password opens the account
/// until its owner has set a new one.
///
/// Refuses with `authPasswordBased.undoEmail.invalidToken`.
#[instrument(name = "account.undo_email", skip_all)]
pub async fn undo_email(scope: &Scope, presented: Presented) -> Result<()> {
    let (house, tenant) = (scope.house.clone(), scope.tenant()?.clone());
    let claim = Claim::new(scope, Purpose::UndoEmail, presented).await?;
    let undone = claim.redeem(scope, move |tx, proof| take_back(tx, (&house, &tenant), proof));
    undone.await?.ok_or_else(|| INVALID_UNDO_TOKEN.because("proof"))
}

fn take_back(tx: &mut Tx, (house, tenant): (&House, &Tenant), proof: &Proof) -> Result<Option<()>> {
    let Some((person, login, old)) = owner(tx, proof)? else { return Ok(None) };
    let Ok(current) = Email::parse(&login.email) else { return Ok(None) };
    if !readdress(tx, &person, &current, &old)? {
        return Ok(None);
    }
    Login::take_password_away(tx.conn, person.id, tx.now)?;
    expel(tx, person.id, "emailChangeUndone")?;
    // Whoever changed the address twice holds an undo of their own.
    proofs_of(tx, person.id)?;
    let desk = Desk { house, tenant, locale: mails::locale(tenant, person.locale.as_deref(), None) };
    let request = house.random.id();
    let reset = New { user: Some(person.id), ..New::of(Purpose::ResetPassword, &old, request) };
    reset_mail(tx, &desk, (reset, Asking::by_nobody(Kind::Undone)))?;
    tx.audit(Audit::success("account.undo_email").of("user", person.id))?;
    tx.throw(Happened::new("doorward.user.post.undoEmail", "user", person.id))?;
    Ok(Some(()))
}

fn proofs_of(tx: &mut Tx, user: UserId) -> Result<usize> {
    Ok(Proof::kill_of_user(tx.conn, user, &[])?)
}

/// Whose proof it is, their login, and the address that it proves.
fn owner(tx: &mut Tx, proof: &Proof) -> Result<Option<(User, Login, Email)>> {
    let Some(user) = proof.user_id else { return Ok(None) };
    let person = User::lock(tx.conn, user)?.filter(User::is_active);
    let login = Login::of(tx.conn, user)?.filter(|login| login.tenant_id == proof.tenant_id);
    let (Some(person), Some(login), Ok(address)) = (person, login, Email::parse(&proof.address)) else {
        return Ok(None);
    };
    Ok(Some((person, login, address)))
}

/// One address instead of another, wherever the person is a member. At home it must be free; elsewhere a collision
/// leaves the membership without an address.
fn readdress(tx: &mut Tx, person: &User, from: &Email, to: &Email) -> Result<bool> {
    let home = person.tenant_id;
    if Login::at(tx.conn, home, to)?.is_some_and(|other| other.user_id != person.id) {
        return Ok(false);
    }
    let mut tenants = login::release(tx.conn, person.id, from.as_str())?;
    tenants.retain(|tenant| *tenant != home);
    if !User::claim(tx.conn, (home, person.id), to, tx.now)? {
        // The old one was free for a moment that nobody else saw.
        for tenant in std::iter::once(home).chain(tenants) {
            User::claim(tx.conn, (tenant, person.id), from, tx.now)?;
        }
        return Ok(false);
    }
    for tenant in tenants {
        User::claim(tx.conn, (tenant, person.id), to, tx.now)?;
    }
    Login::set_email(tx.conn, person.id, to, tx.now)?;
    User::raise_epoch(tx.conn, person.id, tx.now)?;
    tx.forget(Forget::User(person.id))?;
    Ok(true)
}
