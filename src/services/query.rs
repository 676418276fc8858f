//! A query, checked against the fields of a resource: what is left of it is typed, allowed and small.
//!
//! The language is that of Feathers (its documentation, "Querying"). Beyond it: `$after`, the place at which a page ended, and
//! `$total`, which may be false. What is not known is refused and never passed over: a filter that is forgotten shows more
//! than was asked for.

use std::borrow::Cow;

use super::INVALID_QUERY;
use super::field::{Datum, Field};
use crate::base::{Error, FieldError, Result};
use crate::http::Tree;

/// Comparisons of one query.
const TERMS: usize = 100;
/// Values of one `$in` or `$nin`.
const VALUES: usize = 500;
/// Branches of one `$or` or `$and`.
const BRANCHES: usize = 50;
/// `$or` within `$and` within `$or`.
const DEPTH: usize = 3;
const SORTS: usize = 5;
/// Rows that are counted to be passed over; further pages are found by `$after`.
const SKIP: i64 = 10_000;

/// What a resource may be asked by.
#[derive(Debug, Clone, Copy)]
pub struct Askable<'r> {
    pub fields: &'static [Field],
    /// Whatever its rows show, which is more than they are found by.
    pub shown: &'r [String],
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// All of these hold.
    pub filter: Vec<Filter>,
    /// None: the resource's usual one.
    pub limit: Option<i64>,
    pub skip: i64,
    /// The first counts first; true is downwards.
    pub sort: Vec<(Field, bool)>,
    /// None: everything.
    pub select: Option<Vec<String>>,
    pub after: Option<String>,
    /// None: as the resource does.
    pub total: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    All(Vec<Self>),
    Any(Vec<Self>),
    Is(Field, Test),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Equal(Datum),
    Not(Datum),
    In(Vec<Datum>),
    NotIn(Vec<Datum>),
    Less(Datum),
    AtMost(Datum),
    More(Datum),
    AtLeast(Datum),
}

impl Query {
    /// Refuses with `services.query.invalid`, which names what is wrong.
    pub fn read(tree: Tree, askable: Askable<'_>) -> Result<Self> {
        let members = match tree {
            Tree::Branch(members) => members,
            Tree::Null => Vec::new(),
            _ => return Err(wrong("", "A query is an object.")),
        };
        let mut reader = Reader { askable, terms: 0 };
        let mut query = Self::default();
        for (name, value) in members {
            match name.as_str() {
                "$limit" => query.limit = Some(whole(&name, &value, i64::MAX)?),
                "$skip" => query.skip = whole(&name, &value, SKIP)?,
                "$sort" => query.sort = reader.sort(value)?,
                "$select" => query.select = Some(reader.select(value)?),
                "$after" => query.after = Some(text(&name, value)?),
                "$total" => query.total = Some(flag(&name, &value)?),
                _ => query.filter.extend(reader.condition(&name, value, 0)?),
            }
        }
        Ok(query)
    }
}

struct Reader<'r> {
    askable: Askable<'r>,
    terms: usize,
}

