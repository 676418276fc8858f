//! JSON without surprises: duplicate names, deep nesting and NUL are refused before any type is looked at.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::tree::Tree;

/// Deeper than any input of ours; a parser that recurses further is a way to exhaust the stack.
const DEPTH: usize = 32;

/// Refuses what parsers read differently (RFC 8259, section 4: names should be unique) and what no database stores.
pub fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    tree(bytes).map(Value::from)
}

/// The same, for whom the order of names has a meaning.
pub fn tree(bytes: &[u8]) -> Result<Tree, serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let tree = Strict(DEPTH).deserialize(&mut parser)?;
    parser.end()?;
    Ok(tree)
}

#[derive(Clone, Copy)]
struct Strict(usize);

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Number::from(value).into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
        Number::from_f64(value).map(Tree::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Tree, E> {
        without_nul(value).map(|text| Tree::Text(text.into()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let inner = self.deeper()?;
        let mut branch = Vec::new();
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            without_nul::<A::Error>(&name)?;
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom("a name stands twice in one object"));
            }
            branch.push((name, members.next_value_seed(inner)?));
        }
        Ok(Tree::Branch(branch))
    }
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nested too deeply"))
    }
}

fn without_nul<E: serde::de::Error>(text: &str) -> Result<&str, E> {
    if text.contains('\0') { Err(E::custom("NUL in a string")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_json_is_read_as_it_is() {
        let text = br#"{"a":[1,-2,3.5,null,true,"x"],"b":{}}"#;

        assert_eq!(parse(text).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
    }

    #[test]
    fn names_stay_in_the_order_in_which_they_came() {
        let Tree::Branch(members) = tree(br#"{"z":1,"a":2}"#).unwrap() else { panic!() };

        assert_eq!(members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["z", "a"]);
    }

    #[test]
    fn what_parsers_disagree_on_is_refused() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#""\u0000""#,
            r#"{"\u0000":1}"#,
            r#""\ud800""#,
            "1e400",
            "1 2",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_ends_at_thirty_two() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);

        assert!(parse(nested(32).as_bytes()).is_ok());
        assert!(parse(nested(33).as_bytes()).is_err());
        assert!(parse(nested(1_000_000).as_bytes()).is_err());
    }
}
