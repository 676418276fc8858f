//! A query as SQL: the condition and the order that a caller chose, of columns that a resource declared and of values that
//! are bound. A resource puts them beside conditions of its own, such as the tenant, which they cannot widen.

use diesel::expression::{AppearsOnTable, Expression, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};

use super::field::{Datum, Field, Kind};
use super::query::{Filter, Test};
use crate::db::{MultiBackend, sql};

/// A column of some table, with its name in front.
pub trait Column: QueryFragment<MultiBackend> + Sync {}

impl<C: QueryFragment<MultiBackend> + Sync> Column for C {}

/// SQL types that a caller may compare by.
pub trait Comparable {
    const KIND: Kind;
    const NULLABLE: bool = false;
}

macro_rules! comparable {
    ($($sql:ty => $kind:ident),*) => { $(impl Comparable for $sql { const KIND: Kind = Kind::$kind; })* };
}
comparable!(Text => Text, Integer => Integer, BigInt => Integer, Bool => Boolean, sql::Instant => Time, sql::Uuid => Id);

impl<T: Comparable> Comparable for Nullable<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;
}

impl Field {
    /// What a column keeps, by the name that callers know it by.
    pub const fn of<C>(name: &'static str, column: &'static C) -> Self
    where
        C: diesel::Column + Column,
        C::SqlType: Comparable,
    {
        let (kind, is_nullable) = (C::SqlType::KIND, C::SqlType::NULLABLE);
        Self { name, kind, is_nullable, filters: false, sorts: false, column }
    }
}

/// All of these hold.
#[derive(Debug, Clone, Copy)]
pub struct Condition<'v>(pub &'v [Filter]);

impl Condition<'_> {
    /// Whether nothing else is meant than rows with one or some values of this field.
    pub fn pins(&self, field: &Field) -> bool {
        self.0.iter().any(|filter| match filter {
            Filter::Is(known, Test::Equal(value)) => known == field && *value != Datum::Null,
            Filter::Is(known, Test::In(values)) => known == field && !values.contains(&Datum::Null),
            _ => false,
        })
    }
}

/// The first counts first; true is downwards.
#[derive(Debug, Clone, Copy)]
pub struct Order<'v>(pub &'v [(Field, bool)]);

/// What stands in a statement and is known only while the program runs.
macro_rules! told_at_run_time {
    ($($part:ident => $type:ty),*) => {$(
        impl Expression for $part<'_> {
            type SqlType = $type;
        }

        /// The resource's own tables: it declared the columns.
        impl<T> AppearsOnTable<T> for $part<'_> {}

        impl<G> ValidGrouping<G> for $part<'_> {
            type IsAggregate = is_aggregate::No;
        }

        impl QueryId for $part<'_> {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    )*};
}
told_at_run_time!(Condition => Bool, Order => diesel::expression::expression_types::NotSelectable);

type Pass<'a, 'b> = AstPass<'a, 'b, MultiBackend>;

impl QueryFragment<MultiBackend> for Condition<'_> {
    fn walk_ast<'b>(&'b self, mut out: Pass<'_, 'b>) -> QueryResult<()> {
        // A connection keeps what it prepared, and callers must not choose how much that is.
        if !is_usual(self.0) {
            out.unsafe_to_cache_prepared();
        }
        joined(self.0, (" AND ", "1 = 1"), &mut out)
    }
}

impl QueryFragment<MultiBackend> for Order<'_> {
    fn walk_ast<'b>(&'b self, mut out: Pass<'_, 'b>) -> QueryResult<()> {
        if self.0.len() > 2 {
            out.unsafe_to_cache_prepared();
        }
        for (at, (field, down)) in self.0.iter().enumerate() {
            if at > 0 {
                out.push_sql(", ");
            }
            field.column.walk_ast(out.reborrow())?;
            out.push_sql(match (down, field.is_nullable) {
                (false, false) => " ASC",
                (true, false) => " DESC",
                // The databases disagree about where null stands.
                (false, true) => " ASC NULLS FIRST",
                (true, true) => " DESC NULLS LAST",
            });
        }
        Ok(())
    }
}

/// As many as there are fields and comparisons, and no more.
fn is_usual(filters: &[Filter]) -> bool {
    let is_single = |test: &Test| !matches!(test, Test::In(_) | Test::NotIn(_));
    match filters {
        [] => true,
        [Filter::Is(_, test)] => is_single(test),
        _ => false,
    }
}

