//! What of a span's fields is kept: the ones named here, if they look like an id, a number or a word.

use std::fmt::{self, Debug, Write};

use serde::{Serialize, Serializer};
use tracing::field::{Field, Visit};
use uuid::Uuid;

/// A match and no list: each field of each request is looked up, and this compares by length first.
fn is_kept(name: &str) -> bool {
    matches!(
        name,
        "actor"
            | "address"
            | "attempt"
            | "count"
            | "delivery"
            | "event"
            | "job"
            | "key"
            | "mail"
            | "method"
            | "millis"
            | "name"
            | "outcome"
            | "reason"
            | "request"
            | "route"
            | "session"
            | "status"
            | "tenant"
            | "tries"
            | "user"
    )
}

/// Longer than any name of ours.
const LONGEST: usize = 96;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Id(Uuid),
    Number(i64),
    Word(Box<str>),
}

impl Value {
    /// What it takes beside its own place.
    pub fn heap(&self) -> usize {
        match self {
            Self::Word(text) => text.len().next_multiple_of(16) + 16,
            Self::Id(_) | Self::Number(_) => 0,
        }
    }

    /// Words of ours are plain: whatever else stands in a field came from outside, and is not kept.
    fn read(text: &str) -> Option<Self> {
        if let (36, Ok(id)) = (text.len(), Uuid::try_parse(text)) {
            return Some(Self::Id(id));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/{}*".contains(&byte);
        (!text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain))
            .then(|| Self::Word(text.into()))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(text) => f.write_str(text),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Id(_) | Self::Word(_) => serializer.collect_str(self),
        }
    }
}

/// Hands on what may be kept.
pub struct Sieve<F>(pub F);

impl<F: FnMut(&'static str, Value)> Sieve<F> {
    fn take(&mut self, field: &Field, value: Option<Value>) {
        if let (true, Some(value)) = (is_kept(field.name()), value) {
            (self.0)(field.name(), value);
        }
    }
}

impl<F: FnMut(&'static str, Value)> Visit for Sieve<F> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, Some(Value::Number(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, i64::try_from(value).ok().map(Value::Number));
    }

    /// A number that wide is an id of ours.
    fn record_u128(&mut self, field: &Field, value: u128) {
        self.take(field, Some(Value::Id(Uuid::from_u128(value))));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, Value::read(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut short = Short { bytes: [0; LONGEST], length: 0 };
        if write!(short, "{value:?}").is_ok() {
            self.take(field, short.text().and_then(Value::read));
        }
    }
}

/// Text that stops being written when it is too long to be kept.
struct Short {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Short {
    fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes.get(..self.length)?).ok()
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let free = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        free.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
