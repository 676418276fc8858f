//! A resource: the rows of one kind that a tenant has, and how many of them a call sees.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::field::{Datum, Field};
use super::query::{Filter, Test};
use super::sql::{Condition, Order};
use crate::base::{Error, RecordId, Result, TenantId};
use crate::db::DbConn;

/// What a room says of a table of its own, so that a service can be made of it.
pub trait Resource: Send + Sync + 'static {
    /// As every caller sees it who may see it at all. It has a member for each field.
    type Row: Serialize + JsonSchema + Send + 'static;

    /// Below the API's prefix: `/roles`.
    const PATH: &'static str;
    /// What one is called: `role`.
    const ONE: &'static str;
    /// What rows are found and sorted by. The first is the id.
    const FIELDS: &'static [Field];
    const ID: Field = match Self::FIELDS {
        [id, ..] => *id,
        [] => panic!("a resource without fields"),
    };
    /// The usual order; by the id where it says nothing.
    const SORT: &'static [(Field, bool)] = &[];
    /// What domain events call one, if changes of it are told: `user`.
    const SUBJECT: Option<&'static str> = None;
    /// Whether a list is counted whole unless a query says.
    const COUNTS: bool = true;

    /// The tenant's rows as far as the view goes, in its order.
    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<Self::Row>>;

    /// How many of the tenant's rows a condition holds of.
    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64>;
}

/// A resource without its types: what each call of a service goes by, whichever it is of. So there is one code for all of
/// them, and the program does not grow by all of it with each resource.
#[derive(Clone, Copy)]
pub struct Table {
    pub path: &'static str,
    pub fields: &'static [Field],
    pub id: Field,
    pub sort: &'static [(Field, bool)],
    pub counts: bool,
    pub page: fn(&mut DbConn, TenantId, &View) -> Result<Vec<Value>>,
    pub count: fn(&mut DbConn, TenantId, Condition<'_>) -> Result<i64>,
}

impl Table {
    pub const fn of<R: Resource>() -> Self {
        Self {
            path: R::PATH,
            fields: R::FIELDS,
            id: R::ID,
            sort: R::SORT,
            counts: R::COUNTS,
            page: shown::<R>,
            count: R::count,
        }
    }

    /// The rows of these ids, as everybody sees them who may see them at all.
    pub fn rows(&self, conn: &mut DbConn, tenant: TenantId, ids: &[RecordId]) -> Result<Vec<Value>> {
        (self.page)(conn, tenant, &View::of(self.id, ids, Vec::new()))
    }
}

fn shown<R: Resource>(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<Value>> {
    let rows = R::page(conn, tenant, view)?;
    rows.iter().map(|row| serde_json::to_value(row).map_err(Error::internal)).collect()
}

/// A part of a resource, in an order that leaves nothing open: its last field is the id.
#[derive(Debug, Clone)]
pub struct View {
    filter: Vec<Filter>,
    sort: Vec<(Field, bool)>,
    pub limit: i64,
    pub skip: i64,
}

impl View {
    pub fn new(filter: Vec<Filter>, sort: Vec<(Field, bool)>, limit: i64, skip: i64) -> Self {
        Self { filter, sort, limit, skip }
    }

    /// Those of these ids of which the filter holds.
    pub fn of(id: Field, ids: &[RecordId], mut filter: Vec<Filter>) -> Self {
        let limit = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let test = match ids {
            [one] => Test::Equal(Datum::Id(*one)),
            several => Test::In(several.iter().map(|id| Datum::Id(*id)).collect()),
        };
        filter.push(Filter::Is(id, test));
        Self { filter, sort: vec![(id, false)], limit, skip: 0 }
    }

    pub fn condition(&self) -> Condition<'_> {
        Condition(&self.filter)
    }

    pub fn order(&self) -> Order<'_> {
        Order(&self.sort)
    }
}

/// The order that was asked for, made one that leaves nothing open. What is asked of the id says it alone.
pub fn settled(mut sort: Vec<(Field, bool)>, id: Field) -> Vec<(Field, bool)> {
    if let Some(at) = sort.iter().position(|(field, _)| *field == id) {
        sort.truncate(at + 1);
    } else {
        // One way for all lets the database read an index from either end.
        let down = sort.last().is_some_and(|(_, down)| *down);
        sort.push((id, down));
    }
    sort
}

/// What stands behind a place in this order, of which the values are given.
pub fn behind(sort: &[(Field, bool)], values: &[Datum]) -> Filter {
    let Some((((field, down), value), rest)) =
        sort.split_first().and_then(|(first, rest)| Some(((first, values.first()?), rest)))
    else {
        return Filter::Any(Vec::new());
    };
    let is = |test: Test| Filter::Is(*field, test);
    let mut further = match (down, value) {
        // Null comes first on the way up, and last on the way down.
        (false, Datum::Null) => vec![is(Test::Not(Datum::Null))],
        (true, Datum::Null) => Vec::new(),
        (false, value) => vec![is(Test::More(value.clone()))],
        (true, value) if field.is_nullable => {
            vec![is(Test::Less(value.clone())), is(Test::Equal(Datum::Null))]
        }
        (true, value) => vec![is(Test::Less(value.clone()))],
    };
    if rest.is_empty() {
        return Filter::Any(further);
    }
    let values = values.split_first().map(|(_, values)| values).unwrap_or_default();
    further.push(Filter::All(vec![is(Test::Equal(value.clone())), behind(rest, values)]));
    let beyond = Filter::Any(further);
    // Says nothing new, but what an index can begin at.
    match (down, value) {
        (_, Datum::Null) => beyond,
        (false, value) => Filter::All(vec![is(Test::AtLeast(value.clone())), beyond]),
        (true, _) if field.is_nullable => beyond,
        (true, value) => Filter::All(vec![is(Test::AtMost(value.clone())), beyond]),
    }
}
