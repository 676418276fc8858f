//! The REST transport: an actix request goes through the gate to a route's event, and its result becomes a response.

use std::convert::Infallible;
use std::sync::Arc;

use actix_web::guard::{self, GuardContext};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use tracing::Instrument;

use super::carry;
use super::gate;
use super::house::House;
use super::reading::input;
use super::route::{Access, Method, Route, Source};
use super::telling::{self, Known, Telling};
use crate::base::error::{METHOD_NOT_ALLOWED, NOT_FOUND};
use crate::base::{Error, RequestId, Result, TenantId};
use crate::components::limits;
use crate::http::answer::Content;
use crate::http::incoming::SERVICE_METHOD;
use crate::http::{Answer, Incoming, edge, incoming, problem};

/// Where the routes stand; the original's also at the root.
pub const PREFIX: &str = "/api/v1";

/// Where a route answers: its canonical place, then the original's.
pub fn places(route: &Route) -> Vec<String> {
    let at_root = route.hidden || route.standard;
    let canonical = (!at_root).then(|| format!("{PREFIX}{}", route.path));
    let rooted = (at_root || route.original).then(|| route.path.to_string());
    canonical.into_iter().chain(rooted).collect()
}

/// The router's own table: each path once, with the routes that answer there.
pub fn table(routes: &[Arc<Route>]) -> Vec<(String, Vec<Arc<Route>>)> {
    let mut table: Vec<(String, Vec<Arc<Route>>)> = Vec::new();
    for route in routes {
        for place in places(route) {
            match table.iter_mut().find(|(known, _)| *known == place) {
                Some((_, there)) => there.push(route.clone()),
                None => table.push((place, vec![route.clone()])),
            }
        }
    }
    table
}

/// Mounts every route at its places.
pub fn mount(config: &mut ServiceConfig, house: &House, routes: &[Arc<Route>]) {
    for (path, mut there) in table(routes) {
        let mut resource = web::resource(path.as_str());
        let named = by_header(routes, &path);
        for (route, verb) in named.iter().cloned() {
            let is_meant = guard::fn_guard(move |asked| method_of(asked) == Some(verb.as_bytes()));
            resource = resource.route(handler(house.clone(), route).guard(is_meant));
        }
        for route in &there {
            let mut plain = handler(house.clone(), route.clone());
            // A word that is none of ours must not pass for the creation of something.
            if route.source == Source::Call && route.method == Method::Post {
                plain = plain.guard(guard::fn_guard(|asked| method_of(asked).is_none()));
            }
            resource = resource.route(plain);
        }
        there.extend(named.into_iter().map(|(route, _)| route));
        let (house, allowed) = (house.clone(), allowed(&there));
        config.service(resource.default_service(web::to(move |request: HttpRequest| {
            otherwise(house.clone(), allowed.clone(), request)
        })));
    }
}

fn method_of<'r>(asked: &'r GuardContext<'_>) -> Option<&'r [u8]> {
    asked.head().headers().get(SERVICE_METHOD).map(HeaderValue::as_bytes)
}

/// The methods of a service that are called at its own path.
fn by_header(routes: &[Arc<Route>], place: &str) -> Vec<(Arc<Route>, &'static str)> {
    let named = routes.iter().filter_map(|route| Some((route, route.by_header?)));
    let here = named.filter(|(_, (path, _))| format!("{PREFIX}{path}") == place);
    here.map(|(route, (_, verb))| (route.clone(), verb)).collect()
}

fn handler(house: House, route: Arc<Route>) -> actix_web::Route {
    let verb = match route.method {
        // RFC 9110, section 9.3.2: whoever takes GET takes HEAD; the body is left out below us.
        Method::Get => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
        Method::Post => web::post(),
        Method::Put => web::put(),
        Method::Patch => web::patch(),
        Method::Delete => web::delete(),
    };
    verb.to(move |request: HttpRequest, payload: Payload| {
        serve(house.clone(), route.clone(), request, payload)
    })
}

fn allowed(routes: &[Arc<Route>]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in routes.iter().map(|route| route.method.word()) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if words.contains(&"GET") {
        words.push("HEAD");
    }
    words.push("OPTIONS");
    words.join(", ")
}

