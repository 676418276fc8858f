//! Somebody logs in with an address and a password.

use serde_json::json;
use tracing::instrument;

use super::{NOT_VERIFIED, WRONG_LOGIN};
use crate::auth::password::entity::{Candidate, PasswordLogin};
use crate::auth::password::steps::{self, Entry};
use crate::base::{Email, Error, Password, PlainToken, Result, UserId};
use crate::components::hasher::Verdict;
use crate::db::tx::Audit;
use crate::guesses::{self, Attempt, Counted, Held, KnownDevice};
use crate::http::Cookie;
use crate::identity::Scope;
use crate::sessions::answers::TokenPair;
use crate::sessions::device::Device;
use crate::users::{Arrived, arrival};

pub struct Login {
    pub email: Email,
    pub password: Password,
    pub device: Option<Device>,
    pub known_device: Option<PlainToken>,
}

/// Starts a session, or a pending login when a factor is due.
///
/// Refuses with `authPasswordBased.login.invalidEmailPasswordCombination`, whatever was wrong and after the same work;
/// with `.emailNotVerified`, `actions.denied` and `actions.unanswered` after the right password only; with
/// `server.internal.rateLimit` who guesses too fast.
#[instrument(name = "password.login", skip_all)]
pub async fn login(scope: &Scope, login: Login) -> Result<(TokenPair, Vec<Cookie>)> {
    guesses::events::budget(scope)?;
    let tenant = scope.tenant()?.clone();
    let (id, asked) = (tenant.id, login.email.clone());
    let candidate = scope.read(move |conn| Ok(Candidate::named(conn, id, &asked)?)).await?;
    let known = KnownDevice::presented(scope, login.known_device.as_ref());
    let known = known.filter(|known| candidate.as_ref().is_some_and(|c| c.user.id == known.user));
    let counters =
        steps::counters(&scope.house, (id, login.email.as_str()), candidate.as_ref(), known.as_ref())?;
    let counted = guesses::events::count(scope, counters).await?;
    // Somebody whose password does not count here is hashed against a decoy, like a blocked key and a stranger.
    let usable = candidate.filter(|candidate| candidate.is_accepted_at(&tenant));
    let verdict = verify(scope, &login.password, usable.as_ref(), &counted).await?;
    let Counted::Open(attempt) = counted else { return Err(WRONG_LOGIN.because("blocked")) };
    // A known device's own counter holds that device alone.
    let begins =
        if attempt.begins_hold && known.is_none() { Some(Held::at(scope, login.email)?) } else { None };
    let seen = judge(scope, usable, (verdict, begins), &attempt).await?;
    permitted(scope, &seen, &attempt).await?;
    let entry =
        Entry { device: login.device, counters: attempt.counters.clone(), ..Entry::new(scope, seen, known)? };
    let fresh =
        if verdict.rehash { Some(scope.house.hasher.hash(Some(id), &login.password).await?) } else { None };
    let arrived = enter(scope, entry, fresh).await?;
    arrival::answer(scope, arrived, known, None).await
}

/// One hash, whoever it is, through the same queue; then the answer waits as long as the slowest scheme takes.
async fn verify(
    scope: &Scope,
    password: &Password,
    candidate: Option<&Candidate>,
    counted: &Counted,
) -> Result<Verdict> {
    let stored = candidate.and_then(Candidate::hash).filter(|_| matches!(counted, Counted::Open(_)));
    let outcome = scope.house.hasher.verify(scope.tenant.as_ref().map(|t| t.id), password, stored).await;
    match outcome {
        Ok(verdict) => {
            hold(scope, &verdict).await?;
            Ok(verdict)
        }
        Err(busy) => {
            if let Counted::Open(attempt) = counted {
                guesses::events::give_back(scope, attempt).await?;
            }
            Err(busy)
        }
    }
}

