//! A guess is made: it is counted or refused before anybody looks whether it was right.

use tracing::instrument;

use super::entity::{self, Counter, Tried};
use super::{delay, steps};
use crate::base::{Error, Result};
use crate::components::limiter::{Guard, RetryAfter};
use crate::components::limits;
use crate::identity::Scope;

/// Guesses at one key that a node evaluates at the same time.
const IN_FLIGHT: u32 = 2;

/// A guess that was counted as wrong. Whoever finds it right clears its counters.
pub struct Attempt {
    pub counters: Vec<Counter>,
    /// It was the one from which on the next ones are held: its room tells the holder, once it proved wrong.
    pub begins_hold: bool,
    _in_flight: Vec<Guard>,
}

pub enum Counted {
    Open(Attempt),
    /// Whatever was typed is refused, right or wrong, after the same work as ever.
    Blocked,
}

/// What one address and one tenant may guess at all, whoever at. Costs nothing.
///
/// Refuses with `server.internal.rateLimit`.
pub fn budget(scope: &Scope) -> Result<()> {
    let tenant = scope.tenant_id()?;
    let limiter = &scope.house.limiter;
    let address = limiter.spend_at(limits::GUESSES, tenant.as_bytes(), scope.incoming.address);
    spent("address", address)?;
    spent("tenant", limiter.spend("guess-tenant", tenant.as_bytes(), 1))
}

/// The reason is for the audit, which is told of every refusal at the edge, and there alone.
fn spent<T>(reason: &'static str, outcome: Result<T, RetryAfter>) -> Result<T> {
    outcome.map_err(|wait| Error::from(wait).because(reason))
}

/// Counts a guess, durably and for all nodes, unless one of its counters is closed.
///
/// Refuses with `server.internal.rateLimit` when as many guesses at the key are being evaluated already.
#[instrument(name = "guesses.count", skip_all)]
pub async fn count(scope: &Scope, mut counters: Vec<Counter>) -> Result<Counted> {
    let (house, now) = (&scope.house, scope.now());
    counters.sort();
    counters.dedup();
    let closed = |counter: &Counter| house.blocks.get(&counter.key).is_some_and(|until| until > now);
    if counters.iter().any(closed) {
        return Ok(Counted::Blocked);
    }
    let in_flight = |counter: &Counter| {
        let key = [counter.tenant.as_bytes().as_slice(), &counter.key.0].concat();
        spent("inFlight", house.limiter.in_flight(&key, IN_FLIGHT))
    };
    let guards = counters.iter().map(in_flight).collect::<Result<Vec<_>>>()?;
    let (asked, steps) = (counters.clone(), delay::steps(now, &house.config.guesses));
    let view = house.db.within(scope.tenant_id()?);
    match view.write(move |conn| entity::count(conn, &asked, now, &steps)).await? {
        Tried::Open(failures) => {
            let begins_hold = failures == house.config.guesses.delay_from.get();
            Ok(Counted::Open(Attempt { counters, begins_hold, _in_flight: guards }))
        }
        Tried::Closed(closed) => {
            closed.into_iter().for_each(|(counter, until)| house.blocks.insert(counter.key, until));
            Ok(Counted::Blocked)
        }
    }
}

/// A guess that nobody looked at, because the server was too busy, does not count.
#[instrument(name = "guesses.give_back", skip_all)]
pub async fn give_back(scope: &Scope, attempt: &Attempt) -> Result<()> {
    let counters = attempt.counters.clone();
    let view = scope.house.db.within(scope.tenant_id()?);
    view.write(move |conn| Ok(counters.iter().try_for_each(|c| entity::give_back(conn, c, false))?)).await
}

/// For rooms that finish a right guess outside a transaction of their own.
#[instrument(name = "guesses.clear", skip_all)]
pub async fn clear(scope: &Scope, attempt: Attempt) -> Result<()> {
    scope.write(move |tx| steps::clear(tx, &attempt.counters)).await
}
