//! What a call of a service does, whoever carried it here: the query is read, the room's event called, and what it left shown.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tracing::instrument;

use super::methods::Asked;
use super::page::{self, Page};
use super::proviso::{if_match, tag};
use super::query::{Askable, Query};
use super::resource::Table;
use super::{NOT_SEVERAL, TOO_MANY, UNKNOWN, wire};
use crate::base::error::INVALID;
use crate::base::{Error, FieldError, RecordId, Result};
use crate::http::Answer;
use crate::http::answer::{Content, Reply};
use crate::http::cached::lists;
use crate::identity::Scope;
use crate::identity::route::{Call, Question};
use crate::identity::scope::{Around, Proviso};

/// Records of one call that names none.
const SEVERAL: i64 = 1_000;

/// A room's own part of a call. What was sent is read at once, and the event runs when the future does.
pub(super) type Make =
    Arc<dyn Fn(Scope, Value) -> Result<BoxFuture<'static, Result<RecordId>>> + Send + Sync>;
pub(super) type Change =
    Arc<dyn Fn(Scope, RecordId, Value) -> Result<BoxFuture<'static, Result<()>>> + Send + Sync>;

#[derive(Clone)]
pub(super) enum Doing {
    Find,
    Get,
    Create(Make),
    Change(Change),
    Remove(Change),
}

pub(super) async fn run(scope: Scope, asked: Asked, doing: Doing, call: Call) -> Result<Answer> {
    match doing {
        Doing::Find => find(scope, asked, call).await,
        Doing::Get => get(scope, asked, call).await,
        Doing::Create(make) => create(scope, asked, call, make).await,
        Doing::Change(handler) => change(scope, asked, call, handler).await,
        Doing::Remove(handler) => remove(scope, asked, call, handler).await,
    }
}

impl Asked {
    fn query(&self, call: &Call) -> Result<Query> {
        let askable = Askable { fields: self.table.fields, shown: &self.shown };
        let tree = match &call.query {
            Question::Written(text) => wire::tree(text)?,
            Question::Grown(tree) => tree.clone(),
        };
        Query::read(tree, askable)
    }
}

#[instrument(name = "services.find", skip_all, fields(path = asked.table.path))]
async fn find(scope: Scope, asked: Asked, call: Call) -> Result<Answer> {
    let query = asked.query(&call)?;
    let select = query.clone();
    let Some(paging) = (asked.rules)(&call).paging else {
        let rows = page::all(&scope, asked.table, query, SEVERAL).await?;
        return Ok(every(rows, &select));
    };
    let Page { total, limit, skip, data, next } = page::find(&scope, asked.table, query, paging).await?;
    let data = data.into_iter().map(|row| page::selected(row, &select)).collect();
    Ok(answer(Page::<Value> { total, limit, skip, data, next }))
}

#[instrument(name = "services.get", skip_all, fields(path = asked.table.path))]
async fn get(scope: Scope, asked: Asked, call: Call) -> Result<Answer> {
    let query = asked.query(&call)?;
    let rows = page::those(&scope, asked.table, &[named(&call)?], &query).await?;
    let known = scope.incoming.if_none_match.as_deref();
    let same = rows.first().map(tag).filter(|tag| known.is_some_and(|known| lists(known, tag)));
    match same {
        Some(tag) => Ok(Answer::new(304, Content::Empty).header("etag", tag)),
        None => one(rows, &query),
    }
}

#[instrument(name = "services.create", skip_all, fields(path = asked.table.path))]
async fn create(scope: Scope, asked: Asked, call: Call, make: Make) -> Result<Answer> {
    let query = asked.query(&call)?;
    let is_list = call.data.is_array();
    if is_list && !(asked.rules)(&call).create_several {
        return Err(not_several("create"));
    }
    let items = match call.data {
        Value::Array(items) => items,
        item => vec![item],
    };
    let scope = answered(&scope, asked.table, &query, is_list)?;
    // All are read before the first is made.
    let made = items.into_iter().map(|item| make(scope.clone(), item)).collect::<Result<Vec<_>>>()?;
    let mut ids: Vec<RecordId> = Vec::with_capacity(made.len());
    for making in made {
        ids.push(making.await?);
    }
    let rows = page::those(&scope, asked.table, &ids, &unfiltered(&query)).await?;
    if is_list { Ok(every(rows, &query)) } else { one(rows, &query) }
}

#[instrument(name = "services.change", skip_all, fields(path = asked.table.path))]
async fn change(scope: Scope, asked: Asked, call: Call, handler: Change) -> Result<Answer> {
    let query = asked.query(&call)?;
    let may = (asked.rules)(&call).patch_several.then_some("patch");
    let ids = meant(&scope, asked.table, (&call, &query), may.ok_or("patch")).await?;
    let data = without_id(&call)?;
    for id in &ids {
        handler(if_match(&scope, asked.table, *id)?, *id, data.clone())?.await?;
    }
    // What was changed is shown, whether or not the query would still find it.
    let rows = page::those(&scope, asked.table, &ids, &unfiltered(&query)).await?;
    if call.params.contains_key("id") { one(rows, &query) } else { Ok(every(rows, &query)) }
}

