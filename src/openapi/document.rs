//! The OpenAPI 3.1 document of a route table.

use serde_json::{Map, Value, json};

use super::shapes::Shapes;
use super::{errors, operation};
use crate::identity::Route;
use crate::identity::serve;

/// Every route but the hidden ones, by path and method.
pub fn document(routes: &[Route]) -> Value {
    let mut shapes = Shapes::new();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes.iter().filter(|route| !route.hidden) {
        let described = operation::describe(route, &mut shapes);
        let path = serve::places(route).first().map(|place| template(place)).unwrap_or_default();
        if let Value::Object(methods) = paths.entry(path).or_insert_with(|| json!({})) {
            methods.insert(route.method.word().to_lowercase(), described);
        }
    }
    paths.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": info(),
        "servers": [{ "url": "/", "description": "A tenant's API host." }],
        "tags": tags(routes),
        "paths": paths,
        "components": {
            "schemas": shapes.components(),
            "examples": examples(routes),
            "parameters": parameters(),
            "headers": { "RetryAfter": {
                "description": "Seconds to wait before the next try.",
                "schema": { "type": "integer", "minimum": 1 },
            } },
            "securitySchemes": security_schemes(),
        },
    })
}

/// Names of schemas that mean more than one shape: none of them would be right in the document.
pub fn conflicts(routes: &[Route]) -> Vec<String> {
    let mut shapes = Shapes::new();
    for route in routes.iter().filter(|route| !route.hidden) {
        operation::describe(route, &mut shapes);
    }
    shapes.conflicts()
}

/// A router's pattern as the document writes it: a parameter may span slashes there, and says nothing of it.
pub fn template(pattern: &str) -> String {
    pattern.replace(":.+}", "}")
}

fn info() -> Value {
    json!({
        "title": "Doorward",
        "version": "1",
        "summary": "Keeps the door for many tenants: who may come in, as whom, with what rights, from which device and for how long.",
        "description": "Paths under `/api/v1` are canonical; `x-aliases` names where the original had them. Every refusal \
            has one body (RFC 9457) whose `key` is the contract; `docs/errors.md` lists all keys. Changes within v1 \
            only add.",
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    })
}

fn tags(routes: &[Route]) -> Vec<Value> {
    let shown = routes.iter().filter(|route| !route.hidden);
    let mut rooms: Vec<&str> = shown.map(operation::room).collect();
    rooms.sort_unstable();
    rooms.dedup();
    rooms.into_iter().map(|room| json!({ "name": room })).collect()
}

/// One example for each refusal that some route may give, named by its key.
fn examples(routes: &[Route]) -> Map<String, Value> {
    let shown = routes.iter().filter(|route| !route.hidden);
    let mut given: Vec<_> = shown.flat_map(errors::of).collect();
    given.sort_by_key(|refusal| refusal.key);
    given.dedup_by_key(|refusal| refusal.key);
    let example =
        |refusal| json!({ "summary": errors::sentence(refusal), "value": errors::example(refusal) });
    given.into_iter().map(|refusal| (refusal.key.to_string(), example(refusal))).collect()
}

fn parameters() -> Value {
    json!({
        "DoorwardClient": {
            "name": "Doorward-Client",
            "in": "header",
            "description": "The public id of the calling app. Needed where the host belongs to no single tenant; \
                without it a tenant's default client is meant.",
            "schema": { "type": "string" },
            "example": "demo-app",
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "At least 128 random bits. The same call with the same key is given the same answer for a day, and \
                does nothing more.",
            "schema": { "type": "string", "minLength": 22, "maxLength": 255 },
            "example": "Zk3vV1mYx0qJ8s2LrT5cWg",
        },
    })
}

fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http", "scheme": "bearer", "bearerFormat": "at+jwt",
            "description": "The access token of a live session.",
        },
        "pendingBearer": {
            "type": "http", "scheme": "bearer", "bearerFormat": "login-pending+jwt",
            "description": "The token of a login that still needs a factor; good for nothing else.",
        },
        "clientBasic": {
            "type": "http", "scheme": "basic",
            "description": "Public id and secret of a client of kind `server`.",
        },
    })
}
