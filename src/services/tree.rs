//! What a caller sent, with its names in the order in which they came: of `$sort` the first counts first, which a JSON
//! object of the usual kind forgets.

use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    Null,
    Boolean(bool),
    Integer(i64),
    /// Neither whole nor text; no field holds such.
    Other,
    Text(String),
    List(Vec<Self>),
    Branch(Vec<(String, Self)>),
}

impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(whether) => Self::Boolean(whether),
            Value::Number(number) => number.as_i64().map_or(Self::Other, Self::Integer),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Branch(members.into_iter().map(|(name, value)| (name, Self::from(value))).collect())
            }
        }
    }
}