fn joined<'b>(filters: &'b [Filter], (word, empty): (&str, &str), out: &mut Pass<'_, 'b>) -> QueryResult<()> {
    if filters.is_empty() {
        out.push_sql(empty);
    }
    for (at, filter) in filters.iter().enumerate() {
        out.push_sql(if at > 0 { word } else { "" });
        out.push_sql("(");
        walk(filter, out)?;
        out.push_sql(")");
    }
    Ok(())
}

fn walk<'b>(filter: &'b Filter, out: &mut Pass<'_, 'b>) -> QueryResult<()> {
    let (field, test) = match filter {
        Filter::All(filters) => return joined(filters, (" AND ", "1 = 1"), out),
        Filter::Any(filters) => return joined(filters, (" OR ", "1 = 0"), out),
        Filter::Is(field, test) => (field, test),
    };
    match test {
        Test::Equal(datum) => compared(field, "=", datum, out),
        Test::Less(datum) => compared(field, "<", datum, out),
        Test::AtMost(datum) => compared(field, "<=", datum, out),
        Test::More(datum) => compared(field, ">", datum, out),
        Test::AtLeast(datum) => compared(field, ">=", datum, out),
        Test::Not(Datum::Null) => null(field, " IS NOT NULL", out),
        Test::Not(datum) => {
            compared(field, "<>", datum, out)?;
            or_null(field, true, out)
        }
        Test::In(data) => {
            listed(field, "IN", data, out)?;
            or_null(field, data.contains(&Datum::Null), out)
        }
        Test::NotIn(data) => {
            listed(field, "NOT IN", data, out)?;
            if data.contains(&Datum::Null) {
                out.push_sql(" AND ");
                return null(field, " IS NOT NULL", out);
            }
            or_null(field, true, out)
        }
    }
}

fn compared<'b>(field: &Field, operator: &str, datum: &'b Datum, out: &mut Pass<'_, 'b>) -> QueryResult<()> {
    if *datum == Datum::Null {
        return null(field, " IS NULL", out);
    }
    field.column.walk_ast(out.reborrow())?;
    out.push_sql(" ");
    out.push_sql(operator);
    out.push_sql(" ");
    bound(datum, out)
}

/// Of SQL's three truths callers know two: what is null is not something else's equal.
fn or_null(field: &Field, is_wanted: bool, out: &mut Pass<'_, '_>) -> QueryResult<()> {
    if !is_wanted || !field.is_nullable {
        return Ok(());
    }
    out.push_sql(" OR ");
    null(field, " IS NULL", out)
}

fn null(field: &Field, words: &str, out: &mut Pass<'_, '_>) -> QueryResult<()> {
    field.column.walk_ast(out.reborrow())?;
    out.push_sql(words);
    Ok(())
}

fn listed<'b>(field: &Field, operator: &str, data: &'b [Datum], out: &mut Pass<'_, 'b>) -> QueryResult<()> {
    let mut data = data.iter().filter(|datum| **datum != Datum::Null).peekable();
    if data.peek().is_none() {
        out.push_sql(if operator == "IN" { "1 = 0" } else { "1 = 1" });
        return Ok(());
    }
    field.column.walk_ast(out.reborrow())?;
    out.push_sql(" ");
    out.push_sql(operator);
    for (at, datum) in data.enumerate() {
        out.push_sql(if at > 0 { ", " } else { " (" });
        bound(datum, out)?;
    }
    out.push_sql(")");
    Ok(())
}

fn bound<'b>(datum: &'b Datum, out: &mut Pass<'_, 'b>) -> QueryResult<()> {
    match datum {
        Datum::Null => {
            out.push_sql("NULL");
            Ok(())
        }
        Datum::Text(text) => out.push_bind_param::<Text, _>(text),
        Datum::Integer(number) => out.push_bind_param::<BigInt, _>(number),
        Datum::Boolean(whether) => out.push_bind_param::<Bool, _>(whether),
        Datum::Time(at) => out.push_bind_param::<sql::Instant, _>(at),
        Datum::Id(id) => out.push_bind_param::<sql::Uuid, _>(id),
    }
}
