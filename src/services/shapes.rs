//! How the API document describes what a service takes: its fields, as they stand in a query.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::field::{Field, Kind};
use super::page::Paging;
use super::resource::Resource;

/// What `find` is asked by.
pub fn find<R: Resource>(_: &mut SchemaGenerator) -> Option<Schema> {
    let filtered = R::FIELDS.iter().filter(|field| field.filters);
    let mut members: Map<String, Value> =
        filtered.map(|field| (field.name.to_owned(), filter(field))).collect();
    let sorts: Vec<&str> = R::FIELDS.iter().filter(|field| field.sorts).map(|field| field.name).collect();
    let sorts = format!("`$sort[field]=1`, or `-1` for downwards; by {}.", sorts.join(", "));
    let Paging { usual, most } = Paging::default();
    let limit = format!("Rows of a page; {usual} unless told, at most {most}.");
    let total = if R::COUNTS {
        "False: do not count them all, which is quicker."
    } else {
        "True: count them all, which takes time."
    };
    for (name, kind, about) in [
        ("$limit", "integer", limit.as_str()),
        ("$skip", "integer", "Rows to pass over, at most 10,000. Further pages are found by `$after`."),
        ("$sort", "object", &sorts),
        ("$select", "array", "Members to show: `$select[0]=name`. The id is always shown."),
        ("$after", "string", "The `next` of the page before, with the same query."),
        ("$total", "boolean", total),
        ("$or", "array", "Conditions of which one has to hold: `$or[0][name]=a&$or[1][name]=b`."),
        ("$and", "array", "Conditions that all have to hold."),
    ] {
        members.insert(name.into(), described(kind, about));
    }
    schema(members)
}

/// What a single row is asked by.
pub fn get(_: &mut SchemaGenerator) -> Option<Schema> {
    let select = described("array", "Members to show: `$select[0]=name`. The id is always shown.");
    schema(Map::from_iter([("$select".to_owned(), select)]))
}

fn filter(field: &Field) -> Value {
    let (kind, more) = match field.kind {
        Kind::Text => ("string", ""),
        Kind::Id => return described("string", "An opaque id."),
        Kind::Time => ("string", " RFC 3339."),
        Kind::Integer => ("integer", ""),
        Kind::Boolean => ("boolean", ""),
    };
    let (name, null) = (field.name, if field.is_nullable { " Empty: null." } else { "" });
    let about = format!(
        "Equal to this, or `{name}[$ne]`, `[$in]`, `[$nin]`, `[$lt]`, `[$lte]`, `[$gt]`, `[$gte]`.{more}{null}"
    );
    described(kind, &about)
}

fn described(kind: &str, about: &str) -> Value {
    json!({ "type": kind, "description": about })
}

fn schema(members: Map<String, Value>) -> Option<Schema> {
    Schema::try_from(json!({ "type": "object", "properties": members })).ok()
}
