//! The fields of a resource: what each holds, and what may be asked of it.

use std::fmt;

use super::sql::Column;
use crate::base::{RecordId, Timestamp};
use crate::http::Tree;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    Boolean,
    Time,
    Id,
}

/// One field, as a resource declares it. What is not said is not allowed.
#[derive(Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub is_nullable: bool,
    pub filters: bool,
    pub sorts: bool,
    /// Where the database keeps it.
    pub column: &'static dyn Column,
}

/// Within a resource a name says which.
impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A value of a field, in the type that the database compares by.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    Null,
    Text(String),
    Integer(i64),
    Boolean(bool),
    Time(Timestamp),
    Id(RecordId),
}

impl Field {
    /// Where a join may find no row, or the column may hold none.
    pub const fn nullable(self) -> Self {
        Self { is_nullable: true, ..self }
    }

    pub const fn filters(self) -> Self {
        Self { filters: true, ..self }
    }

    pub const fn sorts(self) -> Self {
        Self { sorts: true, ..self }
    }

    /// A value as it was sent: typed by a socket, text in a URL, where nothing at all stands for null. None: it is no
    /// value of this field.
    pub fn read(&self, value: &Tree) -> Option<Datum> {
        match (value, self.kind) {
            (Tree::Null, _) => self.is_nullable.then_some(Datum::Null),
            (Tree::Text(text), _) if text.is_empty() && self.is_nullable => Some(Datum::Null),
            (Tree::Text(text), Kind::Text) => Some(Datum::Text(text.clone())),
            (Tree::Text(text), Kind::Integer) => integer(text).map(Datum::Integer),
            (Tree::Integer(number), Kind::Integer) => Some(Datum::Integer(*number)),
            (Tree::Boolean(whether), Kind::Boolean) => Some(Datum::Boolean(*whether)),
            (Tree::Text(text), Kind::Boolean) => text.parse().ok().map(Datum::Boolean),
            (Tree::Text(text), Kind::Time) => Timestamp::parse(text).map(Datum::Time),
            (Tree::Text(text), Kind::Id) => id(text).map(Datum::Id),
            _ => None,
        }
    }

    /// What a caller should have sent, in words.
    pub fn expects(&self) -> &'static str {
        match self.kind {
            Kind::Text => "Expected text.",
            Kind::Integer => "Expected a whole number.",
            Kind::Boolean => "Expected true or false.",
            Kind::Time => "Expected a time as RFC 3339 writes it.",
            Kind::Id => "Expected an id.",
        }
    }
}

/// One spelling: no sign but a minus, no blanks, no zeros in front.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

/// One spelling here too: two texts for one row would be two keys of a cache.
fn id(text: &str) -> Option<RecordId> {
    text.parse().ok().filter(|id: &RecordId| id.to_string() == text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::db::schema::users;

    const ANY: Field = Field::of("x", &users::name);

    fn read(kind: Kind, value: Value) -> Option<Datum> {
        Field { kind, is_nullable: false, ..ANY }.read(&value.into())
    }

    #[test]
    fn a_value_is_read_alike_from_a_url_and_from_a_socket() {
        assert_eq!(read(Kind::Integer, json!("-12")), read(Kind::Integer, json!(-12)));
        assert_eq!(read(Kind::Boolean, json!("true")), read(Kind::Boolean, json!(true)));
        assert_eq!(read(Kind::Text, json!("true")), Some(Datum::Text("true".into())));
        let at = read(Kind::Time, json!("2026-11-23T08:00:00Z"));
        assert_eq!(at, read(Kind::Time, json!("2026-11-23T09:00:00+01:00")));
    }

    #[test]
    fn what_is_no_value_of_a_field_is_none() {
        for (kind, value) in [
            (Kind::Integer, json!("1.5")),
            (Kind::Integer, json!("+1")),
            (Kind::Integer, json!(" 1")),
            (Kind::Integer, json!(1.5)),
            (Kind::Integer, json!("9223372036854775808")),
            (Kind::Boolean, json!("1")),
            (Kind::Boolean, json!(1)),
            (Kind::Time, json!("yesterday")),
            (Kind::Id, json!("1")),
            (Kind::Id, json!({ "$ne": null })),
            (Kind::Text, json!(1)),
            (Kind::Text, json!(["a"])),
            (Kind::Text, json!(null)),
        ] {
            assert_eq!(read(kind, value.clone()), None, "{kind:?} {value}");
        }
    }

    #[test]
    fn an_empty_text_is_null_where_there_can_be_none() {
        let nullable = Field { kind: Kind::Integer, is_nullable: true, ..ANY };

        assert_eq!(nullable.read(&json!("").into()), Some(Datum::Null));
        assert_eq!(nullable.read(&json!(null).into()), Some(Datum::Null));
        assert_eq!(read(Kind::Integer, json!("")), None);
        assert_eq!(read(Kind::Text, json!("")), Some(Datum::Text(String::new())));
    }
}
