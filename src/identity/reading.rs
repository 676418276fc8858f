//! What a request brings, read into what its route takes: one object, or the parts of a call.

use std::time::Duration;

use actix_web::web::Payload;
use futures_util::StreamExt;
use serde_json::{Map, Value};

use super::gate;
use super::house::House;
use super::route::{Call, Input, Method, Question, Route, Source};
use crate::base::error::{INVALID, TOO_LARGE, TOO_SLOW, UNPARSABLE, UNSUPPORTED_MEDIA_TYPE};
use crate::base::{FieldError, Result};
use crate::http::{Incoming, incoming, strict};

/// A body that takes longer to arrive holds its place for nothing.
const BODY_PATIENCE: Duration = Duration::from_secs(15);

/// A service is given each part by itself, everything else one object.
pub(super) async fn input(
    house: &House,
    route: &Route,
    incoming: &Incoming,
    payload: Payload,
) -> Result<Input> {
    if route.source == Source::Bytes {
        return body(house, payload).await.map(Input::Bytes);
    }
    if route.source != Source::Call {
        return members(house, route, incoming, payload).await.map(Input::Members);
    }
    let mut params = incoming.params.clone();
    let mut data = match route.method {
        Method::Get | Method::Delete => Value::Null,
        _ => json_body(house, incoming, payload).await?,
    };
    // Where the path names no record, the body does.
    if route.by_header.is_some() && !params.contains_key("id") {
        let id = data.as_object_mut().and_then(|members| members.remove("id"));
        let id = id.as_ref().and_then(Value::as_str).unwrap_or_default();
        params.insert("id".into(), id.into());
    }
    Ok(Input::Call(Call { params, data, query: Question::Written(incoming.query.clone()) }))
}

/// One object out of body or query, and path. The path decides; a member that says otherwise is refused.
async fn members(house: &House, route: &Route, incoming: &Incoming, payload: Payload) -> Result<Value> {
    let queried = incoming::pairs(&incoming.query)?;
    let mut members = match (route.source, route.method) {
        (Source::Query, _) | (Source::Form, Method::Get) => from_text(&queried),
        (Source::Json, Method::Delete) | (Source::Call | Source::Bytes, _) => Map::new(),
        (Source::Json, _) => object(json_body(house, incoming, payload).await?)?,
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

fn object(value: Value) -> Result<Map<String, Value>> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(INVALID.with(vec![FieldError::new("$", "validator.object", "Send an object.")])),
    }
}

async fn json_body(house: &House, incoming: &Incoming, payload: Payload) -> Result<Value> {
    let nothing = || Value::Object(Map::new());
    let bytes = body(house, payload).await?;
    // Who has nothing to say need not say it in JSON; where a browser's cookie counts, the gate has asked for it.
    if bytes.is_empty() && incoming.content_type.is_none() {
        return Ok(nothing());
    }
    if !incoming.content_type.as_deref().is_some_and(gate::is_json) {
        return Err(UNSUPPORTED_MEDIA_TYPE.error());
    }
    if bytes.is_empty() {
        return Ok(nothing());
    }
    // Where it stopped, never what stood there: bodies hold passwords.
    strict::parse(&bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        UNPARSABLE.saying(format!("Not readable as JSON at line {line}, column {column}."))
    })
}

async fn form_body(house: &House, incoming: &Incoming, payload: Payload) -> Result<Map<String, Value>> {
    let is_form = |text: &str| text.split(';').next() == Some("application/x-www-form-urlencoded");
    if !incoming.content_type.as_deref().is_some_and(is_form) {
        return Err(UNSUPPORTED_MEDIA_TYPE.saying("Send the page's own form."));
    }
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(&body(house, payload).await?) {
        // U+FFFD stands where the bytes were no UTF-8.
        let broken = [&name, &value].iter().any(|text| text.contains(['\0', '\u{fffd}']));
        if broken || members.insert(name.into_owned(), Value::String(value.into_owned())).is_some() {
            return Err(UNPARSABLE.saying("The form could not be read."));
        }
    }
    Ok(members)
}

/// All of a body, which is neither too large nor too slow.
pub async fn body(house: &House, mut payload: Payload) -> Result<Vec<u8>> {
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
    tokio::time::timeout(BODY_PATIENCE, read).await.unwrap_or_else(|_| Err(TOO_SLOW.error()))
}
