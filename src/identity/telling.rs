//! What is told of each request: a span for the recorder, a line in the log, numbers, and a record if it was refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use tracing::field::Empty;
use tracing::{Span, record_all};

use super::denials::{self, Denied};
use super::gate;
use super::house::House;
use super::meters::Meters;
use super::route::Route;
use super::scope::Scope;
use crate::base::{Error, RequestId, TenantId};
use crate::components::limiter::network;
use crate::components::metrics::names;
use crate::db::tx::{Actor, Cause};
use crate::http::{Incoming, address};

const AFTERWARDS: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// The event of a request that no route takes.
const NOWHERE: &str = "router.nowhere";

/// What the gate found out, also when it then refused.
pub struct Known {
    /// The request's own.
    span: Span,
    scope: Option<Scope>,
}

impl Known {
    pub fn nothing(span: Span) -> Self {
        Self { span, scope: None }
    }

    pub fn learn(&mut self, scope: &Scope) {
        let tenant = scope.tenant.as_ref().map(|tenant| tenant.id.0.as_u128());
        let actor = scope.actor().id.map(|actor| actor.as_u128());
        record_all!(self.span, tenant, actor);
        self.scope = Some(scope.clone());
    }

    /// Where the request was let in, or would have been.
    pub fn tenant(&self) -> Option<TenantId> {
        self.scope.as_ref().and_then(|scope| scope.tenant.as_ref()).map(|tenant| tenant.id)
    }

    fn is_at(&self, tenant: Option<TenantId>) {
        if let Some(tenant) = tenant {
            self.span.record("tenant", tenant.0.as_u128());
        }
    }
}

/// One request from its first to its last moment.
pub struct Telling {
    pub span: Span,
    house: House,
    began: Instant,
    event: &'static str,
    meters: Arc<Meters>,
    /// A tool of development asks every few seconds.
    quiet: bool,
}

impl Telling {
    pub fn begin(house: &House, route: &Route, id: RequestId) -> Self {
        let meters = route.meters.clone();
        Self { meters, ..Self::named(house, (route.method.word(), route.path, route.name), id) }
    }

    /// A request that no route takes. Its path is not told: it may hold anything.
    pub fn stray(house: &House, request: &HttpRequest, id: RequestId) -> Self {
        let method = match request.method().as_str() {
            "GET" => "GET",
            "HEAD" => "HEAD",
            "POST" => "POST",
            _ => "OTHER",
        };
        Self::named(house, (method, "*", NOWHERE), id)
    }

    /// A socket that opens; what it says later is told call by call.
    pub fn socket(house: &House, id: RequestId) -> Self {
        Self::named(house, ("GET", "/socket.io/", "sockets.open"), id)
    }

    fn named(
        house: &House,
        (method, path, event): (&'static str, &'static str, &'static str),
        id: RequestId,
    ) -> Self {
        // An error's level, so that no filter of the log takes the request away from the lines inside it. Ids go as
        // numbers: each layer would write them out for itself.
        let span = tracing::error_span!(
            "request",
            request = id.0.as_u128(),
            method,
            route = path,
            event,
            tenant = Empty,
            actor = Empty,
            outcome = Empty,
            status = Empty,
            key = Empty,
            reason = Empty,
            address = Empty,
        );
        let (house, began, meters) = (house.clone(), Instant::now(), Arc::default());
        Self { span, house, began, event, meters, quiet: path.starts_with("/_dev") }
    }

    pub fn end(&self, status: u16, error: Option<&Error>) {
        let outcome = match (status, error) {
            (500.., _) => "failed",
            (_, Some(_)) => "refused",
            _ => "ok",
        };
        record_all!(self.span, outcome, status);
        if let Some(error) = error {
            self.span.record("key", error.key());
            metrics::counter!(names::REFUSALS, "key" => error.key()).increment(1);
        }
        if let Some(reason) = error.and_then(reason) {
            self.span.record("reason", reason);
        }
        let took = self.began.elapsed().as_secs_f64();
        let millis = (took * 100_000.0).round() / 100.0;
        self.span.in_scope(|| match (self.quiet, self.alike(status, error)) {
            (true, _) => tracing::debug!(millis, "answered"),
            (false, Alike::Single) => tracing::info!(millis, "answered"),
            (false, Alike::Summed(count)) => tracing::info!(millis, count, "answered"),
            (false, Alike::Unsaid) => {}
        });
        self.meters.count(self.event, status, took);
    }
}

enum Alike {
    Single,
    /// Speaks for so many since the last line.
    Summed(u64),
    Unsaid,
}

impl Telling {
    /// What strangers can have answered as often as they like is one line a second: limits, and paths that are none.
    fn alike(&self, status: u16, error: Option<&Error>) -> Alike {
        let what = match error {
            Some(error) if matches!(status, 429 | 503) => reason(error).unwrap_or(error.key()),
            Some(_) if self.event == NOWHERE => NOWHERE,
            _ => return Alike::Single,
        };
        let due = self.house.flood.due(what, self.house.clock.now(), Duration::from_secs(1));
        due.map_or(Alike::Unsaid, Alike::Summed)
    }
}

/// A proxy that nobody declared: all its callers share one address, and with it one limit. Said once an hour. The
/// address of a stranger is not told, that of a neighbour is what the operator needs.
pub fn undeclared_proxy(house: &House, incoming: &Incoming) {
    // The gate of a development server refuses such a request.
    if !incoming.forwarded || incoming.by_proxy || house.config.environment.is_development() {
        return;
    }
    let Some(count) = house.flood.due("undeclaredProxy", house.clock.now(), HOUR) else { return };
    let peer = if address::is_near(incoming.address) {
        incoming.address.to_string()
    } else {
        house.disguise.of(incoming.address)
    };
    tracing::warn!(
        peer,
        count,
        "a forwarded header came from an address that is no declared proxy, and was not believed; if it is yours, name it in proxies.trusted"
    );
}

/// What an answer that is made already may still look up: a database that fell silent must not keep it back.
pub async fn soon<T>(wanted: impl Future<Output = Option<T>>) -> Option<T> {
    tokio::time::timeout(AFTERWARDS, wanted).await.ok().flatten()
}

/// Notes a refusal for the audit, and tells which tenant it was at.
pub async fn deny(
    house: &House,
    route: &Route,
    incoming: Option<&Incoming>,
    (known, error): (&Known, &Error),
) -> Option<TenantId> {
    let status = error.status();
    let incoming = incoming?;
    known.span.record("address", house.disguise.of(incoming.address));
    let cause = match &known.scope {
        Some(scope) => scope.cause(),
        None => stranger(house, incoming).await,
    };
    let tenant = cause.tenant;
    known.is_at(tenant);
    if !denials::matters(status) {
        return tenant;
    }
    house.denials.note(Denied {
        at: house.clock.now(),
        cause,
        network: network(incoming.address),
        action: route.name,
        status,
        key: error.key(),
        reason: reason(error).unwrap_or(error.key()),
    });
    tenant
}

/// Somebody without a credential that holds, at the tenant that they address.
async fn stranger(house: &House, incoming: &Incoming) -> Cause {
    Cause {
        tenant: soon(gate::addressed(house, incoming)).await,
        actor: Actor::NOBODY,
        session: None,
        request: Some(incoming.request.0),
        causation: None,
        address: Some(incoming.address.to_string()),
        user_agent: incoming.user_agent.clone(),
    }
}

fn reason(error: &Error) -> Option<&'static str> {
    if let Error::Refused(refused) = error { refused.reason } else { None }
}
