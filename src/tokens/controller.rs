//! Keys, metadata and introspection, where the standards put them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{Introspection, KeySet, Metadata};
use super::events::{self, UNKNOWN_ISSUER};
use crate::base::{PlainToken, Result};
use crate::http::Answer;
use crate::http::cached::cached;
use crate::identity::{Access, Method, Nothing, Route, Scope};

pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::Get, "/.well-known/jwks.json", Access::Open, |scope, _: Nothing| {
            key_set(scope, None)
        })
        .named("tokens.key_set", "The public keys that verify this tenant's tokens.")
        .shows::<KeySet>()
        .refuses(&[&UNKNOWN_ISSUER])
        .standard(),
        Route::new(Method::Get, "/{issuer:.+}/.well-known/jwks.json", Access::Open, |scope, at: Path| {
            key_set(scope, Some(at.issuer))
        })
        .named("tokens.key_set_at", "The public keys of an issuer that has a path.")
        .shows::<KeySet>()
        .refuses(&[&UNKNOWN_ISSUER])
        .standard(),
        metadata_route("/.well-known/oauth-authorization-server", "tokens.metadata", |scope, _: Nothing| {
            metadata(scope, None)
        }),
        metadata_route(
            "/.well-known/oauth-authorization-server/{issuer:.+}",
            "tokens.metadata_of",
            |scope, at: Path| metadata(scope, Some(at.issuer)),
        ),
        metadata_route(
            "/{issuer:.+}/.well-known/oauth-authorization-server",
            "tokens.metadata_at",
            |scope, at: Path| metadata(scope, Some(at.issuer)),
        ),
        Route::new(Method::Post, "/oauth/introspect", Access::Server, introspect)
            .named("tokens.introspect", "Whether an access token that is meant for you is still good.")
            .form()
            .standard(),
    ]
}

fn metadata_route<I, F, Fut>(path: &'static str, name: &'static str, handler: F) -> Route
where
    I: serde::de::DeserializeOwned + JsonSchema + Send + 'static,
    F: Fn(Scope, I) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Answer>> + Send + 'static,
{
    Route::new(Method::Get, path, Access::Open, handler)
        .named(name, "Where this issuer's keys and endpoints stand.")
        .shows::<Metadata>()
        .refuses(&[&UNKNOWN_ISSUER])
        .standard()
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Path {
    /// The issuer's path, without the slash before it.
    issuer: String,
}

async fn key_set(scope: Scope, path: Option<String>) -> Result<Answer> {
    let (keys, signs) = events::key_set(&scope, path.as_deref()).await?;
    let answer = public(&scope, &keys)?;
    // Kept, an empty set would hide the tenant's first key from its verifiers.
    Ok(if signs { answer } else { answer.header("cache-control", "no-store") })
}

async fn metadata(scope: Scope, path: Option<String>) -> Result<Answer> {
    let metadata = events::metadata(&scope, path.as_deref()).await?;
    public(&scope, &metadata)
}

fn public(scope: &Scope, body: &impl Serialize) -> Result<Answer> {
    let bytes = serde_json::to_vec(body).map_err(crate::base::Error::internal)?;
    let keep = scope.house.config.lifetimes.jwks;
    Ok(cached("application/json", &bytes, keep, scope.incoming.if_none_match.as_deref()))
}

/// Unknown members pass: RFC 7662, section 2.1, lets the protocol grow by them.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "IntrospectionRequest")]
struct Asked {
    token: PlainToken,
    /// Taken and not needed: we know our own tokens.
    #[serde(default, rename = "token_type_hint")]
    _hint: Option<String>,
}

async fn introspect(scope: Scope, asked: Asked) -> Result<Introspection> {
    events::introspect(&scope, &asked.token).await
}
