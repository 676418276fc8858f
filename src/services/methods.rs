//! The methods of a service, each a route: what a room declares of its resource, REST and the API document have.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::calls::{change, create, find, get, remove};
use super::page::{Page, Paging};
use super::resource::{Resource, View};
use super::{CHANGED, INVALID_QUERY, NOT_SEVERAL, TOO_MANY, UNKNOWN, shapes};
use crate::base::error::Refusal;
use crate::base::{Error, Id, Result};
use crate::http::Answer;
use crate::identity::route::{Call, Rows, Watched};
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
    pub shown: Arc<[String]>,
    pub rules: fn(&Call) -> Rules,
}

impl<R: Resource> Service<R> {
    #[expect(clippy::new_without_default, reason = "a service without methods is nobody's usual one")]
    pub fn new() -> Self {
        let schema = SchemaGenerator::default().into_root_schema_for::<R::Row>();
        let members = schema.get("properties").and_then(Value::as_object);
        let shown = members.into_iter().flat_map(|members| members.keys().cloned()).collect();
        let asked = Asked { shown, rules: |_| Rules::default() };
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
        let find = self.offer(Method::Get, ("", "find", about), access, find::<R>);
        let about = format!("One {one}, by its id.");
        let service = find.offer(Method::Get, ("/{id}", "get", about), access, get::<R>);
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
        let about = format!("Make a {}.", R::ONE);
        let run = move |scope, asked, call| create::<R, I, K, F, Fut>(scope, asked, call, handler.clone());
        self.offer(Method::Post, ("", "create", about), access, run)
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
        let about = format!("Change a {}. Absent members stay as they are; null takes away.", R::ONE);
        let run = move |scope, asked, call| change::<R, I, K, F, Fut>(scope, asked, call, handler.clone());
        self.offer(Method::Patch, ("/{id}", "patch", about), access, run)
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
        let about = format!("Write a {} anew. Absent members become null.", R::ONE);
        let run = move |scope, asked, call| change::<R, I, K, F, Fut>(scope, asked, call, handler.clone());
        self.offer(Method::Put, ("/{id}", "update", about), access, run)
            .shape(1, |route| takes::<I>(route).shows::<R::Row>().refuses(&[&UNKNOWN, &CHANGED]))
    }

    pub fn remove<K, F, Fut>(self, access: Access, handler: F) -> Self
    where
        K: 'static,
        F: Fn(Scope, Id<K>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let about = format!("Remove a {}, and be told what it was.", R::ONE);
        let run = move |scope, asked, call| remove::<R, K, F, Fut>(scope, asked, call, handler.clone());
        self.offer(Method::Delete, ("/{id}", "remove", about), access, run)
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
        let run = move |scope, asked, call| change::<R, I, K, F, Fut>(scope, asked, call, handler.clone());
        let place = format!("/{{id}}/{verb}");
        let verb_kept = lasting(verb.to_owned());
        self.offer(Method::Post, (&place, verb, about.to_owned()), access, run)
            .shape(1, |route| takes::<I>(route).shows::<R::Row>().refuses(&[&UNKNOWN, &CHANGED]))
            .shape(1, |route| route.called(R::PATH, verb_kept))
    }

    /// The last method, of all that a query finds too.
    pub fn several(mut self) -> Self {
        let Some(one) = self.routes.last().cloned() else { return self };
        let name = lasting(format!("{}_several", one.name));
        let about = lasting(one.summary.replacen(&format!("a {}", R::ONE), "all that the query finds", 1));
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

    fn offer<F, Fut>(
        mut self,
        method: Method,
        (place, verb, about): (&str, &str, String),
        access: Access,
        run: F,
    ) -> Self
    where
        F: Fn(Scope, Asked, Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Answer>> + Send + 'static,
    {
        let asked = self.asked.clone();
        let path = lasting(format!("{}{place}", R::PATH));
        let name = lasting(format!("{}.{verb}", plural::<R>()));
        let route =
            Route::of_service(method, path, access, move |scope, call| run(scope, asked.clone(), call));
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
    let rows: Rows = Arc::new(|conn, tenant, ids| {
        let rows = R::page(conn, tenant, &View::of(R::ID, ids, Vec::new()))?;
        rows.iter().map(|row| serde_json::to_value(row).map_err(Error::internal)).collect()
    });
    route.watched(Watched { subject, rows })
}

fn takes<I: JsonSchema>(route: Route) -> Route {
    route.takes(|generator| Some(generator.subschema_for::<I>()))
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