async fn serve(house: House, route: Arc<Route>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let id = RequestId::new();
    let telling = Telling::begin(&house, &route, id);
    let mut known = Known::nothing(telling.span.clone());
    // Boxed once: what wraps it moves a pointer, and not the kilobytes of everything that a route may do.
    let carried = Box::pin(carry_out(&house, &route, (&request, id), payload, &mut known));
    let (outcome, whole) = carry::guarded(&route, &telling, carried).await;
    let mut tenant = known.tenant();
    let answer = match outcome {
        Ok(answer) => {
            telling.end(answer.status, None);
            answer
        }
        Err(error) => {
            let incoming = Incoming::read(&request, id, &house.proxies).ok();
            let denied = telling::deny(&house, &route, incoming.as_ref(), (&known, &error));
            tenant = tenant.or(denied.instrument(telling.span.clone()).await);
            telling.end(error.status(), Some(&error));
            refused(&error, id)
        }
    };
    let mut response = respond(&house, answer, id, &Reader::of(&request, tenant)).await;
    if !whole {
        // Half of the request may still be unread.
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}

fn refused(error: &Error, id: RequestId) -> Answer {
    let answer = problem::answer(error, id);
    // RFC 6749, section 5.2: the challenge names the scheme that the client has to use.
    if error.is(&gate::INVALID_CLIENT) {
        answer.header("www-authenticate", "Basic realm=\"doorward\"")
    } else {
        answer
    }
}

async fn carry_out(
    house: &House,
    route: &Arc<Route>,
    (request, id): (&HttpRequest, RequestId),
    payload: Payload,
    known: &mut Known,
) -> Result<Answer> {
    edge::check(request, sizes(house))?;
    let mut incoming = Incoming::read(request, id, &house.proxies)?;
    if route.source == Source::Bytes {
        incoming = incoming.signed(request)?;
    }
    let incoming = Arc::new(incoming);
    carry::carry(house, route, &incoming, known, input(house, route, &incoming, payload)).await
}

pub fn sizes(house: &House) -> edge::Sizes {
    let limits = &house.config.limits;
    edge::Sizes { headers: limits.headers.get(), url: limits.url.get(), body: limits.body.get() }
}

/// A method that the path does not take, or a browser that asks before it calls.
pub async fn otherwise(house: House, allowed: String, request: HttpRequest) -> HttpResponse {
    let id = RequestId::new();
    if let Err(error) = outside(&house, &request) {
        Telling::stray(&house, &request, id).end(error.status(), Some(&error));
        return respond(&house, problem::answer(&error, id), id, &Reader::default()).await;
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.to_ascii_lowercase();
    let tenant = telling::soon(async { house.tenant_at(&host).await.ok().flatten() }).await;
    let reader = Reader::of(&request, tenant);
    if request.method() != actix_web::http::Method::OPTIONS {
        Telling::stray(&house, &request, id).end(405, Some(&METHOD_NOT_ALLOWED.error()));
        let answer = problem::answer(&METHOD_NOT_ALLOWED.error(), id).header("allow", allowed);
        return respond(&house, answer, id, &reader).await;
    }
    let answer = Answer::new(204, Content::Empty)
        .header("access-control-allow-methods", allowed)
        .header("access-control-allow-headers", "authorization, content-type, doorward-client, idempotency-key, if-match, x-service-method, x-tenant-origin, x-lpc-tenant-origin")
        .header("access-control-max-age", "7200");
    respond(&house, answer, id, &reader).await
}

/// What comes before a request that no route takes is the same as before one that a route does: form and address.
fn outside(house: &House, request: &HttpRequest) -> Result<()> {
    edge::check(request, sizes(house))?;
    let address = incoming::address_of(request, &house.proxies);
    Ok(house.limiter.spend_at(limits::ADDRESS, &[], address)?)
}

/// What no route stands at.
pub async fn nowhere(house: House, request: HttpRequest) -> HttpResponse {
    let id = RequestId::new();
    let telling = Telling::stray(&house, &request, id);
    let (error, reader) = match outside(&house, &request) {
        Ok(()) => (NOT_FOUND.error(), Reader::of(&request, None)),
        Err(error) => (error, Reader::default()),
    };
    telling.end(error.status(), Some(&error));
    respond(&house, problem::answer(&error, id), id, &reader).await
}

/// Whose page would read the answer, at which host, and whose answer it is.
#[derive(Default)]
pub struct Reader {
    origin: Option<HeaderValue>,
    host: String,
    tenant: Option<TenantId>,
}

impl Reader {
    pub fn of(request: &HttpRequest, tenant: Option<TenantId>) -> Self {
        let origin = request.headers().get(header::ORIGIN).cloned();
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        Self { origin, host: host.unwrap_or_default().to_ascii_lowercase(), tenant }
    }

    /// The origin to name. Where the look-up fails nobody reads.
    async fn allowed(&self, house: &House) -> Option<&HeaderValue> {
        let origin = self.origin.as_ref()?;
        let text = origin.to_str().ok()?;
        let may = async { gate::may_read(house, text, &self.host, self.tenant).await.ok() };
        telling::soon(may).await.unwrap_or(false).then_some(origin)
    }
}

/// Headers that every answer carries; what an answer sets itself wins.
static ALWAYS: [(HeaderName, HeaderValue); 8] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains")),
    (header::CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
    // Pages elsewhere may not even load an answer as a script or a picture (XS-Leaks); CORS is not concerned.
    (header::CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
        ),
    ),
    (header::VARY, HeaderValue::from_static("Origin")),
];

const REQUEST_ID: HeaderName = HeaderName::from_static("doorward-request-id");
const EXPOSED: &str = "retry-after, etag, doorward-request-id, www-authenticate";

pub async fn respond(house: &House, answer: Answer, id: RequestId, reader: &Reader) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in &ALWAYS {
        response.insert_header((name.clone(), value.clone()));
    }
    response.insert_header((REQUEST_ID, id.to_string()));
    if matches!(answer.status, 400 | 408 | 413 | 414 | 431) {
        // What follows on this connection may be the rest of what was refused (INJ-12).
        response.force_close();
    }
    if let Some(origin) = reader.allowed(house).await {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
        response.insert_header((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"));
        response.insert_header((header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED));
    }
    for (name, value) in &answer.headers {
        // A value that cannot be a header is left out rather than sent broken (WEB-8).
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value)) {
            response.insert_header((name, value));
        }
    }
    for cookie in answer.cookies.iter().filter(|cookie| cookie.is_plain()) {
        if let Ok(value) = HeaderValue::from_str(&cookie.header()) {
            response.append_header((header::SET_COOKIE, value));
        }
    }
    match answer.body {
        Content::Json(body) => response.content_type("application/json").body(body.to_string()),
        Content::Raw(media_type, bytes) => response.content_type(media_type).body(bytes),
        Content::Streaming(media_type, following) => match following.take() {
            Some(following) => {
                response.content_type(media_type).streaming(following.map(Ok::<_, Infallible>))
            }
            None => response.finish(),
        },
        Content::Empty => response.finish(),
    }
}

/// Whether a route may be called by nobody at all: such routes are few, and a test names them.
pub fn is_open(route: &Route) -> bool {
    matches!(route.access, Access::Open | Access::Tenant | Access::Perhaps)
}
