//! A forgotten password is replaced. It never logs in, and never touches a second factor.

use tracing::instrument;

use super::INVALID_RESET_TOKEN;
use super::redeeming::Claim;
use crate::auth::account::entity::Login;
use crate::auth::account::mails::{self, Desk};
use crate::auth::account::policy;
use crate::base::{Email, NewPassword, Result, UserId};
use crate::components::line::Line;
use crate::components::mail::messages;
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::guesses::steps::pardon;
use crate::identity::{House, Scope, Tenant, User};
use crate::proofs::steps::kill_all;
use crate::proofs::{Presented, Proof, Purpose};
use crate::sessions::steps::end_all;

/// Sets a new password by a proof of the mailbox. Every session of the person ends, everywhere.
///
/// Refuses with `validator.error` a password that the tenant does not take, which uses nothing up, and with
/// `authPasswordBased.resetPassword.invalidResetToken` whatever the proof lacks, all alike; with
/// `server.internal.rateLimit` who types codes too fast.
#[instrument(name = "account.reset_password", skip_all)]
pub async fn reset_password(scope: &Scope, presented: Presented, password: NewPassword) -> Result<()> {
    let tenant = scope.tenant()?.clone();
    let address = address_of(scope, &presented).await?;
    policy::check(&tenant, &password, &[&address])?;
    let claim = Claim::new(scope, Purpose::ResetPassword, presented).await?;
    let hash = claim.hash(scope, tenant.id, &password).await?;
    let house = scope.house.clone();
    let reset = claim.redeem(scope, move |tx, proof| set(tx, (&house, &tenant), proof, (&password, &hash)));
    reset.await?.ok_or_else(|| INVALID_RESET_TOKEN.because("proof"))
}

/// A link that is dead already costs no hash: 256 bits are not guessed by asking how long it took.
async fn address_of(scope: &Scope, presented: &Presented) -> Result<String> {
    let token = match presented {
        Presented::Code(typed) => return Ok(typed.address.as_str().to_string()),
        Presented::Link(token) => token.hash(),
    };
    let (now, tenant) = (scope.now(), scope.tenant_id()?);
    let proof = scope.read(move |conn| Ok(Proof::peek(conn, Purpose::ResetPassword, &token, now)?)).await?;
    proof
        .filter(|proof| proof.tenant_id == tenant)
        .map(|proof| proof.address)
        .ok_or_else(|| INVALID_RESET_TOKEN.because("proof"))
}

fn set(
    tx: &mut Tx,
    (house, tenant): (&House, &Tenant),
    proof: &Proof,
    (password, hash): (&NewPassword, &str),
) -> Result<Option<()>> {
    let Some(user) = proof.user_id else { return Ok(None) };
    let active = User::lock(tx.conn, user)?.filter(User::is_active);
    let login = Login::of(tx.conn, user)?.filter(|login| login.email == proof.address);
    let (Some(person), Some(login)) = (active, login) else { return Ok(None) };
    // Refused, it takes the use of the proof back with it.
    policy::check_personal(tenant, password, &[&login.email, person.name.as_deref().unwrap_or_default()])?;
    Login::set_password(tx.conn, user, hash, tx.now)?;
    expel(tx, user, "passwordReset")?;
    // The mailbox has spoken: who was kept out by strangers' guesses may knock again.
    pardon(tx, &house.vault, person.tenant_id, user)?;
    tx.audit(Audit::success("account.reset_password").of("user", user))?;
    tx.throw(Happened::new("doorward.user.post.resetPassword", "user", user))?;
    let desk = Desk { house, tenant, locale: mails::locale(tenant, person.locale.as_deref(), None) };
    if let Ok(email) = Email::parse(&login.email) {
        let device = tx.cause.user_agent.as_deref().map(Line::new);
        desk.send(tx, &email, messages::PasswordChanged { at: tx.now, device })?;
    }
    Ok(Some(()))
}

/// Whoever was in is out, and whatever was decided from the old password must be decided again.
pub(super) fn expel(tx: &mut Tx, user: UserId, reason: &'static str) -> Result<()> {
    User::raise_epoch(tx.conn, user, tx.now)?;
    end_all(tx, user, None, None, reason)?;
    kill_all(tx, user)?;
    tx.forget(Forget::User(user))
}
