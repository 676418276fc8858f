//! The REST transport: an actix request goes through the gate to a route's event, and its result becomes a response.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Map, Value};
use tracing::Instrument;

use super::gate;
use super::house::House;
use super::route::{Access, Method, Route, Source};
use super::telling::{self, Known, Telling};
use crate::base::error::{
    INTERNAL, INVALID, METHOD_NOT_ALLOWED, NOT_FOUND, STALE, TOO_LARGE, UNPARSABLE, UNSUPPORTED_MEDIA_TYPE,
};
use crate::base::{Error, FieldError, RequestId, Result};
use crate::http::answer::Content;
use crate::http::{Answer, Incoming, problem, strict};

/// Where the routes stand; the original's also at the root.
pub const PREFIX: &str = "/api/v1";
/// A body that takes longer to arrive holds its place for nothing.
const BODY_PATIENCE: Duration = Duration::from_secs(15);

/// Mounts every route at its canonical path, and the original's also where they were.
pub fn mount(config: &mut ServiceConfig, house: &House, routes: &[Arc<Route>]) {
    let mut places: Vec<(String, Vec<Arc<Route>>)> = Vec::new();
    let mut add = |path: String, route: &Arc<Route>| match places.iter_mut().find(|(known, _)| *known == path)
    {
        Some((_, there)) => there.push(route.clone()),
        None => places.push((path, vec![route.clone()])),
    };
    for route in routes {
        if !route.hidden {
            add(format!("{PREFIX}{}", route.path), route);
        }
        if route.hidden || route.original {
            add(route.path.to_string(), route);
        }
    }
    for (path, there) in places {
        let mut resource = web::resource(path.as_str());
        for route in &there {
            resource = resource.route(handler(house.clone(), route.clone()));
        }
        let (house, allowed) = (house.clone(), allowed(&there));
        config.service(resource.default_service(web::to(move |request: HttpRequest| {
            otherwise(house.clone(), allowed.clone(), request)
        })));
    }
}

