//! The methods of a service, each a route: what a room declares of its resource, REST and the API document have.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::calls::{Change, Doing, Make, run};
use super::page::{Page, Paging};
use super::resource::{Resource, Table};
use super::{CHANGED, INVALID_QUERY, NOT_SEVERAL, TOO_MANY, UNKNOWN, shapes};
use crate::base::error::Refusal;
use crate::base::{Id, Result};
use crate::identity::route::{Call, Rows, Watched, read};
use crate::identity::{Access, Method, Route, Scope};

/// What holds for one call of a service.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// None: lists are given whole, as bare arrays.
    pub paging: Option<Paging>,
    /// Whether a list may be created, and what a query finds changed or removed.
    pub create_several: bool,
    pub patch_several: bool,
    pub remove_several: bool,
}

impl Default for Rules {
    fn default() -> Self {
        let paging = Some(Paging::default());
        Self { paging, create_several: false, patch_several: false, remove_several: false }
    }
}

/// A resource and its methods. What is not declared is not offered.
pub struct Service<R> {
    asked: Asked,
    routes: Vec<Route>,
    resource: PhantomData<fn() -> R>,
}

/// What each method has to know to read a call.
#[derive(Clone)]
pub(super) struct Asked {
    pub table: Table,
    pub shown: Arc<[String]>,
    pub rules: fn(&Call) -> Rules,
}

impl<R: Resource> Service<R> {
    #[expect(clippy::new_without_default, reason = "a service without methods is nobody's usual one")]
    pub fn new() -> Self {
        let schema = SchemaGenerator::default().into_root_schema_for::<R::Row>();
        let members = schema.get("properties").and_then(Value::as_object);
        let shown = members.into_iter().flat_map(|members| members.keys().cloned()).collect();
        let asked = Asked { table: Table::of::<R>(), shown, rules: |_| Rules::default() };
        Self { asked, routes: Vec::new(), resource: PhantomData }
    }

    /// For a resource whose rules depend on the call.
    pub fn ruled(mut self, rules: fn(&Call) -> Rules) -> Self {
        self.asked.rules = rules;
        self
    }

    /// `find` and `get`.
    pub fn read(self, access: Access) -> Self {
        let (plural, one) = (plural::<R>(), R::ONE);
        let about = format!("The tenant's {plural}, a page at a time.");
        let find = self.offer(Method::Get, ("", "find", about), access, Doing::Find);
        let about = format!("One {one}, by its id.");
        let service = find.offer(Method::Get, ("/{id}", "get", about), access, Doing::Get);
        service
            .shape(2, |route| route.takes(shapes::find::<R>).shows::<Page<R::Row>>())
            .shape(1, |route| route.takes(shapes::get).shows::<R::Row>().refuses(&[&UNKNOWN]))
            .shape(1, watched::<R>)
    }

    /// The handler makes it, and says its id.
    pub fn create<I, K, F, Fut>(self, access: Access, handler: F) -> Self
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        K: 'static,
        F: Fn(Scope, I) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Id<K>>> + Send + 'static,
    {
        let about = format!("Make {}.", a::<R>());
        let make: Make = Arc::new(move |scope, data| {
            let making = handler(scope, read::<I>(data)?);
            Ok(Box::pin(async move { Ok(Id::of(making.await?.0)) }))
        });
        self.offer(Method::Post, ("", "create", about), access, Doing::Create(make))
            .shape(1, |route| takes::<I>(route).shows::<R::Row>().answers(201).creates())
    }

