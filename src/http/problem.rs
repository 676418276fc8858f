//! One body for every refusal, on every transport: RFC 9457, with the members that Feathers clients read.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Content};
use crate::base::{Error, RequestId};

pub const MEDIA_TYPE: &str = "application/problem+json";

/// The problem as an object. What went wrong on our side stays opaque: the request id finds it in the log.
pub fn body(error: &Error, request: RequestId) -> Value {
    let (refusal, refused) = match error {
        Error::Refused(refused) => (refused.refusal, Some(refused)),
        Error::Stale => (&crate::base::error::STALE, None),
        Error::Internal(_) => (&crate::base::error::INTERNAL, None),
    };
    let detail = refused.and_then(|refused| refused.detail.as_deref()).unwrap_or(refusal.detail);
    let (name, class) = feathers(refusal.status);
    let fields = refused.map(|refused| refused.errors.as_slice()).unwrap_or_default();
    let errors: Map<String, Value> = fields
        .iter()
        .map(|field| (field.path.clone(), json!({ "key": field.key, "detail": field.detail })))
        .collect();
    let mut body = json!({
        "type": format!("urn:doorward:error:{}", refusal.key),
        "title": title(refusal.status),
        "status": refusal.status,
        "detail": detail,
        "instance": format!("urn:uuid:{request}"),
        "key": refusal.key,
        "requestId": request,
        "errors": errors,
        "name": name,
        "message": detail,
        "code": refusal.status,
        "className": class,
    });
    if let Some(data) = refused.and_then(|refused| refused.data.as_ref())
        && let Value::Object(members) = &mut body
    {
        members.insert("data".to_owned(), data.clone());
    }
    body
}

pub fn answer(error: &Error, request: RequestId) -> Answer {
    let bytes = body(error, request).to_string().into_bytes();
    let mut answer = Answer::new(error.status(), Content::Raw(MEDIA_TYPE, bytes));
    if let Error::Refused(refused) = error
        && let Some(seconds) = refused.retry_after
    {
        answer = answer.header("retry-after", seconds.to_string());
    }
    if error.status() == 401 {
        answer = answer.header("www-authenticate", "Bearer"); // RFC 6750, section 3
    }
    answer
}

fn title(status: u16) -> &'static str {
    actix_web::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}

/// The error classes of Feathers 5, by status.
fn feathers(status: u16) -> (&'static str, &'static str) {
    match status {
        401 => ("NotAuthenticated", "not-authenticated"),
        403 => ("Forbidden", "forbidden"),
        404 => ("NotFound", "not-found"),
        405 => ("MethodNotAllowed", "method-not-allowed"),
        406 => ("NotAcceptable", "not-acceptable"),
        408 => ("Timeout", "timeout"),
        409 => ("Conflict", "conflict"),
        422 => ("Unprocessable", "unprocessable"),
        429 => ("TooManyRequests", "too-many-requests"),
        503 => ("Unavailable", "unavailable"),
        500.. => ("GeneralError", "general-error"),
        _ => ("BadRequest", "bad-request"),
    }
}