impl Reader<'_> {
    /// What one name says, and all of it holds.
    fn condition(&mut self, name: &str, value: Tree, depth: usize) -> Result<Vec<Filter>> {
        match name {
            "$or" => Ok(vec![Filter::Any(self.branches(name, value, depth)?)]),
            "$and" => Ok(vec![Filter::All(self.branches(name, value, depth)?)]),
            _ if name.starts_with('$') => Err(wrong(name, format!("Invalid filter value {}", cut(name)))),
            _ => self.field(name, value),
        }
    }

    fn branches(&mut self, name: &str, value: Tree, depth: usize) -> Result<Vec<Filter>> {
        let Tree::List(items) = value else { return Err(wrong(name, "Expected a list of conditions.")) };
        if items.is_empty() || items.len() > BRANCHES {
            return Err(wrong(name, format!("Expected 1 to {BRANCHES} conditions.")));
        }
        if depth >= DEPTH {
            return Err(wrong(name, format!("Conditions stand at most {DEPTH} deep in each other.")));
        }
        let mut branches = Vec::with_capacity(items.len());
        for item in items {
            let Tree::Branch(members) = item else { return Err(wrong(name, "A condition is an object.")) };
            let mut all = Vec::new();
            for (inner, value) in members {
                all.extend(self.condition(&inner, value, depth + 1)?);
            }
            branches.push(Filter::All(all));
        }
        Ok(branches)
    }

    fn field(&mut self, name: &str, value: Tree) -> Result<Vec<Filter>> {
        let field = self.known(name, |field| field.filters, "filtered")?;
        let tests = match value {
            Tree::Branch(operators) => operators,
            value => vec![("$eq".to_owned(), value)],
        };
        let mut filters = Vec::with_capacity(tests.len());
        for (operator, value) in tests {
            self.terms += 1;
            if self.terms > TERMS {
                return Err(wrong(name, format!("A query makes at most {TERMS} comparisons.")));
            }
            filters.push(Filter::Is(*field, test(field, &operator, value)?));
        }
        Ok(filters)
    }

    fn sort(&self, value: Tree) -> Result<Vec<(Field, bool)>> {
        let Tree::Branch(members) = value else {
            return Err(wrong("$sort", "Expected fields, each with 1 or -1."));
        };
        if members.len() > SORTS {
            return Err(wrong("$sort", format!("A list is sorted by at most {SORTS} fields.")));
        }
        let one = |(name, way): (String, Tree)| {
            let field = self.known(&name, |field| field.sorts, "sorted")?;
            let way = match &way {
                Tree::Integer(way) => *way,
                Tree::Text(way) => way.parse().unwrap_or(0),
                _ => 0,
            };
            match way {
                1 => Ok((*field, false)),
                -1 => Ok((*field, true)),
                _ => Err(wrong(&format!("$sort.{name}"), "Expected 1 or -1.")),
            }
        };
        members.into_iter().map(one).collect()
    }

    fn select(&self, value: Tree) -> Result<Vec<String>> {
        let names = match value {
            Tree::List(names) => names,
            one => vec![one],
        };
        let one = |name: Tree| {
            let name = text("$select", name)?;
            if self.askable.shown.contains(&name) {
                return Ok(name);
            }
            Err(wrong(&name, format!("A row of this resource has {}.", self.askable.shown.join(", "))))
        };
        names.into_iter().map(one).collect()
    }

    fn known(&self, name: &str, may: fn(&Field) -> bool, what: &str) -> Result<&'static Field> {
        let fields = self.askable.fields;
        let known = fields.iter().find(|field| field.name == name && may(field));
        known.ok_or_else(|| {
            let names: Vec<&str> = fields.iter().filter(|field| may(field)).map(|field| field.name).collect();
            wrong(name, format!("This resource cannot be {what} by it, but by {}.", names.join(", ")))
        })
    }
}

fn test(field: &Field, operator: &str, value: Tree) -> Result<Test> {
    let at = || format!("{}.{operator}", field.name);
    let one = |value: &Tree| field.read(value).ok_or_else(|| wrong(&at(), field.expects()));
    let some = |value: &Tree| match one(value)? {
        Datum::Null => Err(wrong(&at(), "Nothing is less or more than null.")),
        datum => Ok(datum),
    };
    let several = |value: Tree| {
        let values = match value {
            Tree::List(values) => values,
            single => vec![single],
        };
        if values.len() > VALUES {
            return Err(wrong(&at(), format!("Expected at most {VALUES} values.")));
        }
        values.iter().map(one).collect::<Result<Vec<Datum>>>()
    };
    match operator {
        "$eq" if matches!(value, Tree::List(_)) => Err(wrong(field.name, "For one of several send $in.")),
        "$eq" => one(&value).map(Test::Equal),
        "$ne" => one(&value).map(Test::Not),
        "$in" => several(value).map(Test::In),
        "$nin" => several(value).map(Test::NotIn),
        "$lt" => some(&value).map(Test::Less),
        "$lte" => some(&value).map(Test::AtMost),
        "$gt" => some(&value).map(Test::More),
        "$gte" => some(&value).map(Test::AtLeast),
        _ => Err(wrong(&at(), format!("Invalid query parameter {}", cut(operator)))),
    }
}

fn whole(name: &str, value: &Tree, most: i64) -> Result<i64> {
    let number = match value {
        Tree::Integer(number) => Some(*number),
        Tree::Text(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok()
        }
        _ => None,
    };
    let number = number.filter(|number| (0..=most).contains(number));
    number.ok_or_else(|| match most {
        SKIP => wrong(name, "Expected a whole number from 0 to 10000; further pages are found by $after."),
        _ => wrong(name, "Expected a whole number from 0."),
    })
}

fn text(name: &str, value: Tree) -> Result<String> {
    match value {
        Tree::Text(text) => Ok(text),
        _ => Err(wrong(name, "Expected text.")),
    }
}

fn flag(name: &str, value: &Tree) -> Result<bool> {
    match value {
        Tree::Boolean(whether) => Ok(*whether),
        Tree::Text(text) => text.parse().map_err(|_| wrong(name, "Expected true or false.")),
        _ => Err(wrong(name, "Expected true or false.")),
    }
}

fn wrong(name: &str, detail: impl Into<Cow<'static, str>>) -> Error {
    INVALID_QUERY.with(vec![FieldError::new(
        format!("$query.{}", cut(name)),
        "services.query.invalid",
        detail,
    )])
}

/// A name as a refusal says it. What is no name of anything is not said again: somebody may read it who did not send it.
pub(super) fn cut(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "$._-".contains(letter);
    if name.chars().all(is_plain) { name.chars().take(64).collect() } else { "?".into() }
}

#[cfg(test)]
mod tests;