/// While a tenant holds hashes of another system, time must not tell whose is one of them.
async fn hold(scope: &Scope, verdict: &Verdict) -> Result<()> {
    let (house, tenant) = (&scope.house, scope.tenant_id()?);
    let holds = match house.foreign_hashes.get(&tenant) {
        Some(known) => known,
        None => {
            let example = scope.read(move |conn| Ok(PasswordLogin::foreign_hash(conn, tenant)?)).await?;
            if let Some(example) = &example {
                house.hasher.rehearse(example).await?;
            }
            house.foreign_hashes.insert(tenant, example.is_some());
            example.is_some()
        }
    };
    if holds {
        tokio::time::sleep(house.hasher.foreign_floor().saturating_sub(verdict.took)).await;
    }
    Ok(())
}

/// Who got the password right and may come in; or a refusal, written down with its reason.
async fn judge(
    scope: &Scope,
    candidate: Option<Candidate>,
    (verdict, begins): (Verdict, Option<Held>),
    attempt: &Attempt,
) -> Result<Candidate> {
    let user = candidate.as_ref().map(|candidate| candidate.user.id);
    let reason = match &candidate {
        None => Some("unknown"),
        Some(candidate) if candidate.hash().is_none() => Some("noPassword"),
        Some(_) if !verdict.matches => Some("wrongPassword"),
        Some(candidate) if !candidate.user.is_active() => Some("disabled"),
        Some(_) => None,
    };
    let (Some(candidate), None) = (candidate, reason) else {
        return refuse(scope, (user, reason.unwrap_or("unknown")), begins).await;
    };
    if candidate.login.as_ref().is_some_and(|login| login.verified_at.is_none()) {
        let (counters, user) = (attempt.counters.clone(), candidate.user.id);
        let write = scope.write(move |tx| {
            guesses::steps::forgive(tx, &counters)?;
            tx.audit(Audit::refused("password.login", "notVerified").of("user", user))
        });
        write.await?;
        return Err(NOT_VERIFIED.error());
    }
    Ok(candidate)
}

/// Who got the password right has not guessed, whatever the tenant's own rules say of them.
async fn permitted(scope: &Scope, seen: &Candidate, attempt: &Attempt) -> Result<()> {
    let refused = match scope.ask(arrival::question(scope, Some(seen.user.id), "password")?).await {
        Ok(()) => return Ok(()),
        Err(refused) => refused,
    };
    let counters = attempt.counters.clone();
    scope.write(move |tx| guesses::steps::forgive(tx, &counters)).await?;
    Err(refused)
}

async fn refuse<T>(
    scope: &Scope,
    (user, reason): (Option<UserId>, &'static str),
    begins: Option<Held>,
) -> Result<T> {
    let house = scope.house.clone();
    let write = scope.write(move |tx| {
        let audit = Audit::refused("password.login", reason);
        tx.audit(match user {
            Some(user) => audit.of("user", user),
            None => audit,
        })?;
        begins.as_ref().map_or(Ok(()), |held| guesses::hold::begin(tx, &house.vault, held, user))
    });
    write.await?;
    Err(WRONG_LOGIN.because(reason))
}

/// The one write: everything that was decided is looked at once more, under the person's lock.
async fn enter(scope: &Scope, entry: Entry, fresh: Option<String>) -> Result<Arrived> {
    let user = entry.seen.user.id;
    let write = scope.write(move |tx| {
        let Some(held) = entry.admit(tx)? else {
            tx.audit(Audit::refused("password.login", "changedMeanwhile").of("user", user))?;
            return Ok(None);
        };
        entry.rehash(tx, fresh.as_deref())?;
        let known = entry.known.is_some();
        tx.audit(Audit::success("password.login").of("user", user).with(json!({ "knownDevice": known })))?;
        entry.enter(tx, held).map(Some)
    });
    let arrived: Result<Option<Arrived>, Error> = write.await;
    arrived?.ok_or_else(|| WRONG_LOGIN.because("changedMeanwhile"))
}
