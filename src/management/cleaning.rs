//! What nobody will ask for again is deleted, a few hundred rows a transaction so that no request waits for it.

use std::time::Duration;

use super::entity::turns as entity;
use crate::base::{Result, Timestamp};
use crate::components::metrics::names;
use crate::db::{Above, DbConn};
use crate::identity::job::Outcome;
use crate::identity::{Claimed, Handler, Scope, once};
use crate::jobs::entity::look;
use crate::{guesses, sessions};

pub const BATCH: i64 = 500;
/// So long after its end a refresh token is still told that its session has ended.
const SESSIONS: Duration = Duration::from_secs(14 * DAY);
/// Guesses are counted in a row, so a short memory would be a way to go on guessing.
const GUESSES: Duration = Duration::from_secs(30 * DAY);
const DAY: u64 = 24 * 3600;
pub const PATIENCE: Duration = Duration::from_secs(600);

pub fn handlers() -> Vec<Handler> {
    vec![
        Handler::new("jobs.clean", jobs).at("0 1 * * *").within(PATIENCE),
        Handler::new("domainEvents.clean", domain_events).at("20 1 * * *").within(PATIENCE),
        Handler::new("sessions.clean", ended_sessions).at("0 2 * * *").within(PATIENCE),
        Handler::new("pendingLogins.clean", pending_logins).at("0 */2 * * *").within(PATIENCE),
        Handler::new("idempotencyKeys.clean", idempotency_keys).at("50 * * * *").within(PATIENCE),
        Handler::new("guesses.clean", counted_guesses).at("40 1 * * *").within(PATIENCE),
    ]
}

async fn jobs(scope: Scope, _: Claimed) -> Outcome {
    let than = scope.now() - scope.house.config.jobs.keep;
    Ok(all(&scope, "jobs", move |conn| Ok(look::clean_done(conn, than, BATCH)?)).await?)
}

async fn domain_events(scope: Scope, _: Claimed) -> Outcome {
    let than = scope.now() - scope.house.config.events.keep;
    Ok(all(&scope, "domain_events", move |conn| Ok(look::clean_domain_events(conn, than, BATCH)?)).await?)
}

async fn ended_sessions(scope: Scope, _: Claimed) -> Outcome {
    let than = scope.now() - SESSIONS;
    Ok(all(&scope, "sessions", move |conn| Ok(sessions::entity::clean(conn, than, BATCH)?)).await?)
}

async fn pending_logins(scope: Scope, _: Claimed) -> Outcome {
    let now = scope.now();
    let batch = move |conn: &mut DbConn| Ok(entity::clean_pending_logins(conn, now, BATCH)?);
    Ok(all(&scope, "pending_logins", batch).await?)
}

async fn idempotency_keys(scope: Scope, _: Claimed) -> Outcome {
    let than = scope.now() - scope.house.config.lifetimes.idempotent_recovery;
    Ok(all(&scope, "idempotency_keys", move |conn| Ok(once::clean(conn, than, BATCH)?)).await?)
}

async fn counted_guesses(scope: Scope, _: Claimed) -> Outcome {
    let than: Timestamp = scope.now() - GUESSES;
    Ok(all(&scope, "guess_counters", move |conn| Ok(guesses::clean(conn, than, BATCH)?)).await?)
}

/// Until nothing is left. For other rooms too.
pub async fn all(
    scope: &Scope,
    table: &'static str,
    batch: impl Fn(&mut DbConn) -> Result<usize> + Clone + Send + 'static,
) -> Result<()> {
    let mut rows = 0;
    loop {
        let batch = batch.clone();
        let gone = scope.house.db.above(Above::Housekeeping).write(move |conn| batch(conn)).await?;
        rows += gone;
        if gone == 0 {
            break;
        }
    }
    tracing::info!(table, rows, "cleaned");
    metrics::counter!(names::CLEANED, "table" => table).increment(u64::try_from(rows).unwrap_or(u64::MAX));
    Ok(())
}
