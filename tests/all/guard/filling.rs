//! Every route's input, filled in by its schema: what a caller would send, with one place of it written otherwise.

use doorward::identity::route::Source;
use doorward::identity::{Access, Route, serve};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};

use crate::ground::app::{App, Door, Reply, SECRET};
use crate::ground::people::{Holder, PASSWORD};

/// What a route takes.
pub struct Form {
    /// The least that it takes.
    usual: Value,
    /// The names on the way to each value, required or not.
    pub places: Vec<Vec<String>>,
    /// The members at the top that name a row by its id, those in the path too.
    pub ids: Vec<String>,
}

impl Form {
    pub fn of(route: &Route) -> Self {
        let mut generator = schemars::SchemaGenerator::default();
        let schema = (route.input)(&mut generator).map(|schema| schema.to_value()).unwrap_or_default();
        let mut places = Vec::new();
        let mut ids = ids(resolved(&schema, generator.definitions()), generator.definitions());
        if route.source == Source::Call && route.path.contains("{id}") {
            ids.push("id".into());
        }
        let usual = walk(&schema, generator.definitions(), &mut Vec::new(), &mut places);
        places.retain(|place| !route.path.contains(&format!("{{{}}}", place.join("."))));
        Self { usual, places, ids }
    }

    /// The usual input with another value at one place, or at all of them.
    pub fn with(&self, places: &[Vec<String>], value: &Value) -> Value {
        let mut input = if self.usual.is_object() { self.usual.clone() } else { json!({}) };
        for place in places {
            let mut at = &mut input;
            for name in place {
                if !at.is_object() {
                    *at = json!({});
                }
                at = at.as_object_mut().unwrap().entry(name.clone()).or_insert(Value::Null);
            }
            *at = value.clone();
        }
        input
    }

    pub fn names(&self) -> Vec<&str> {
        self.places.iter().map(|place| place[0].as_str()).collect()
    }
}

fn walk(
    schema: &Value,
    known: &Map<String, Value>,
    way: &mut Vec<String>,
    places: &mut Vec<Vec<String>>,
) -> Value {
    let schema = resolved(schema, known);
    let Some(members) = schema["properties"].as_object().filter(|_| way.len() < 4) else {
        places.extend((!way.is_empty()).then(|| way.clone()));
        return usual(way.last().map_or("", String::as_str), schema);
    };
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut filled = Map::new();
    for (name, member) in members {
        way.push(name.clone());
        let value = walk(member, known, way, places);
        way.pop();
        if required.contains(&json!(name)) {
            filled.insert(name.clone(), value);
        }
    }
    Value::Object(filled)
}

fn ids(schema: &Value, known: &Map<String, Value>) -> Vec<String> {
    let members = schema["properties"].as_object().into_iter().flatten();
    let is_id = |member: &Value| resolved(member, known)["description"] == "An opaque id.";
    members.filter(|(_, member)| is_id(member)).map(|(name, _)| name.clone()).collect()
}

/// What a reference stands for; of alternatives the first that is something.
fn resolved<'s>(schema: &'s Value, known: &'s Map<String, Value>) -> &'s Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return resolved(&known[name], known);
    }
    let alternatives = ["anyOf", "oneOf", "allOf"].iter().find_map(|word| schema[*word].as_array());
    match alternatives.and_then(|all| all.iter().find(|one| one["type"] != "null")) {
        Some(one) if schema["properties"].is_null() => resolved(one, known),
        _ => schema,
    }
}

fn usual(name: &str, schema: &Value) -> Value {
    let is = |word: &str| {
        schema["type"] == word || schema["type"].as_array().is_some_and(|all| all.contains(&json!(word)))
    };
    match name.to_lowercase() {
        name if name.contains("email") => json!("ada@a.example"),
        name if name.contains("password") => json!(PASSWORD),
        _ if schema["enum"].is_array() => schema["enum"][0].clone(),
        name if name.ends_with("id") => json!("0199d3a0-7b1c-7000-8000-000000000001"),
        _ if is("boolean") => json!(true),
        _ if is("integer") => json!(1),
        _ if is("array") => json!([]),
        _ if is("object") => json!({}),
        _ => json!("plain"),
    }
}

/// Calls a route with an input, as whoever it is for.
pub async fn call(app: &App, (door, holder): (&Door, &Holder), route: &Route, input: &Value) -> Reply {
    let path = serve::places(route).remove(0).replace("{user}", &holder.user.to_string());
    let request = asked(app, door, (route, &path), input);
    Reply::of(match route.access {
        Access::Server => request.basic_auth("a-backend", Some(SECRET)),
        _ => request.bearer_auth(&holder.access),
    })
    .await
}

/// A request to a route at this path, without a credential.
pub fn asked(app: &App, door: &Door, (route, path): (&Route, &str), input: &Value) -> RequestBuilder {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let members = input.as_object().unwrap().iter();
    let members = members.filter(|(name, _)| !route.path.contains(&format!("{{{name}}}")));
    let pairs: Vec<(String, String)> = members.map(|(name, value)| (name.clone(), text(value))).collect();
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let of_query = route.source == Source::Query || route.method.word() == "GET";
    let path = if of_query { format!("{path}?{query}") } else { path.to_owned() };
    let request = app.request(door, route.method.word().parse::<Method>().unwrap(), &path);
    match route.source {
        _ if of_query => request,
        Source::Query => request,
        Source::Call if route.method.word() == "DELETE" => request,
        Source::Json | Source::Call | Source::Bytes => {
            let body: Map<String, Value> = input.as_object().unwrap().clone();
            let own = body.into_iter().filter(|(name, _)| !route.path.contains(&format!("{{{name}}}")));
            request.json(&Value::Object(own.collect()))
        }
        Source::Form => request.header("content-type", "application/x-www-form-urlencoded").body(query),
    }
}
