//! What a call of a service does, whoever carried it here: the query is read, the room's event called, and what it left shown.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::instrument;

use super::methods::Asked;
use super::page::{self, Page};
use super::proviso::{if_match, tag};
use super::query::{Askable, Query};
use super::resource::{Resource, View};
use super::{NOT_SEVERAL, TOO_MANY, UNKNOWN, wire};
use crate::base::error::INVALID;
use crate::base::{Error, FieldError, Id, RecordId, Result};
use crate::http::Answer;
use crate::http::answer::{Content, Reply};
use crate::http::cached::lists;
use crate::identity::Scope;
use crate::identity::route::{Call, Question, read};
use crate::identity::scope::{Around, Proviso};

/// Records of one call that names none.
const SEVERAL: i64 = 1_000;

impl Asked {
    fn query<R: Resource>(&self, call: &Call) -> Result<Query> {
        let askable = Askable { fields: R::FIELDS, shown: &self.shown };
        let tree = match &call.query {
            Question::Written(text) => wire::tree(text)?,
            Question::Grown(tree) => tree.clone(),
        };
        Query::read(tree, askable)
    }
}

#[instrument(name = "services.find", skip_all, fields(path = R::PATH))]
pub(super) async fn find<R: Resource>(scope: Scope, asked: Asked, call: Call) -> Result<Answer> {
    let query = asked.query::<R>(&call)?;
    let Some(paging) = (asked.rules)(&call).paging else {
        let rows = page::all::<R>(&scope, query.clone(), SEVERAL).await?;
        return Ok(answer(rows.iter().map(|row| shown(row, &query)).collect::<Result<Vec<Value>>>()?));
    };
    let page = page::find::<R>(&scope, query.clone(), paging).await?;
    if query.select.is_none() {
        return Ok(answer(page));
    }
    let data = page.data.iter().map(|row| shown(row, &query)).collect::<Result<Vec<Value>>>()?;
    let Page { total, limit, skip, next, .. } = page;
    Ok(answer(Page { total, limit, skip, data, next }))
}

#[instrument(name = "services.get", skip_all, fields(path = R::PATH))]
pub(super) async fn get<R: Resource>(scope: Scope, asked: Asked, call: Call) -> Result<Answer> {
    let query = asked.query::<R>(&call)?;
    let rows = page::those::<R>(&scope, &[named(&call)?], &query).await?;
    let known = scope.incoming.if_none_match.as_deref();
    let same = rows.first().map(tag).filter(|tag| known.is_some_and(|known| lists(known, tag)));
    match same {
        Some(tag) => Ok(Answer::new(304, Content::Empty).header("etag", tag)),
        None => one(rows, &query),
    }
}

#[instrument(name = "services.create", skip_all, fields(path = R::PATH))]
pub(super) async fn create<R, I, K, F, Fut>(
    scope: Scope,
    asked: Asked,
    call: Call,
    handler: F,
) -> Result<Answer>
where
    R: Resource,
    I: DeserializeOwned + Send,
    F: Fn(Scope, I) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Id<K>>> + Send,
{
    let query = asked.query::<R>(&call)?;
    let is_list = call.data.is_array();
    if is_list && !(asked.rules)(&call).create_several {
        return Err(not_several("create"));
    }
    let items = match call.data {
        Value::Array(items) => items,
        item => vec![item],
    };
    let scope = answered::<R>(&scope, &query, is_list)?;
    // All are read before the first is made.
    let items = items.into_iter().map(read::<I>).collect::<Result<Vec<I>>>()?;
    let mut ids: Vec<RecordId> = Vec::with_capacity(items.len());
    for item in items {
        ids.push(Id::of(handler(scope.clone(), item).await?.0));
    }
    let rows = page::those::<R>(&scope, &ids, &unfiltered(&query)).await?;
    if is_list { Ok(every(rows, &query)) } else { one(rows, &query) }
}