    /// The handler changes what is given and leaves what is absent.
    pub fn patch<I, K, F, Fut>(self, access: Access, handler: F) -> Self
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        K: 'static,
        F: Fn(Scope, Id<K>, I) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let about = format!("Change {}. Absent members stay as they are; null takes away.", a::<R>());
        self.offer(Method::Patch, ("/{id}", "patch", about), access, changing(handler))
            .shape(1, |route| takes::<I>(route).shows::<R::Row>().refuses(&[&UNKNOWN, &CHANGED]))
    }

    /// The handler writes all of it anew.
    pub fn update<I, K, F, Fut>(self, access: Access, handler: F) -> Self
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        K: 'static,
        F: Fn(Scope, Id<K>, I) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let about = format!("Write {} anew. Absent members become null.", a::<R>());
        self.offer(Method::Put, ("/{id}", "update", about), access, changing(handler))
            .shape(1, |route| takes::<I>(route).shows::<R::Row>().refuses(&[&UNKNOWN, &CHANGED]))
    }

    pub fn remove<K, F, Fut>(self, access: Access, handler: F) -> Self
    where
        K: 'static,
        F: Fn(Scope, Id<K>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let about = format!("Remove {}, and be told what it was.", a::<R>());
        let remove: Change = Arc::new(move |scope, id, _| Ok(Box::pin(handler(scope, Id::of(id.0)))));
        self.offer(Method::Delete, ("/{id}", "remove", about), access, Doing::Remove(remove))
            .shape(1, |route| route.shows::<R::Row>().refuses(&[&UNKNOWN, &CHANGED]))
    }

    /// A method of the room's own, of one record: `POST /users/{id}/disable`. Feathers clients name it in a header, and the
    /// record in the body.
    pub fn method<I, K, F, Fut>(self, verb: &str, about: &str, access: Access, handler: F) -> Self
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        K: 'static,
        F: Fn(Scope, Id<K>, I) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let place = format!("/{{id}}/{verb}");
        let verb_kept = lasting(verb.to_owned());
        self.offer(Method::Post, (&place, verb, about.to_owned()), access, changing(handler))
            .shape(1, |route| takes::<I>(route).shows::<R::Row>().refuses(&[&UNKNOWN, &CHANGED]))
            .shape(1, |route| route.called(R::PATH, verb_kept))
    }

    /// The last method, of all that a query finds too.
    pub fn several(mut self) -> Self {
        let Some(one) = self.routes.last().cloned() else { return self };
        let name = lasting(format!("{}_several", one.name));
        let about = lasting(one.summary.replacen(&a::<R>(), "all that the query finds", 1));
        self.routes.push(one.at(R::PATH).named(name, about));
        self.shape(1, |route| route.refuses(&[&NOT_SEVERAL, &TOO_MANY]))
    }

    /// What the last method may say no with.
    pub fn refuses(self, refusals: &[&'static Refusal]) -> Self {
        self.shape(1, |route| route.refuses(refusals))
    }

    pub fn routes(self) -> Vec<Route> {
        self.routes
    }

    fn offer(
        mut self,
        method: Method,
        (place, verb, about): (&str, &str, String),
        access: Access,
        doing: Doing,
    ) -> Self {
        let asked = self.asked.clone();
        let path = lasting(format!("{}{place}", R::PATH));
        let name = lasting(format!("{}.{verb}", plural::<R>()));
        let run = move |scope, call| run(scope, asked.clone(), doing.clone(), call);
        let route = Route::of_service(method, path, access, run);
        self.routes.push(route.named(name, lasting(about)).refuses(&[&INVALID_QUERY]));
        self
    }

    /// Completes the method that is so far from the end.
    fn shape(mut self, from_end: usize, shape: impl FnOnce(Route) -> Route) -> Self {
        let at = self.routes.len().saturating_sub(from_end);
        if let Some(route) = self.routes.get_mut(at) {
            *route = shape(route.clone());
        }
        self
    }
}

/// Whoever may get one is told of its changes.
fn watched<R: Resource>(route: Route) -> Route {
    let Some(subject) = R::SUBJECT else { return route };
    let rows: Rows = Arc::new(|conn, tenant, ids| Table::of::<R>().rows(conn, tenant, ids));
    route.watched(Watched { subject, rows })
}

fn changing<I, K, F, Fut>(handler: F) -> Doing
where
    I: DeserializeOwned,
    K: 'static,
    F: Fn(Scope, Id<K>, I) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    Doing::Change(Arc::new(move |scope, id, data| {
        Ok(Box::pin(handler(scope, Id::of(id.0), read::<I>(data)?)))
    }))
}

fn takes<I: JsonSchema>(route: Route) -> Route {
    route.takes(|generator| Some(generator.subschema_for::<I>()))
}

/// `an action`, `a role`; and `a user`, as it is said.
fn a<R: Resource>() -> String {
    let is_vowel = R::ONE.starts_with(['a', 'e', 'i', 'o']);
    format!("{} {}", if is_vowel { "an" } else { "a" }, R::ONE)
}

/// `/conf/people` is `people`.
fn plural<R: Resource>() -> &'static str {
    R::PATH.rsplit('/').next().unwrap_or(R::PATH)
}

/// Routes are made from declarations when a process starts, and in tests often: each text is kept once, for ever.
fn lasting(text: String) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.get(text.as_str()) {
        return known;
    }
    let text: &'static str = text.leak();
    known.insert(text);
    text
}