#[instrument(name = "services.remove", skip_all, fields(path = asked.table.path))]
async fn remove(scope: Scope, asked: Asked, call: Call, handler: Change) -> Result<Answer> {
    let query = asked.query(&call)?;
    let may = (asked.rules)(&call).remove_several.then_some("remove");
    let ids = meant(&scope, asked.table, (&call, &query), may.ok_or("remove")).await?;
    let rows = page::those(&scope, asked.table, &ids, &unfiltered(&query)).await?;
    for id in &ids {
        handler(if_match(&scope, asked.table, *id)?, *id, Value::Null)?.await?;
    }
    if call.params.contains_key("id") { one(rows, &query) } else { Ok(every(rows, &query)) }
}

/// Where the call gave a key, what it made is shown within the transaction that made it: the answer is kept there.
fn answered(scope: &Scope, table: Table, query: &Query, is_list: bool) -> Result<Scope> {
    if scope.around.once.is_none() {
        return Ok(scope.clone());
    }
    if is_list {
        let detail = "One record at a time is made under a key.";
        return Err(INVALID.with(vec![FieldError::new("$", "validator.object", detail)]));
    }
    let (tenant, query) = (scope.tenant_id()?, unfiltered(query));
    let after: Proviso = Arc::new(move |tx| {
        let rows = table.rows(tx.conn, tenant, &tx.effects.made)?;
        let row = rows.into_iter().next().ok_or_else(|| Error::internal("what was made is not there"))?;
        let shown = page::selected(row, &query);
        tx.effects.answer = Some(serde_json::to_vec(&shown).map_err(Error::internal)?);
        Ok(())
    });
    Ok(scope.around(Around { after: Some(after), ..scope.around.clone() }))
}

/// The record that the path names, if the query does not leave it out; without a name all that the query finds, where
/// that may be several.
async fn meant(
    scope: &Scope,
    table: Table,
    (call, query): (&Call, &Query),
    several: Result<&str, &'static str>,
) -> Result<Vec<RecordId>> {
    if call.params.contains_key("id") {
        let id = named(call)?;
        if !query.filter.is_empty() {
            page::those(scope, table, &[id], query).await?;
        }
        return Ok(vec![id]);
    }
    several.map_err(not_several)?;
    let all = Query { limit: None, skip: 0, ..query.clone() };
    let found = page::all(scope, table, all, SEVERAL + 1).await?;
    if found.len() > usize::try_from(SEVERAL).unwrap_or(usize::MAX) {
        return Err(TOO_MANY.error());
    }
    found.iter().map(|row| id_of(table, row)).collect()
}

fn id_of(table: Table, row: &Value) -> Result<RecordId> {
    let id = row.get(table.id.name).and_then(Value::as_str).and_then(|id| id.parse().ok());
    id.ok_or_else(|| Error::internal("a row without its id"))
}

/// As Feathers says it, whose clients may know it by its words.
fn not_several(verb: &str) -> Error {
    NOT_SEVERAL.saying(format!("Can not {verb} multiple entries"))
}

/// Clients send a record back as they got it, with its id; another one would be another record.
fn without_id(call: &Call) -> Result<Value> {
    let mut data = call.data.clone();
    let Value::Object(members) = &mut data else { return Ok(data) };
    match (members.remove("id"), call.params.get("id")) {
        (None, _) => Ok(data),
        (Some(Value::String(id)), Some(named)) if id == *named => Ok(data),
        _ => Err(INVALID.with(vec![FieldError::new("$.id", "validator.keys", "An id never changes.")])),
    }
}

/// What is no id of ours is nobody's.
fn named(call: &Call) -> Result<RecordId> {
    call.params.get("id").and_then(|id| id.parse().ok()).ok_or_else(|| UNKNOWN.error())
}

fn unfiltered(query: &Query) -> Query {
    Query { filter: Vec::new(), ..query.clone() }
}

fn one(rows: Vec<Value>, query: &Query) -> Result<Answer> {
    let row = rows.into_iter().next().ok_or_else(|| UNKNOWN.error())?;
    let tag = tag(&row);
    Ok(answer(page::selected(row, query)).header("etag", tag))
}

fn every(rows: Vec<Value>, query: &Query) -> Answer {
    answer(rows.into_iter().map(|row| page::selected(row, query)).collect::<Vec<Value>>())
}

fn answer<T: Reply>(value: T) -> Answer {
    value.into_answer(0)
}