#[instrument(name = "services.change", skip_all, fields(path = R::PATH))]
pub(super) async fn change<R, I, K, F, Fut>(
    scope: Scope,
    asked: Asked,
    call: Call,
    handler: F,
) -> Result<Answer>
where
    R: Resource,
    I: DeserializeOwned + Send,
    F: Fn(Scope, Id<K>, I) -> Fut + Send + Sync,
    Fut: Future<Output = Result<()>> + Send,
{
    let query = asked.query::<R>(&call)?;
    let may = (asked.rules)(&call).patch_several.then_some("patch");
    let ids = meant::<R>(&scope, &call, &query, may.ok_or("patch")).await?;
    let data = without_id(&call)?;
    for id in &ids {
        let input = read::<I>(data.clone())?;
        handler(if_match::<R>(&scope, *id)?, Id::of(id.0), input).await?;
    }
    // What was changed is shown, whether or not the query would still find it.
    let rows = page::those::<R>(&scope, &ids, &unfiltered(&query)).await?;
    if call.params.contains_key("id") { one(rows, &query) } else { Ok(every(rows, &query)) }
}

#[instrument(name = "services.remove", skip_all, fields(path = R::PATH))]
pub(super) async fn remove<R, K, F, Fut>(scope: Scope, asked: Asked, call: Call, handler: F) -> Result<Answer>
where
    R: Resource,
    F: Fn(Scope, Id<K>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<()>> + Send,
{
    let query = asked.query::<R>(&call)?;
    let may = (asked.rules)(&call).remove_several.then_some("remove");
    let ids = meant::<R>(&scope, &call, &query, may.ok_or("remove")).await?;
    let rows = page::those::<R>(&scope, &ids, &unfiltered(&query)).await?;
    for id in &ids {
        handler(if_match::<R>(&scope, *id)?, Id::of(id.0)).await?;
    }
    if call.params.contains_key("id") { one(rows, &query) } else { Ok(every(rows, &query)) }
}

/// Where the call gave a key, what it made is shown within the transaction that made it: the answer is kept there.
fn answered<R: Resource>(scope: &Scope, query: &Query, is_list: bool) -> Result<Scope> {
    if scope.around.once.is_none() {
        return Ok(scope.clone());
    }
    if is_list {
        let detail = "One record at a time is made under a key.";
        return Err(INVALID.with(vec![FieldError::new("$", "validator.object", detail)]));
    }
    let (tenant, query) = (scope.tenant_id()?, unfiltered(query));
    let after: Proviso = Arc::new(move |tx| {
        let rows = R::page(tx.conn, tenant, &View::of(R::ID, &tx.effects.made, Vec::new()))?;
        let row = rows.first().ok_or_else(|| Error::internal("what was made is not there"))?;
        tx.effects.answer = Some(serde_json::to_vec(&shown(row, &query)?).map_err(Error::internal)?);
        Ok(())
    });
    Ok(scope.around(Around { after: Some(after), ..scope.around.clone() }))
}

/// The record that the path names, if the query does not leave it out; without a name all that the query finds, where
/// that may be several.
async fn meant<R: Resource>(
    scope: &Scope,
    call: &Call,
    query: &Query,
    several: Result<&str, &'static str>,
) -> Result<Vec<RecordId>> {
    if call.params.contains_key("id") {
        let id = named(call)?;
        if !query.filter.is_empty() {
            page::those::<R>(scope, &[id], query).await?;
        }
        return Ok(vec![id]);
    }
    several.map_err(not_several)?;
    let found = page::all::<R>(scope, Query { limit: None, skip: 0, ..query.clone() }, SEVERAL + 1).await?;
    if found.len() > usize::try_from(SEVERAL).unwrap_or(usize::MAX) {
        return Err(TOO_MANY.error());
    }
    found.iter().map(id_of::<R>).collect()
}

fn id_of<R: Resource>(row: &R::Row) -> Result<RecordId> {
    let row = serde_json::to_value(row).map_err(Error::internal)?;
    let id = row.get(R::ID.name).and_then(Value::as_str).and_then(|id| id.parse().ok());
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

fn shown<T: Serialize>(row: &T, query: &Query) -> Result<Value> {
    Ok(page::selected(serde_json::to_value(row).map_err(Error::internal)?, query))
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
