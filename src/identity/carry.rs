//! A call on its way, whatever transport brought it: through the gate, read, carried out, and told.

use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tracing::{Instrument, Span};

use super::gate;
use super::house::House;
use super::once;
use super::route::{Input, Method, Route};
use super::telling::{self, Known, Telling};
use crate::base::error::{BUSY, INTERNAL, STALE, UNDECIDED};
use crate::base::{Error, Result};
use crate::http::{Answer, Incoming};

/// For the rest: a statement may take 30 s, and a connection is waited for 2 s. A database that says nothing at all has
/// no limit of its own, and its silence must not become ours. What the answer looks up then makes it 35 at most.
const PATIENCE: Duration = Duration::from_millis(32_500);

/// A call whose input stands in the message that brought it.
pub async fn call(
    house: &House,
    route: &Arc<Route>,
    incoming: &Arc<Incoming>,
    input: Input,
) -> Result<Answer> {
    let telling = Telling::begin(house, route, incoming.request);
    let mut known = Known::nothing(telling.span.clone());
    let carried = Box::pin(carry(house, route, incoming, &mut known, ready(Ok(input))));
    let (outcome, _) = guarded(route, &telling, carried).await;
    match &outcome {
        Ok(answer) => telling.end(answer.status, None),
        Err(error) => {
            let denied = telling::deny(house, route, Some(incoming), (&known, error));
            denied.instrument(telling.span.clone()).await;
            telling.end(error.status(), Some(error));
        }
    }
    outcome
}

/// Through the gate; then the input, and the event.
pub(super) async fn carry(
    house: &House,
    route: &Arc<Route>,
    incoming: &Arc<Incoming>,
    known: &mut Known,
    input: impl Future<Output = Result<Input>>,
) -> Result<Answer> {
    telling::undeclared_proxy(house, incoming);
    let scope = gate::admit(house, route, incoming.clone(), known).await?;
    // A step of its own only where there is something to wait for.
    let reading = if route.method == Method::Get { Span::none() } else { tracing::debug_span!("input") };
    let input = input.instrument(reading).await?;
    match once::run(route, &scope, &input).await {
        // What the gate saw has moved: once more from the door, from nothing remembered, and then no more.
        Err(Error::Stale) => {
            scope.doubt();
            let scope = gate::admit(house, route, incoming.clone(), known).await?;
            match once::run(route, &scope, &input).await {
                Err(Error::Stale) => Err(STALE.error()),
                outcome => outcome,
            }
        }
        outcome => outcome,
    }
}

/// In time, and without falling; whether it stood to its end.
pub(super) async fn guarded(
    route: &Route,
    telling: &Telling,
    carried: impl Future<Output = Result<Answer>>,
) -> (Result<Answer>, bool) {
    let carried = AssertUnwindSafe(in_time(route, carried));
    let (outcome, whole) = match carried.catch_unwind().instrument(telling.span.clone()).await {
        Ok(outcome) => (outcome, true),
        // Told by the hook, in a line of its own.
        Err(_) => (Err(INTERNAL.error()), false),
    };
    // Logged once, here: the only place where it is handled.
    if let Err(Error::Internal(cause)) = &outcome {
        telling.span.in_scope(|| tracing::error!(%cause, "internal error"));
    }
    (outcome, whole)
}

async fn in_time(route: &Route, carried: impl Future<Output = Result<Answer>>) -> Result<Answer> {
    let late = if route.method == Method::Get { &BUSY } else { &UNDECIDED };
    tokio::time::timeout(PATIENCE, carried).await.unwrap_or_else(|_| Err(late.retry_after(1)))
}
