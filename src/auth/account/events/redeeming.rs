//! A proof from a mail is used up. A link cannot be guessed; a typed code can, so each one is a guess.

use crate::base::{Email, NewPassword, Result, TenantId, UserId};
use crate::db::tx::Tx;
use crate::guesses::{self, Attempt, Counted};
use crate::identity::{Scope, User};
use crate::proofs::steps::{consume, peeked, person};
use crate::proofs::{Presented, Proof, Purpose};

/// What somebody brought, counted where it can be guessed.
pub struct Claim {
    purpose: Purpose,
    presented: Presented,
    guess: Guess,
}

enum Guess {
    /// 256 bits are not guessed; a budget would only let strangers close the one way in that is always open.
    Link,
    Open(Attempt),
    Blocked,
}

impl Claim {
    /// Counts a typed code before anybody looks at it: for the network, the tenant, the address and the person. Those
    /// budgets outlive the code's own five tries, so that asking for new codes gives no new guesses.
    ///
    /// Refuses with `server.internal.rateLimit`.
    pub async fn new(scope: &Scope, purpose: Purpose, presented: Presented) -> Result<Self> {
        let Presented::Code(typed) = &presented else {
            return Ok(Self { purpose, presented, guess: Guess::Link });
        };
        guesses::events::budget(scope)?;
        let (tenant, now, brought) = (scope.tenant_id()?, scope.now(), presented.clone());
        let user = scope.read(move |conn| person(conn, (tenant, purpose), &brought, now)).await?;
        let counters = guesses::steps::of_mailbox(&scope.house.vault, tenant, typed.address.as_str(), user)?;
        let guess = match guesses::events::count(scope, counters).await? {
            Counted::Open(attempt) => Guess::Open(attempt),
            Counted::Blocked => Guess::Blocked,
        };
        Ok(Self { purpose, presented, guess })
    }

    /// What the proof is about, unless nobody may look at it.
    pub async fn whose(&self, scope: &Scope) -> Result<Option<(Email, Option<UserId>)>> {
        if matches!(self.guess, Guess::Blocked) {
            return Ok(None);
        }
        let (of, now, brought) = ((scope.tenant_id()?, self.purpose), scope.now(), self.presented.clone());
        let proof = scope.read(move |conn| peeked(conn, of, &brought, now)).await?;
        Ok(proof.and_then(|proof| Some((Email::parse(&proof.address).ok()?, proof.user_id))))
    }

    /// The new password's hash, made for whoever brings whatever. A guess that nobody could look at does not count.
    pub async fn hash(&self, scope: &Scope, tenant: TenantId, password: &NewPassword) -> Result<String> {
        let hashed = scope.house.hasher.hash(Some(tenant), password.as_password()).await;
        if let (Err(_), Guess::Open(attempt)) = (&hashed, &self.guess) {
            guesses::events::give_back(scope, attempt).await?;
        }
        hashed
    }

    /// Uses the proof up and does what it is for, in one transaction. None for whatever it lacks: wrong, unknown,
    /// expired, used, tried too often, or a budget is spent. What was counted stays counted then.
    pub async fn redeem<T: Send + 'static>(
        self,
        scope: &Scope,
        mut then: impl FnMut(&mut Tx, &Proof) -> Result<Option<T>> + Send + 'static,
    ) -> Result<Option<T>> {
        if matches!(self.guess, Guess::Blocked) {
            return Ok(None);
        }
        let (house, tenant) = (scope.house.clone(), scope.tenant_id()?);
        let Self { purpose, presented, guess: _in_flight } = self;
        let write = scope.write(move |tx| {
            if let Some(user) = person(tx.conn, (tenant, purpose), &presented, tx.now)? {
                User::lock(tx.conn, user)?;
            }
            let Some(proof) = consume(tx, &house, purpose, &presented)? else { return Ok(None) };
            // The mailbox has spoken, by link or by code: whoever was kept from typing may type again.
            let mailbox = guesses::steps::of_mailbox(&house.vault, tenant, &proof.address, proof.user_id)?;
            guesses::steps::reopen(tx, tenant, &mailbox)?;
            then(tx, &proof)
        });
        write.await
    }
}
