//! What is told of our tokens: keys to verify them by, where things stand, and whether one is still good.

use std::sync::Arc;

use tracing::instrument;

use super::answers::{Introspection, KeySet, Metadata};
use crate::base::{Error, PlainToken, Result};
use crate::components::keys::KeyState;
use crate::identity::token::{self, Claims, Kind};
use crate::identity::{App, Scope, Tenant, gate};

crate::refusals! {
    UNKNOWN_ISSUER = 404 "tokens.issuer.unknown" "No tenant issues tokens under this address.";
}

/// The public keys of an issuer, and whether one of them signs. Never writes.
///
/// Refuses with `tokens.issuer.unknown`.
#[instrument(name = "tokens.key_set", skip_all)]
pub async fn key_set(scope: &Scope, path: Option<&str>) -> Result<(KeySet, bool)> {
    let tenant = issuer(scope, path).await?;
    let keys = scope.house.keys.published(tenant.id).await?;
    let signs = keys.iter().any(|key| key.state == KeyState::Active);
    Ok((KeySet { keys: keys.iter().map(|key| key.jwk()).collect() }, signs))
}

/// Where an issuer's things stand.
///
/// Refuses with `tokens.issuer.unknown`.
#[instrument(name = "tokens.metadata", skip_all)]
pub async fn metadata(scope: &Scope, path: Option<&str>) -> Result<Metadata> {
    let issuer = issuer(scope, path).await?.issuer.clone();
    let root = url::Url::parse(&issuer).map_err(Error::internal)?.origin().ascii_serialization();
    Ok(Metadata {
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        introspection_endpoint: format!("{root}/oauth/introspect"),
        introspection_endpoint_auth_methods_supported: &["client_secret_basic"],
        response_types_supported: &[],
        grant_types_supported: &[],
        service_documentation: scope.house.config.server.docs.then(|| format!("{root}/docs")),
        issuer,
    })
}

/// Whether an access token is good now, for a backend that it is meant for. Never refuses.
#[instrument(name = "tokens.introspect", skip_all)]
pub async fn introspect(scope: &Scope, token: &PlainToken) -> Result<Introspection> {
    let app = scope.app()?;
    let read = async {
        let verified = token::read(&scope.house, Kind::Access, token.expose()).await?;
        gate::alive(&scope.house, &verified.claims).await?;
        Ok::<_, Error>(verified)
    };
    match read.await {
        // RFC 7662, section 4: who asks about tokens of others learns nothing, not even that they exist.
        Ok(verified) if is_for(app, &verified.claims) => Ok(Introspection::of(&verified.claims)),
        Ok(_) => Ok(Introspection::INACTIVE),
        Err(error) if error.status() == 401 => Ok(Introspection::INACTIVE),
        // Busy or broken is no verdict about the token.
        Err(error) => Err(error),
    }
}

/// Whether a token of the caller's own tenant names the caller as one that it is for.
fn is_for(app: &App, claims: &Claims) -> bool {
    let client = &app.client;
    let names = |audience: &String| *audience == client.public_id || client.audiences.0.contains(audience);
    claims.tenant == client.tenant_id && claims.aud.iter().any(names)
}

/// The open tenant that the request's host, and the path after it, stand for.
async fn issuer(scope: &Scope, path: Option<&str>) -> Result<Arc<Tenant>> {
    let (house, host) = (&scope.house, &scope.incoming.host);
    let at_host = if path.is_none() { house.tenant_at(host).await? } else { None };
    let found = match (at_host, path) {
        (Some(tenant), _) => Some(tenant),
        (None, None) => house.tenant_issuing(host).await?,
        (None, Some(path)) => house.tenant_issuing(&format!("{host}/{path}")).await?,
    };
    let tenant = match found {
        Some(id) => house.tenant(id).await?,
        None => None,
    };
    tenant.filter(|tenant| tenant.is_open()).ok_or_else(|| UNKNOWN_ISSUER.error())
}