fn handler(house: House, route: Arc<Route>) -> actix_web::Route {
    let verb = match route.method {
        Method::Get => web::get(),
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
    let mut words: Vec<&str> = routes.iter().map(|route| route.method.word()).collect();
    words.push("OPTIONS");
    words.join(", ")
}

async fn serve(house: House, route: Arc<Route>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let id = RequestId::new();
    let telling = Telling::begin(&route, id);
    let span = telling.span.clone();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let answered = async {
        let mut known = Known::nothing(telling.span.clone());
        let carried = AssertUnwindSafe(carry_out(&house, &route, (&request, id), payload, &mut known));
        let (outcome, whole) = match carried.catch_unwind().await {
            Ok(outcome) => (outcome, true),
            // Told by the hook, in a line of its own.
            Err(_) => (Err(INTERNAL.error()), false),
        };
        if let Err(error) = &outcome {
            telling::deny(&house, &route, (&request, id), (&known, error)).await;
        }
        (outcome, whole)
    };
    let (outcome, whole) = answered.instrument(span).await;
    let answer = match outcome {
        Ok(answer) => {
            telling.end(answer.status, None);
            answer
        }
        Err(error) => {
            // Logged once, here: the only place where it is handled.
            if let Error::Internal(cause) = &error {
                telling.span.in_scope(|| tracing::error!(%cause, "internal error"));
            }
            telling.end(error.status(), Some(&error));
            problem::answer(&error, id)
        }
    };
    let mut response = respond(&house, answer, id, origin).await;
    if !whole {
        // Half of the request may still be unread.
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}

async fn carry_out(
    house: &House,
    route: &Arc<Route>,
    (request, id): (&HttpRequest, RequestId),
    payload: Payload,
    known: &mut Known,
) -> Result<Answer> {
    if request.uri().to_string().len() > house.config.limits.url.get() {
        return Err(TOO_LARGE.saying("The URL is longer than this server takes."));
    }
    let incoming = Incoming::read(request, id, &house.proxies)?;
    let scope = gate::admit(house, route, incoming.clone(), known).await?;
    let reading = tracing::debug_span!("input");
    let input = input(house, route, &incoming, payload).instrument(reading).await?;
    match route.run(scope, input.clone()).await {
        // What the gate saw has moved: once more from the door, and then no more.
        Err(Error::Stale) => {
            let scope = gate::admit(house, route, incoming, known).await?;
            match route.run(scope, input).await {
                Err(Error::Stale) => Err(STALE.error()),
                outcome => outcome,
            }
        }
        outcome => outcome,
    }
}

/// One object out of body or query, and path. The path decides; a member that says otherwise is refused.
async fn input(house: &House, route: &Route, incoming: &Incoming, payload: Payload) -> Result<Value> {
    let mut members = match (route.source, route.method) {
        (Source::Query, _) => from_text(&incoming.query),
        (Source::Json, Method::Delete) => Map::new(),
        (Source::Json, _) => json_body(house, route, incoming, payload).await?,
        (Source::Form, Method::Get) => from_text(&incoming.query),
        (Source::Form, _) => form_body(house, incoming, payload).await?,
    };
    for (name, value) in &incoming.params {
        if members.contains_key(name) {
            let path = format!("$.{name}");
            return Err(INVALID.with(vec![FieldError::new(
                path,
                "validator.keys",
                "The path already says this.",
            )]));
        }
        members.insert(name.clone(), Value::String(value.clone()));
    }
    Ok(Value::Object(members))
}

fn from_text(pairs: &std::collections::BTreeMap<String, String>) -> Map<String, Value> {
    pairs.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect()
}

async fn json_body(
    house: &House,
    route: &Route,
    incoming: &Incoming,
    payload: Payload,
) -> Result<Map<String, Value>> {
    let bytes = body(house, payload).await?;
    // A browser's logout or refresh may say nothing at all; everything else is JSON.
    if bytes.is_empty() && incoming.content_type.is_none() && !route.cookie {
        return Ok(Map::new());
    }
    if !incoming.content_type.as_deref().is_some_and(gate::is_json) {
        return Err(UNSUPPORTED_MEDIA_TYPE.error());
    }
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match strict::parse(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(INVALID.with(vec![FieldError::new("$", "validator.object", "Send an object.")])),
        // Where it stopped, never what stood there: bodies hold passwords.
        Err(error) => Err(UNPARSABLE.saying(format!(
            "Not readable as JSON at line {}, column {}.",
            error.line(),
            error.column()
        ))),
    }
}

async fn form_body(house: &House, incoming: &Incoming, payload: Payload) -> Result<Map<String, Value>> {
    let is_form = |text: &str| text.split(';').next() == Some("application/x-www-form-urlencoded");
    if !incoming.content_type.as_deref().is_some_and(is_form) {
        return Err(UNSUPPORTED_MEDIA_TYPE.saying("Send the page's own form."));
    }
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(&body(house, payload).await?) {
        if value.contains('\0')
            || members.insert(name.into_owned(), Value::String(value.into_owned())).is_some()
        {
            return Err(UNPARSABLE.saying("The form could not be read."));
        }
    }
    Ok(members)
}

async fn body(house: &House, mut payload: Payload) -> Result<Vec<u8>> {
    let limit = house.config.limits.body.get();
    let read = async {
        let mut bytes = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| UNPARSABLE.saying("The body ended before its time."))?;
            if bytes.len() + chunk.len() > limit {
                return Err(TOO_LARGE.error());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(BODY_PATIENCE, read)
        .await
        .unwrap_or_else(|_| Err(UNPARSABLE.saying("The body came too slowly.")))
}

/// A method that the path does not take, or a browser that asks before it calls.
async fn otherwise(house: House, allowed: String, request: HttpRequest) -> HttpResponse {
    let id = RequestId::new();
    let origin = request.headers().get(header::ORIGIN).cloned();
    if request.method() != actix_web::http::Method::OPTIONS {
        Telling::stray(&request, id).end(405, Some(&METHOD_NOT_ALLOWED.error()));
        let answer = problem::answer(&METHOD_NOT_ALLOWED.error(), id).header("allow", allowed);
        return respond(&house, answer, id, origin).await;
    }
    let peer = request.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default();
    if let Err(wait) = house.limiter.spend("address", peer.as_bytes(), 1) {
        return respond(&house, problem::answer(&wait.into(), id), id, None).await;
    }
    let answer = Answer::new(204, Content::Empty)
        .header("access-control-allow-methods", allowed)
        .header("access-control-allow-headers", "authorization, content-type, doorward-client, idempotency-key, if-match, x-tenant-origin, x-lpc-tenant-origin")
        .header("access-control-max-age", "7200");
    respond(&house, answer, id, origin).await
}

/// What no route stands at.
pub async fn nowhere(house: House, request: HttpRequest) -> HttpResponse {
    let id = RequestId::new();
    let origin = request.headers().get(header::ORIGIN).cloned();
    Telling::stray(&request, id).end(404, Some(&NOT_FOUND.error()));
    respond(&house, problem::answer(&NOT_FOUND.error(), id), id, origin).await
}

/// Headers that every answer carries; what an answer sets itself wins.
const ALWAYS: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("cross-origin-opener-policy", "same-origin"),
    (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
    ),
    ("vary", "Origin"),
];

const EXPOSED: &str = "retry-after, etag, doorward-request-id, www-authenticate";

async fn respond(house: &House, answer: Answer, id: RequestId, origin: Option<HeaderValue>) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in ALWAYS {
        response.insert_header((*name, *value));
    }
    response.insert_header(("doorward-request-id", id.to_string()));
    if let Some(origin) = origin
        && let Ok(text) = origin.to_str()
        && gate::is_known(house, text, "").await.unwrap_or(false)
    {
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
    for cookie in &answer.cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie.header()) {
            response.append_header((header::SET_COOKIE, value));
        }
    }
    match answer.body {
        Content::Json(body) => response.content_type("application/json").body(body.to_string()),
        Content::Raw(media_type, bytes) => response.content_type(media_type).body(bytes),
        Content::Empty => response.finish(),
    }
}

/// Whether a route may be called by nobody at all: such routes are few, and a test names them.
pub fn is_open(route: &Route) -> bool {
    matches!(route.access, Access::Open | Access::Tenant | Access::Perhaps)
}
