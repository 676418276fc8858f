//! `/_dev/events`: the last requests and jobs of this process, one as a waterfall, and all as JSON.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::audit::entity::followed::{Followed, Kind};
use crate::audit::events::followed;
use crate::base::error::NOT_FOUND;
use crate::base::{RequestId, Result};
use crate::components::pages::development::{self as pages, Bar, Consequence, Request};
use crate::components::pages::{HEADERS, Rendered};
use crate::components::recorder::{Step, Tree};
use crate::http::answer::Content;
use crate::http::{Answer, Number};
use crate::identity::{Access, Method, Nothing, Route, Scope};

pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::Get, "/_dev/events", Access::Open, list)
            .named("development.list", "The last requests and jobs.")
            .hidden(),
        Route::new(Method::Get, "/_dev/events.json", Access::Open, feed)
            .named(
                "development.feed",
                "Requests and jobs after a number; waits for the next one if asked to.",
            )
            .hidden(),
        Route::new(Method::Get, "/_dev/events/{id}", Access::Open, one)
            .named("development.one", "One request or job as a waterfall.")
            .hidden(),
    ]
}

const SHOWN: usize = 300;
/// Shorter than a stop may take: whoever waits asks again.
const PATIENCE: u64 = 10;

async fn list(scope: Scope, _: Nothing) -> Result<Answer> {
    let mut requests = Vec::new();
    for tree in scope.house.recorder.latest(SHOWN) {
        requests.push(summary(&tree, tenant_of(&scope, &tree).await));
    }
    Ok(page(pages::requests(&scope.house.templates, &requests)?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct One {
    id: RequestId,
}

async fn one(scope: Scope, asked: One) -> Result<Answer> {
    let tree = scope.house.recorder.find(asked.id).ok_or_else(|| NOT_FOUND.error())?;
    let bars: Vec<_> = bars(&tree);
    let followed: Vec<_> = followed(&scope, asked.id).await?.into_iter().map(consequence).collect();
    let summary = summary(&tree, tenant_of(&scope, &tree).await);
    Ok(page(pages::request(&scope.house.templates, &summary, (&bars, &followed))?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct After {
    after: Option<Number>,
    /// Seconds to wait while there is nothing new; ten at most.
    wait: Option<Number>,
    /// This one alone.
    id: Option<RequestId>,
}

async fn feed(scope: Scope, asked: After) -> Result<Answer> {
    let after = asked.after.map_or(0, |number| number.0);
    let patience = Duration::from_secs(asked.wait.map_or(0, |seconds| seconds.0.min(PATIENCE)));
    let recorder = &scope.house.recorder;
    let trees = match asked.id {
        Some(id) => recorder.find(id).into_iter().collect(),
        None => recorder.wait(after, patience).await,
    };
    let last = trees.last().map_or(after, |tree| tree.number);
    let mut events = Vec::with_capacity(trees.len());
    for tree in trees {
        let mut event = tree.json();
        if let Some(members) = event.as_object_mut() {
            members.insert("tenant".to_owned(), json!(tenant_of(&scope, &tree).await));
        }
        events.push(event);
    }
    let body = json!({ "began": recorder.began(), "events": events, "next": last });
    Ok(Answer::new(200, Content::Json(body)))
}

/// Its name, which says more to people than its id.
async fn tenant_of(scope: &Scope, tree: &Tree) -> Option<String> {
    let id = tree.says("tenant")?.to_string();
    match scope.house.tenant(id.parse().ok()?).await {
        Ok(Some(tenant)) => Some(tenant.name.clone()),
        _ => Some(id),
    }
}

fn page(rendered: Rendered) -> Answer {
    let answer = Answer::html(200, rendered.html).header("content-security-policy", rendered.policy);
    // The media type stands in the answer already.
    HEADERS.iter().skip(1).fold(answer, |answer, (name, value)| match *name {
        "Cache-Control" => answer.header("cache-control", *value),
        "Vary" => answer.header("vary", *value),
        _ => answer,
    })
}

fn summary(tree: &Tree, tenant: Option<String>) -> Request {
    let says = |name: &str| tree.says(name).map(ToString::to_string);
    let is_job = tree.kind() == "job";
    Request {
        id: tree.id().map(|id| id.to_string()).unwrap_or_default(),
        at: tree.at,
        method: says("method").unwrap_or_else(|| if is_job { "JOB".into() } else { String::new() }),
        path: says("route").or_else(|| says("event")).unwrap_or_default(),
        status: says("status").and_then(|status| status.parse().ok()).unwrap_or(
            match says("outcome").as_deref() {
                Some("failed") => 500,
                _ => 200,
            },
        ),
        took: tree.took(),
        tenant,
        refusal: refusal(tree),
    }
}

/// The reason, which callers are not told, behind the key, which they are.
fn refusal(tree: &Tree) -> Option<String> {
    let key = tree.says("key")?;
    match tree.says("reason") {
        Some(reason) => Some(format!("{key} ({reason})")),
        None => Some(key.to_string()),
    }
}

fn consequence(one: Followed) -> Consequence {
    let word = match one.kind {
        Kind::Event => "event",
        Kind::Run => "action",
        Kind::Job => "job",
        Kind::Delivery => "delivery",
    };
    // What the recorder knows of too.
    let is_step = matches!(one.kind, Kind::Run | Kind::Job);
    Consequence {
        kind: word,
        page: is_step.then(|| one.id.to_string()),
        name: one.name,
        depth: one.depth,
        at: one.at,
        state: one.state,
        reason: one.reason,
    }
}

fn bars(tree: &Tree) -> Vec<Bar> {
    let (steps, refusal) = (tree.steps(), refusal(tree));
    let event = tree.says("event").map(ToString::to_string);
    // Who refused: the event, or the gate before it.
    let by = |step: &Step<'_>| Some(step.name) == event.as_deref();
    let at =
        steps.iter().position(by).or_else(|| steps.iter().position(|step| step.name == "gate")).unwrap_or(0);
    let bar = |(number, step): (usize, &Step<'_>)| Bar {
        name: step.name.to_owned(),
        depth: step.depth,
        offset: step.offset,
        took: step.took,
        refusal: refusal.clone().filter(|_| number == at),
        fields: step.fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect(),
    };
    steps.iter().enumerate().map(bar).collect()
}
