//! Whoever is in shows once more who they are, before they change what a thief of their session would change.

use std::time::Duration;

use crate::base::{Email, Password, PlainToken, Result, TenantId, UserId};
use crate::components::hasher::Verdict;
use crate::db::tx::Audit;
use crate::guesses::{self, Counted, Counter, Held, KnownDevice};
use crate::identity::Scope;

/// A login that is younger than this is as good as the password.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// Whose password it is.
pub struct Account<'a> {
    pub home: TenantId,
    pub user: UserId,
    pub email: &'a str,
    pub password_hash: Option<&'a str>,
}

pub enum Shown {
    Yes,
    /// No password was sent, and the login is too old to speak for its owner.
    Stale,
    /// And why, for the log alone.
    Wrong(&'static str),
}

/// By the current password, or by a fresh login. Guesses at the password spend from the budget of every other guess.
///
/// Refuses with `server.internal.rateLimit` who guesses too fast.
pub async fn show(scope: &Scope, account: &Account<'_>, current: Option<&Password>) -> Result<Shown> {
    let Some(current) = current else {
        let age = scope.now().since(scope.live()?.authenticated_at);
        return Ok(if age < FRESH { Shown::Yes } else { Shown::Stale });
    };
    guesses::events::budget(scope)?;
    let counted = guesses::events::count(scope, counters(scope, account)?).await?;
    let verdict = verify(scope, account, current, &counted).await?;
    let Counted::Open(attempt) = counted else { return Ok(Shown::Wrong("blocked")) };
    if verdict.matches {
        guesses::events::clear(scope, attempt).await?;
        return Ok(Shown::Yes);
    }
    let (user, house) = (account.user, scope.house.clone());
    let begins = match Email::parse(account.email) {
        Ok(email) if attempt.begins_hold && known(scope, account).is_none() => Some(Held::at(scope, email)?),
        _ => None,
    };
    let write = scope.write(move |tx| {
        tx.audit(Audit::refused("password.confirm", "wrongPassword").of("user", user))?;
        begins.as_ref().map_or(Ok(()), |held| guesses::hold::begin(tx, &house.vault, held, Some(user)))
    });
    write.await?;
    Ok(Shown::Wrong("wrongPassword"))
}

/// As at the door: what they are called there, and who they are; or their known device.
fn counters(scope: &Scope, account: &Account<'_>) -> Result<Vec<Counter>> {
    let (house, tenant) = (&scope.house, scope.tenant_id()?);
    if let Some(known) = known(scope, account) {
        return Ok(vec![known.counter(house)?]);
    }
    Ok(vec![
        guesses::steps::of_identifier(&house.vault, tenant, account.email)?,
        guesses::steps::of_user(&house.vault, account.home, account.user)?,
    ])
}

fn known(scope: &Scope, account: &Account<'_>) -> Option<KnownDevice> {
    KnownDevice::presented(scope, None::<&PlainToken>).filter(|known| known.user == account.user)
}

async fn verify(
    scope: &Scope,
    account: &Account<'_>,
    current: &Password,
    counted: &Counted,
) -> Result<Verdict> {
    let stored = account.password_hash.filter(|_| matches!(counted, Counted::Open(_)));
    let verdict = scope.house.hasher.verify(Some(account.home), current, stored).await;
    if let (Err(_), Counted::Open(attempt)) = (&verdict, counted) {
        guesses::events::give_back(scope, attempt).await?;
    }
    verdict
}
