//! One route as the document describes it.

use serde_json::{Map, Value, json};

use super::errors;
use super::examples;
use super::shapes::{Input, Shapes};
use crate::base::error::Refusal;
use crate::http::problem;
use crate::identity::route::Source;
use crate::identity::{Access, Method, Route, serve};

pub fn describe(route: &Route, shapes: &mut Shapes) -> Value {
    let input = shapes.input(route);
    let mut described = json!({
        "operationId": operation_id(route.name),
        "summary": route.summary,
        "tags": [room(route)],
        "responses": responses(route, shapes),
        "security": security(route.access),
    });
    let mut add = |name: &str, value: Value| {
        if let Value::Object(members) = &mut described {
            members.insert(name.into(), value);
        }
    };
    let parameters = parameters(route, &input);
    if !parameters.is_empty() {
        add("parameters", parameters.into());
    }
    if let Some(body) = body(route, &input, shapes) {
        add("requestBody", body);
    }
    if let Access::Permission(permission) = route.access {
        add("x-permission", permission.into());
    }
    let aliases: Vec<String> = serve::places(route).into_iter().skip(1).collect();
    if !aliases.is_empty() {
        add("x-aliases", aliases.into());
    }
    described
}

/// The first part of an event's name.
pub fn room(route: &Route) -> &'static str {
    route.name.split('.').next().unwrap_or(route.name)
}

/// `sessions.logout_one` is `sessionsLogoutOne`.
fn operation_id(name: &str) -> String {
    let mut parts = name.split(['.', '_']);
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |name, part| {
        let mut letters = part.chars();
        let head = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &head.into_iter().chain(letters).collect::<String>()
    })
}

fn security(access: Access) -> Value {
    match access {
        Access::Open | Access::Tenant => json!([]),
        Access::Perhaps => json!([{}, { "bearer": [] }]),
        Access::Session | Access::Permission(_) => json!([{ "bearer": [] }]),
        Access::Pending => json!([{ "pendingBearer": [] }]),
        Access::SessionOrPending => json!([{ "bearer": [] }, { "pendingBearer": [] }]),
        Access::Server => json!([{ "clientBasic": [] }]),
    }
}

fn parameters(route: &Route, input: &Input) -> Vec<Value> {
    let parameter = |name: &String, at: &str| {
        let schema = input.members.get(name).cloned().unwrap_or(json!({ "type": "string" }));
        let required = at == "path" || input.required.contains(name);
        json!({ "name": name, "in": at, "required": required, "schema": schema })
    };
    let in_path = input.in_path.iter().map(|name| parameter(name, "path"));
    let mut all: Vec<Value> = in_path.collect();
    if takes_query(route) {
        all.extend(input.elsewhere().map(|name| parameter(name, "query")));
    }
    if matches!(route.access, Access::Tenant | Access::Perhaps) {
        all.push(json!({ "$ref": "#/components/parameters/DoorwardClient" }));
    }
    if route.creates || route.name == "sessions.refresh" {
        all.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
    }
    all
}

fn takes_query(route: &Route) -> bool {
    route.source == Source::Query || route.method == Method::Get
}

fn body(route: &Route, input: &Input, shapes: &Shapes) -> Option<Value> {
    if takes_query(route) || route.method == Method::Delete || input.elsewhere().next().is_none() {
        return None;
    }
    let media_type = match route.source {
        Source::Form => "application/x-www-form-urlencoded",
        _ => "application/json",
    };
    let schema = input.body();
    let example = examples::sample(&schema, shapes);
    let required = input.elsewhere().any(|name| input.required.contains(name));
    let content = json!({ media_type: { "schema": schema, "example": example } });
    Some(json!({ "required": required, "content": content }))
}

fn responses(route: &Route, shapes: &mut Shapes) -> Map<String, Value> {
    let mut responses = Map::new();
    let mut done = json!({ "description": "Done." });
    if let (Some(schema), Value::Object(members)) = (shapes.output(route), &mut done) {
        members.insert("content".into(), json!({ "application/json": { "schema": schema } }));
    }
    responses.insert(route.status.to_string(), done);
    let refusals = errors::of(route);
    for group in refusals.chunk_by(|one, other| one.status == other.status) {
        let Some(first) = group.first() else { continue };
        responses.insert(first.status.to_string(), refusal(first.status, group));
    }
    responses
}

fn refusal(status: u16, group: &[&'static Refusal]) -> Value {
    let example = |refusal: &&Refusal| {
        (refusal.key.to_string(), json!({ "$ref": format!("#/components/examples/{}", refusal.key) }))
    };
    let examples: Map<String, Value> = group.iter().map(example).collect();
    let keys: Vec<String> = group.iter().map(|refusal| format!("`{}`", refusal.key)).collect();
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    let mut described = json!({
        "description": keys.join(", "),
        "content": { problem::MEDIA_TYPE: { "schema": schema, "examples": examples } },
    });
    if let (429 | 503, Value::Object(members)) = (status, &mut described) {
        let header = json!({ "Retry-After": { "$ref": "#/components/headers/RetryAfter" } });
        members.insert("headers".into(), header);
    }
    described
}
