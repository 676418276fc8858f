//! `/openapi.json` and `/docs`: the document, and a page for people that loads nothing from elsewhere.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::document;
use crate::base::Result;
use crate::base::error::NOT_FOUND;
use crate::components::assets;
use crate::http::Answer;
use crate::http::cached::cached;
use crate::identity::{Access, Method, Nothing, Route, Scope};

/// Short: a new version of the server answers under the same addresses.
const KEEP: Duration = Duration::from_secs(300);

/// The page's own files and the document, and nothing from elsewhere. The viewer draws its icons from `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the viewer, as the build packed it.
macro_rules! viewer {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz"))
    };
}

/// The routes of all rooms, and after them those that show what they are.
pub fn described<const N: usize>(rooms: [Vec<Route>; N]) -> Vec<Route> {
    let rooms = rooms.concat();
    let ours = routes(rooms.clone());
    [rooms, ours].concat()
}

fn routes(described: Vec<Route>) -> Vec<Route> {
    let written = Arc::new(OnceLock::new());
    let document = move |scope: Scope, _: Nothing| {
        // Written when somebody first asks: most processes are never asked.
        let bytes = written.get_or_init(|| document(&described).to_string().into_bytes());
        let answer = cached("application/json", bytes, KEEP, scope.incoming.if_none_match.as_deref());
        async move { Ok(answer) }
    };
    vec![
        Route::new(Method::Get, "/openapi.json", Access::Open, document)
            .named("openapi.document", "This document.")
            .hidden(),
        Route::new(Method::Get, "/docs", Access::Open, page)
            .named("openapi.page", "The API for people.")
            .hidden(),
        Route::new(Method::Get, "/docs/{file}", Access::Open, file)
            .named("openapi.file", "What the page loads.")
            .hidden(),
    ]
}

async fn page(scope: Scope, _: Nothing) -> Result<Answer> {
    shown(&scope)?;
    let page = include_str!("../../pages/api.html").to_owned();
    Ok(Answer::html(200, page).header("content-security-policy", POLICY))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    file: String,
}

async fn file(scope: Scope, named: Named) -> Result<Answer> {
    shown(&scope)?;
    let known = scope.incoming.if_none_match.clone();
    let give = |content_type, bytes: &[u8]| Ok(cached(content_type, bytes, KEEP, known.as_deref()));
    match named.file.as_str() {
        "start.js" => give("text/javascript; charset=utf-8", include_bytes!("../../assets/api.js")),
        "door.svg" => {
            let door = assets::ALL.iter().find(|asset| asset.path == "/assets/door.svg");
            door.map_or_else(|| Err(NOT_FOUND.error()), |door| give(door.content_type, door.bytes))
        }
        "swagger-ui.css" => packed(give("text/css; charset=utf-8", viewer!("swagger-ui.css"))),
        "swagger-ui-bundle.js" => {
            packed(give("text/javascript; charset=utf-8", viewer!("swagger-ui-bundle.js")))
        }
        _ => Err(NOT_FOUND.error()),
    }
}

/// Whoever names no coding takes any (RFC 9110, section 12.5.3), and every browser takes this one.
fn packed(answer: Result<Answer>) -> Result<Answer> {
    Ok(answer?.header("content-encoding", "gzip"))
}

fn shown(scope: &Scope) -> Result<()> {
    if scope.house.config.server.docs { Ok(()) } else { Err(NOT_FOUND.error()) }
}
