//! What a caller sent, with its names in the order in which they came: of `$sort` the first counts first, which a JSON
//! object of the usual kind forgets.

use serde_json::{Number, Value};

#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    Null,
    Boolean(bool),
    Integer(i64),
    /// With a fraction, or too large for the above.
    Number(Number),
    Text(String),
    List(Vec<Self>),
    Branch(Vec<(String, Self)>),
}

impl From<Number> for Tree {
    fn from(number: Number) -> Self {
        number.as_i64().map_or(Self::Number(number), Self::Integer)
    }
}

impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(whether) => Self::Boolean(whether),
            Value::Number(number) => number.into(),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Branch(members.into_iter().map(|(name, value)| (name, Self::from(value))).collect())
            }
        }
    }
}

impl From<Tree> for Value {
    fn from(tree: Tree) -> Self {
        match tree {
            Tree::Null => Self::Null,
            Tree::Boolean(whether) => Self::Bool(whether),
            Tree::Integer(number) => Self::from(number),
            Tree::Number(number) => Self::Number(number),
            Tree::Text(text) => Self::String(text),
            Tree::List(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Tree::Branch(members) => {
                Self::Object(members.into_iter().map(|(name, value)| (name, Self::from(value))).collect())
            }
        }
    }
}
