//! A route's declaration: who may call it, what goes in, what comes out, what it refuses. Router, gate and API
//! document are all made from it, so that none can forget what another knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::meters::Meters;
use super::scope::Scope;
use crate::base::error::Refusal;
use crate::base::{Error, RecordId, Result, TenantId};
use crate::db::DbConn;
use crate::http::{Answer, Reply, Tree};

mod given;

pub use given::read;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// Who may call. There is no default: a route that does not say cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; no tenant is looked for.
    Open,
    /// Anybody, in a tenant.
    Tenant,
    /// A session if there is one; never refused for want of it.
    Perhaps,
    /// A live session.
    Session,
    /// A live session whose roles in its tenant hold this permission.
    Permission(&'static str),
    /// A login that still needs a factor.
    Pending,
    /// A live session, or a login that still needs a factor; the event looks which.
    SessionOrPending,
    /// A client of kind `server`, authenticated on each call.
    Server,
}

/// Where the input comes from, beside the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Query,
    Json,
    /// A page's own form.
    Form,
    /// A service's: query, body and path each by itself.
    Call,
    /// The body as it came: a signature covers each byte of it.
    Bytes,
}

/// What a request brought, as its route's source says.
#[derive(Debug, Clone)]
pub enum Input {
    /// One object out of all of it.
    Members(Value),
    Call(Call),
    Bytes(Vec<u8>),
}

/// A call of a service.
#[derive(Debug, Clone)]
pub struct Call {
    pub params: BTreeMap<String, String>,
    pub data: Value,
    pub query: Question,
}

/// A query as its transport brought it. Its order has a meaning that an object would lose.
#[derive(Debug, Clone)]
pub enum Question {
    /// Of a URL, not decoded yet.
    Written(String),
    Grown(Tree),
}

impl Question {
    pub fn told(&self) -> Value {
        match self {
            Self::Written(text) => Value::String(text.clone()),
            Self::Grown(tree) => Value::from(tree.clone()),
        }
    }
}

/// What a call does to the socket that it came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Its answer holds an access token: the socket goes on as that session.
    In,
    /// The socket goes on as nobody.
    Out,
}

/// The rows of a resource by their ids, as everybody sees them who may see them at all.
pub type Rows = Arc<dyn Fn(&mut DbConn, TenantId, &[RecordId]) -> Result<Vec<Value>> + Send + Sync>;

/// What is told of a resource to those who watch it.
#[derive(Clone)]
pub struct Watched {
    /// As domain events call one: `user`.
    pub subject: &'static str,
    pub rows: Rows,
}

type Run = Arc<dyn Fn(Scope, Input) -> BoxFuture<'static, Result<Answer>> + Send + Sync>;
pub type Shape = fn(&mut SchemaGenerator) -> Option<Schema>;

#[derive(Clone)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    /// The event's name: `password.login`.
    pub name: &'static str,
    pub summary: &'static str,
    pub access: Access,
    pub source: Source,
    pub status: u16,
    pub refusals: Vec<&'static Refusal>,
    /// It sets or reads the refresh cookie: a browser must say where it comes from and what it sends.
    pub cookie: bool,
    /// Also at the root, where the original had it.
    pub original: bool,
    /// It makes something: `Idempotency-Key` counts.
    pub creates: bool,
    /// Left out of the API document: a page, or development's own.
    pub hidden: bool,
    /// Where a standard says it stands: at the root alone, and in the API document.
    pub standard: bool,
    /// Also at this path, for who names it by this word in `X-Service-Method`.
    pub by_header: Option<(&'static str, &'static str)>,
    pub binding: Option<Binding>,
    /// Whoever may call it is told of changes.
    pub watched: Option<Watched>,
    pub input: Shape,
    pub output: Shape,
    pub(super) meters: Arc<Meters>,
    run: Run,
}

/// What a route answers that has nothing to tell but that it is done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Success {
    pub success: bool,
}

pub const SUCCESS: Success = Success { success: true };

