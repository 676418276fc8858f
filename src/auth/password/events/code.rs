//! The mailed code: typed for the one login that it was mailed for.

use tracing::instrument;

use super::{CODE_NOT_DUE, WRONG_CODE};
use crate::auth::password::entity::Candidate;
use crate::auth::password::steps::{self, Entry};
use crate::base::{Email, Error, PlainToken, ProofRequestId, RecordId, Result};
use crate::db::tx::{Audit, Tx};
use crate::guesses::{self, Counted, KnownDevice};
use crate::http::Cookie;
use crate::identity::gate::REVOKED;
use crate::identity::{Factors, Next, PendingLogin, Scope};
use crate::proofs::{self, Purpose, Typed};
use crate::sessions::answers::TokenPair;
use crate::users::{Arrived, arrival};

pub struct VerifyOtp {
    pub otp: String,
    pub request: ProofRequestId,
    pub known_device: Option<PlainToken>,
}

/// Finishes a login that waits for the mailed code.
///
/// Refuses with `authPasswordBased.verifyOtp.invalid`: wrong, used, expired, tried too often, mailed for another login,
/// or the account's guesses are spent. With `.notEnabled` where another factor is due.
#[instrument(name = "password.verify_otp", skip_all)]
pub async fn verify_otp(scope: &Scope, input: VerifyOtp) -> Result<(TokenPair, Vec<Cookie>)> {
    guesses::events::budget(scope)?;
    let pending = due(scope)?;
    let seen = candidate(scope, &pending).await?;
    let address = address(&seen)?;
    let known = KnownDevice::presented(scope, input.known_device.as_ref());
    let known = known.filter(|known| known.user == seen.user.id);
    let counters =
        steps::counters(&scope.house, (pending.tenant_id, address.as_str()), Some(&seen), known.as_ref())?;
    let Counted::Open(attempt) = guesses::events::count(scope, counters).await? else {
        return Err(WRONG_CODE.because("blocked"));
    };
    let typed = Typed { address, request: input.request, code: input.otp };
    let device = pending.device.clone().and_then(|device| serde_json::from_value(device.0).ok());
    let entry = Entry { device, counters: attempt.counters.clone(), ..Entry::new(scope, seen, known)? };
    let arrived = scope.write(move |tx| finish(tx, &entry, &pending, &typed)).await?;
    let arrived = arrived.map_err(|reason| WRONG_CODE.because(reason))?;
    arrival::answer(scope, arrived, known, None).await
}

fn due(scope: &Scope) -> Result<PendingLogin> {
    let pending = scope.pending()?;
    // A mailed code is no way around a stronger factor (W-05).
    if pending.next == Next::Otp { Ok((**pending).clone()) } else { Err(CODE_NOT_DUE.error()) }
}

async fn candidate(scope: &Scope, pending: &PendingLogin) -> Result<Candidate> {
    let (tenant, user) = (pending.tenant_id, pending.user_id);
    let found = scope.read(move |conn| Ok(Candidate::member(conn, tenant, user)?)).await?;
    found.filter(|found| found.user.epoch == pending.user_epoch).ok_or_else(|| REVOKED.error())
}

fn address(candidate: &Candidate) -> Result<Email> {
    let login = candidate.login.as_ref().and_then(|login| Email::parse(&login.email).ok());
    login.ok_or_else(|| Error::internal("a pending code without an address"))
}

/// A wrong code commits, since its try must stay counted; the refusal comes after.
fn finish(
    tx: &mut Tx,
    entry: &Entry,
    pending: &PendingLogin,
    typed: &Typed,
) -> Result<Result<Arrived, &'static str>> {
    let user = pending.user_id;
    let refused = |tx: &mut Tx, reason| {
        tx.audit(Audit::refused("password.verify_otp", reason).of("user", user))?;
        Ok(Err(reason))
    };
    let proof = proofs::steps::consume_code(tx, &entry.house, Purpose::LoginCode, typed)?;
    let Some(proof) = proof else { return refused(tx, "wrongCode") };
    if proof.subject_id != Some(RecordId::of(pending.id.0)) {
        return refused(tx, "anotherLogin");
    }
    let Some(held) = entry.admit(tx)? else { return refused(tx, "changedMeanwhile") };
    if PendingLogin::consume(tx.conn, pending.tenant_id, pending.id, tx.now)?.is_none() {
        return refused(tx, "finishedMeanwhile");
    }
    let mut factors: Factors = pending.factors.0.clone();
    factors.methods.push("otp".into());
    tx.audit(Audit::success("password.verify_otp").of("user", user))?;
    Entry { factors, ..entry.clone() }.enter(tx, held).map(Ok)
}

/// Mails another code for the same login.
///
/// Refuses with `authPasswordBased.verifyOtp.notEnabled`, and with `server.internal.rateLimit` beyond a few an hour.
#[instrument(name = "password.resend_otp", skip_all)]
pub async fn resend_otp(scope: &Scope) -> Result<ProofRequestId> {
    let pending = due(scope)?;
    scope.house.limiter.spend("mail", pending.user_id.as_bytes(), 1)?;
    let seen = candidate(scope, &pending).await?;
    let address = address(&seen)?;
    let entry = Entry::new(scope, seen, None)?;
    let write = scope.write(move |tx| {
        if entry.admit(tx)?.is_none() {
            return Err(REVOKED.error());
        }
        tx.audit(Audit::success("password.resend_otp").of("user", pending.user_id))?;
        arrival::mail_code(tx, &entry.house, &pending, &address, entry.locale)
    });
    write.await
}
