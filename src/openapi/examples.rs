//! Sample requests, made from their schemas: what a member is called says what people write there.

use serde_json::{Map, Value, json};

use super::shapes::Shapes;

/// Deeper shapes would be lists of themselves.
const DEEPEST: usize = 6;

pub fn sample(schema: &Value, shapes: &Shapes) -> Value {
    of(None, schema, shapes, DEEPEST)
}

fn of(name: Option<&str>, schema: &Value, shapes: &Shapes, depth: usize) -> Value {
    let schema = shapes.resolve(schema);
    let known = schema.get("examples").and_then(|examples| examples.get(0));
    if let Some(known) = known.or(schema.get("example")).or(schema.get("const")) {
        return known.clone();
    }
    if let Some(first) = schema.get("enum").and_then(|choices| choices.get(0)) {
        return first.clone();
    }
    for ways in ["oneOf", "anyOf", "allOf"] {
        if let Some(first) = schema.get(ways).and_then(|ways| ways.get(0)) {
            return if depth == 0 { Value::Null } else { of(name, first, shapes, depth - 1) };
        }
    }
    match kind(schema) {
        "object" if depth > 0 => object(schema, shapes, depth - 1),
        "array" if depth > 0 => {
            schema.get("items").map_or(json!([]), |items| json!([of(None, items, shapes, depth - 1)]))
        }
        "object" => json!({}),
        "array" => json!([]),
        "boolean" => json!(true),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(1)),
        "null" => Value::Null,
        _ => text(name.unwrap_or_default(), schema).into(),
    }
}

/// The type, or the first of several: `["string", "null"]` is a string that may be left out.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or("string"),
        _ if schema.get("properties").is_some() => "object",
        _ => "string",
    }
}

fn object(schema: &Value, shapes: &Shapes, depth: usize) -> Value {
    let Some(members) = schema.get("properties").and_then(Value::as_object) else { return json!({}) };
    let sample = |(name, schema): (&String, &Value)| (name.clone(), of(Some(name), schema, shapes, depth));
    Value::Object(members.iter().map(sample).collect::<Map<_, _>>())
}

fn text(name: &str, schema: &Value) -> &'static str {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    match (name, format) {
        (_, "email") => "ada@example.com",
        (_, "password") => "violet-kettle-orbit-47",
        (_, "date-time") => "2026-11-22T12:00:00Z",
        (_, "uri") => "https://app.example.com/welcome",
        ("refreshToken", _) => "dwr_1_…",
        ("token", _) => "eyJ0eXAiOiJhdCtqd3Qi…",
        ("code" | "otp", _) => "12345678",
        ("locale" | "language", _) => "nl",
        ("continueUrl" | "continueTo", _) => "https://app.example.com/welcome",
        ("name" | "displayName", _) => "Ada",
        (name, _) if name == "id" || name.ends_with("Id") || name == "user" => {
            "0199d3a0-7b1c-7000-8000-000000000001"
        }
        (name, _) if name.ends_with("Token") => "dw_…",
        _ => "text",
    }
}