/// What a route without input takes.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl Route {
    pub fn new<I, O, F, Fut>(method: Method, path: &'static str, access: Access, handler: F) -> Self
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        O: Reply + 'static,
        F: Fn(Scope, I) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<O>> + Send + 'static,
    {
        let source = if method == Method::Get { Source::Query } else { Source::Json };
        let run: Run = Arc::new(move |scope, input| {
            let handler = handler.clone();
            Box::pin(async move {
                let Input::Members(input) = input else {
                    return Err(Error::internal("a call of no service"));
                };
                Ok(handler(scope, read::<I>(input)?).await?.into_answer(0))
            })
        });
        let input: Shape = |generator| Some(generator.subschema_for::<I>());
        Self { input, output: O::schema, ..Self::bare(method, path, access, source, run) }
    }

    /// A method of a service, which says itself what goes in and comes out.
    pub fn of_service<F, Fut>(method: Method, path: &'static str, access: Access, handler: F) -> Self
    where
        F: Fn(Scope, Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Answer>> + Send + 'static,
    {
        let run: Run = Arc::new(move |scope, input| match input {
            Input::Call(call) => Box::pin(handler(scope, call)),
            _ => Box::pin(async { Err(Error::internal("a service without a call")) }),
        });
        Self::bare(method, path, access, Source::Call, run)
    }

    /// What takes a message that its sender signed, and reads it itself.
    pub fn of_message<O, F, Fut>(path: &'static str, access: Access, handler: F) -> Self
    where
        O: Reply + 'static,
        F: Fn(Scope, Vec<u8>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<O>> + Send + 'static,
    {
        let run: Run = Arc::new(move |scope, input| {
            let handler = handler.clone();
            Box::pin(async move {
                let Input::Bytes(body) = input else { return Err(Error::internal("no message")) };
                Ok(handler(scope, body).await?.into_answer(0))
            })
        });
        Self { output: O::schema, ..Self::bare(Method::Post, path, access, Source::Bytes, run) }
    }

    fn bare(method: Method, path: &'static str, access: Access, source: Source, run: Run) -> Self {
        Self {
            method,
            path,
            name: "",
            summary: "",
            access,
            source,
            status: 200,
            refusals: Vec::new(),
            cookie: false,
            creates: false,
            original: false,
            hidden: false,
            standard: false,
            by_header: None,
            binding: None,
            watched: None,
            input: |_| None,
            output: |_| None,
            meters: Arc::default(),
            run,
        }
    }

    /// The event it calls, and a sentence for the API document.
    pub fn named(self, name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, ..self }
    }

    pub fn refuses(mut self, refusals: &[&'static Refusal]) -> Self {
        self.refusals.extend_from_slice(refusals);
        self
    }

    pub fn answers(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn cookie(self) -> Self {
        Self { cookie: true, ..self }
    }

    pub fn creates(self) -> Self {
        Self { creates: true, ..self }
    }

    pub fn original(self) -> Self {
        Self { original: true, ..self }
    }

    pub fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// An endpoint whose place a standard gives.
    pub fn standard(self) -> Self {
        Self { standard: true, hidden: false, ..self }
    }

    /// The shape of what a method of a service reads itself.
    pub fn takes(self, input: Shape) -> Self {
        Self { input, ..self }
    }

    /// As clients of Feathers call what is no standard method: at the service's own path, by its name.
    pub fn called(self, path: &'static str, verb: &'static str) -> Self {
        Self { by_header: Some((path, verb)), ..self }
    }

    /// What it does to a socket that calls it.
    pub fn binds(self, binding: Binding) -> Self {
        Self { binding: Some(binding), ..self }
    }

    pub fn watched(self, watched: Watched) -> Self {
        Self { watched: Some(watched), ..self }
    }

    /// The same, elsewhere.
    pub fn at(self, path: &'static str) -> Self {
        Self { path, meters: Arc::default(), ..self }
    }

    /// The shape of what a handler answers that makes its own [`Answer`].
    pub fn shows<T: JsonSchema>(self) -> Self {
        Self { output: |generator| Some(generator.subschema_for::<T>()), ..self }
    }

    /// A page's form: `application/x-www-form-urlencoded`, from its own origin.
    pub fn form(self) -> Self {
        Self { source: Source::Form, hidden: true, ..self }
    }

    pub async fn run(&self, scope: Scope, input: Input) -> Result<Answer> {
        let mut answer = (self.run)(scope, input).await?;
        if answer.status == 0 {
            answer.status = self.status;
        }
        Ok(answer)
    }
}

impl Method {
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// PRIV-8: what a server must not start with.
pub fn faults(routes: &[Route]) -> Vec<String> {
    let mut faults = Vec::new();
    for route in routes {
        let at = format!("{} {}", route.method.word(), route.path);
        if route.name.is_empty() {
            faults.push(format!("{at} does not say which event it calls"));
        }
        if let Access::Permission(permission) = route.access
            && permission.split(':').any(|part| part.is_empty())
        {
            faults.push(format!("{at} asks for a permission without a name"));
        }
        let twins =
            routes.iter().filter(|other| other.method == route.method && other.path == route.path).count();
        if twins > 1 {
            faults.push(format!("{at} is declared {twins} times"));
        }
    }
    faults
}

impl From<Vec<String>> for Error {
    fn from(faults: Vec<String>) -> Self {
        Self::internal(faults.join("; "))
    }
}
