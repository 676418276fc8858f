//! What `find` answers: some of the rows, and how to get the others.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::cursor::List;
use super::field::Field;
use super::query::Query;
use super::resource::{Table, View, behind, settled};
use super::{INVALID_QUERY, UNKNOWN};
use crate::base::{Error, FieldError, RecordId, Result};
use crate::identity::Scope;

/// Rows of a page that was not told how many.
const USUAL: i64 = 10;
const MOST: i64 = 100;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    /// Of all pages together. Absent with `$total=false`, behind `$after`, and where there are too many to count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    pub limit: i64,
    pub skip: i64,
    pub data: Vec<T>,
    /// Send it as `$after`, with the same query, for the next page. Absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// How much a list gives at once.
#[derive(Debug, Clone, Copy)]
pub struct Paging {
    pub usual: i64,
    pub most: i64,
}

impl Default for Paging {
    fn default() -> Self {
        Self { usual: USUAL, most: MOST }
    }
}

/// A page of what the query asks for.
pub async fn find(scope: &Scope, table: Table, query: Query, paging: Paging) -> Result<Page<Value>> {
    let tenant = scope.tenant_id()?;
    let vault = &scope.house.vault;
    let sort = order(table, query.sort);
    let list = List { path: table.path, sort: &sort };
    let place = query.after.map(|place| list.read(vault, tenant, &place).ok_or_else(no_place)).transpose()?;
    let limit = query.limit.unwrap_or(paging.usual).min(paging.most);
    let mut filter = query.filter;
    // Behind a place the rest is no total, and whoever walks through a list was told it on the first page.
    let counts = query.total.unwrap_or(table.counts) && place.is_none();
    filter.extend(place.map(|values| behind(&sort, &values)));
    // One more than is shown tells whether there is another page.
    let view = View::new(filter, sort.clone(), if limit > 0 { limit + 1 } else { 0 }, query.skip);
    let read = scope.read(move |conn| {
        let total = counts.then(|| (table.count)(conn, tenant, view.condition())).transpose()?;
        let rows = if view.limit > 0 { (table.page)(conn, tenant, &view)? } else { Vec::new() };
        Ok((total, rows))
    });
    let (total, mut data) = read.await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = data.len() > shown;
    data.truncate(shown);
    let next = data.last().filter(|_| more).map(|last| list.place(vault, tenant, last)).transpose()?;
    Ok(Page { total, limit, skip: query.skip, data, next })
}

/// All that the query asks for, up to so many.
pub async fn all(scope: &Scope, table: Table, query: Query, most: i64) -> Result<Vec<Value>> {
    let tenant = scope.tenant_id()?;
    let limit = query.limit.unwrap_or(most).min(most);
    let view = View::new(query.filter, order(table, query.sort), limit, query.skip);
    scope.read(move |conn| (table.page)(conn, tenant, &view)).await
}

/// The rows of these ids, in their order; each is there, and the query's filter holds of it.
pub async fn those(scope: &Scope, table: Table, ids: &[RecordId], query: &Query) -> Result<Vec<Value>> {
    let tenant = scope.tenant_id()?;
    let view = View::of(table.id, ids, query.filter.clone());
    let mut rows = scope.read(move |conn| (table.page)(conn, tenant, &view)).await?;
    let place = |row: &Value| ids.iter().position(|id| *row == Value::String(id.to_string()));
    rows.sort_by_key(|row| row.get(table.id.name).and_then(place));
    if rows.len() == ids.len() { Ok(rows) } else { Err(UNKNOWN.error()) }
}

/// What was asked for of a row, and its id.
pub fn selected(row: Value, query: &Query) -> Value {
    let (Some(names), Value::Object(members)) = (&query.select, &row) else { return row };
    let is_named = |name: &str| name == "id" || names.iter().any(|known| known == name);
    let members = members.iter().filter(|(name, _)| is_named(name));
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}

fn order(table: Table, asked: Vec<(Field, bool)>) -> Vec<(Field, bool)> {
    settled(if asked.is_empty() { table.sort.to_vec() } else { asked }, table.id)
}

fn no_place() -> Error {
    let detail = "This is no place in this list: send the `next` of a page of the same query.";
    INVALID_QUERY.with(vec![FieldError::new("$query.$after", "services.query.after", detail)])
}
