//! Input read into its type; what does not fit is told in words of JSON.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::base::error::INVALID;
use crate::base::{FieldError, Result};

/// Reads input into its type; what does not fit is named by its path.
pub fn read<I: DeserializeOwned>(input: Value) -> Result<I> {
    serde_path_to_error::deserialize(input).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => "$".to_string(),
            path => format!("$.{path}"),
        };
        INVALID.with(vec![field_error(path, &error.into_inner().to_string())])
    })
}

/// serde's words name types and members of ours, never what the caller sent; our own begin with their key.
fn field_error(path: String, words: &str) -> FieldError {
    if let Some((key, detail)) = words.split_once(": ")
        && key.starts_with("validator.")
        && !key.contains(' ')
    {
        return FieldError { path, key: key.to_string().into(), detail: detail.to_string().into() };
    }
    if let Some(rest) = words.strip_prefix("missing field `") {
        let path = format!("{path}.{}", rest.trim_end_matches('`'));
        return FieldError::new(path, "validator.undefined", "This member is required.");
    }
    if words.starts_with("unknown field") {
        return FieldError::new(path, "validator.keys", "This member is not known here.");
    }
    if words.starts_with("unknown variant") {
        let expected = words.split_once("expected ").map_or("", |(_, expected)| expected);
        return FieldError::new(path, "validator.oneOf", format!("Expected {expected}."));
    }
    let expected = words.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    if words.starts_with("invalid value: integer") {
        return FieldError::new(path, "validator.range", "This number is too small or too large.");
    }
    FieldError::new(path, "validator.type", kind(expected))
}

/// Words of JSON for serde's, which name types of ours.
fn kind(expected: &str) -> &'static str {
    match expected.split([' ', ',']).next().unwrap_or_default() {
        "struct" => "Send an object.",
        _ if expected.starts_with("a map") || expected == "map" => "Send an object.",
        _ if expected.starts_with("a sequence")
            || expected.contains("tuple")
            || expected.contains("array") =>
        {
            "Send a list."
        }
        _ if expected.contains("string") || expected.contains("variant") => "Send text.",
        _ if expected.contains("bool") => "Send true or false.",
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => {
            "Send a whole number."
        }
        "f32" | "f64" => "Send a number.",
        _ => "This has another type than is taken here.",
    }
}
