//! The one gate: address limit, origin, authenticate, tenant, limits, authorise. The order is this code, for every transport.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::client::{App, ClientKind};
use super::house::House;
use super::pending::PendingLogin;
use super::route::{Access, Route, Source};
use super::scope::{Scope, Who};
use super::session::Live;
use super::telling::Known;
use super::tenant::Tenant;
use super::token::{self, INVALID_TOKEN, Kind, MISSING_TOKEN};
use crate::base::error::UNSUPPORTED_MEDIA_TYPE;
use crate::base::{PlainToken, Result, TenantId};
use crate::components::limits;
use crate::http::{Bound, Incoming, origin};

crate::refusals! {
    REVOKED = 401 "sessionStore.get.revokedToken" "The session behind this token has ended. Log in again.";
    ANOTHER_TENANT = 401 "auth.requireUser.invalidUser" "This token belongs to another tenant or client than the one addressed.";
    MISSING_PERMISSION = 403 "auth.requireUser.missingPermissions" "Your roles here do not hold the permission that this route asks for.";
    INVALID_TENANT = 400 "multitenant.require.invalidTenant" "No tenant was found. Call a tenant's API host, or send its public client id in `Doorward-Client`.";
    UNKNOWN_CLIENT = 400 "multitenant.require.unknownClient" "This tenant has no client with the id in `Doorward-Client`.";
    FOREIGN_ORIGIN = 403 "auth.origin.notAllowed" "No client lists this origin. Add it to the client's `origins`.";
    COOKIE_NEEDS_ORIGIN = 403 "auth.origin.required" "A browser client must send `Origin` here. Apps and scripts name their own client in `Doorward-Client`.";
    INVALID_CLIENT = 401 "auth.client.invalid" "The client could not be authenticated.";
    NOT_LOCAL = 403 "auth.development.localOnly" "A development server answers on this machine only, and to no proxy.";
}

/// Lets a request in, as whom it may be; or refuses. What it found out by then stands in `known`.
#[tracing::instrument(name = "gate", level = "debug", skip_all)]
pub async fn admit(
    house: &House,
    route: &Route,
    incoming: Arc<Incoming>,
    known: &mut Known,
) -> Result<Scope> {
    house.limiter.spend_at(limits::ADDRESS, &[], incoming.address)?;
    local_only(house, &incoming)?;
    if !is_own_form(route, &incoming) {
        origin(house, route.path, &incoming).await?;
    }
    let (who, at) = match route.access {
        Access::Open => (Who::Nobody, None),
        Access::Tenant => (Who::Nobody, Some(resolve(house, &incoming).await?)),
        Access::Perhaps => perhaps(house, &incoming).await?,
        Access::Session | Access::Permission(_) => {
            let (who, at) = session(house, &incoming).await?;
            (who, Some(at))
        }
        Access::Pending => {
            let (who, at) = pending(house, &incoming).await?;
            (who, Some(at))
        }
        Access::SessionOrPending => {
            let (who, at) = match pending(house, &incoming).await {
                Err(error) if error.status() == 401 => session(house, &incoming).await?,
                found => found?,
            };
            (who, Some(at))
        }
        Access::Server => (Who::Server, Some(server(house, &incoming).await?)),
    };
    let scope = Scope::of_request(house.clone(), incoming, at, who);
    known.learn(&scope);
    if let Some(tenant) = &scope.tenant {
        house.limiter.spend("tenant", tenant.id.as_bytes(), 1)?;
    }
    if let Access::Permission(permission) = route.access
        && !matches!(&scope.who, Who::Session(live) if live.may(permission))
    {
        return Err(MISSING_PERMISSION.because(permission));
    }
    if let (true, Some(app)) = (route.cookie, &scope.app) {
        for_cookies(house, app, &scope.incoming)?;
    }
    Ok(scope)
}

/// What comes before everything else, also where no route is called yet: a socket's handshake (WS-1).
pub async fn knock(house: &House, incoming: &Incoming) -> Result<()> {
    house.limiter.spend_at(limits::ADDRESS, &[], incoming.address)?;
    local_only(house, incoming)?;
    origin(house, &incoming.path, incoming).await
}

type At = (Arc<Tenant>, Arc<App>);

/// A development server shows secrets: it must not be reachable through a tunnel or under a rebound name.
pub fn local_only(house: &House, incoming: &Incoming) -> Result<()> {
    if !house.config.environment.is_development() {
        return Ok(());
    }
    let name = incoming.host.rsplit_once(':').map_or(incoming.host.as_str(), |(name, _)| name);
    let local = name == "localhost"
        || name.ends_with(".localhost")
        || name
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if local && !incoming.forwarded { Ok(()) } else { Err(NOT_LOCAL.error()) }
}

/// Our pages tell no referrer, and a browser then says `null` for the origin of their own forms too (Fetch, "append a
/// request Origin header"). Whose form it is still stands in `Sec-Fetch-Site`, which no page can set.
fn is_own_form(route: &Route, incoming: &Incoming) -> bool {
    let same_origin = incoming.sec_fetch_site.as_deref() == Some("same-origin");
    route.source == Source::Form && same_origin && incoming.origin.as_deref() == Some("null")
}

/// An origin must be listed by some client; which one it may name is looked at when the client is known.
/// Tools of development show secrets: they answer to our own pages alone.
async fn origin(house: &House, path: &str, incoming: &Incoming) -> Result<()> {
    let Some(origin) = &incoming.origin else { return Ok(()) };
    if path.starts_with("/_dev") && !is_own(house, origin, &incoming.host).await? {
        return Err(FOREIGN_ORIGIN.because("development"));
    }
    if may_read(house, origin, &incoming.host, None).await? {
        return Ok(());
    }
    tracing::warn!(%origin, add = %format!("origins = [\"{origin}\"]"), "an origin is listed by no client");
    Err(FOREIGN_ORIGIN.error())
}

/// Whether pages of an origin may read an answer: one of a tenant only if a client of that tenant lists them (WEB-4),
/// one of no tenant if any client does.
pub async fn may_read(house: &House, origin: &str, host: &str, of: Option<TenantId>) -> Result<bool> {
    if is_own(house, origin, host).await? || is_local_frontend(house, origin) {
        return Ok(true);
    }
    let listing = house.apps_listing(origin).await?;
    Ok(listing.iter().any(|(tenant, _)| of.is_none_or(|of| of == *tenant)))
}

/// Of a request that was not let in: the tenant it called.
pub async fn addressed(house: &House, incoming: &Incoming) -> Option<TenantId> {
    if let Some(at_host) = house.tenant_at(&incoming.host).await.ok()? {
        return Some(at_host);
    }
    match &incoming.client {
        Some(id) => Some(house.app(id).await.ok()??.client.tenant_id),
        None => by_origin(house, incoming).await.ok()?,
    }
}

/// Our own pages post to where they came from. A host that is nobody's is none of ours: whoever points a name of
/// theirs at this server would be same-origin with it.
async fn is_own(house: &House, origin: &str, host: &str) -> Result<bool> {
    let named = origin.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    if named.is_none_or(|(_, at)| at != host) {
        return Ok(false);
    }
    let public = house.config.server.public_url.as_deref().and_then(|url| url.split_once("://"));
    let ours = public.is_some_and(|(_, at)| at.trim_end_matches('/') == host);
    // In development the gate lets in local names alone.
    let ours = ours || house.config.environment.is_development();
    Ok(ours || house.tenant_at(host).await?.is_some() || house.has_pages_at(host).await?)
}

/// In development any frontend on this machine may call, whichever port its tool chose.
fn is_local_frontend(house: &House, origin: &str) -> bool {
    house.config.environment.is_development() && origin::is_local(origin)
}

/// Without a credential: the API host if it is one tenant's, else the named client, else the origin.
async fn resolve(house: &House, incoming: &Incoming) -> Result<At> {
    let at_host = house.tenant_at(&incoming.host).await?;
    let named = match &incoming.client {
        Some(id) => Some(house.app(id).await?.ok_or_else(|| UNKNOWN_CLIENT.error())?),
        None => None,
    };
    let meant = match (at_host, &named) {
        (Some(tenant), _) => Some(tenant),
        (None, Some(app)) => Some(app.client.tenant_id),
        (None, None) => by_origin(house, incoming).await?,
    };
    let tenant = open(house, meant.ok_or_else(|| INVALID_TENANT.error())?).await?;
    let app = match named {
        Some(app) => app,
        None => unnamed(house, &tenant, incoming).await?,
    };
    if app.client.tenant_id != tenant.id || app.client.disabled_at.is_some() {
        return Err(UNKNOWN_CLIENT.error());
    }
    listed(house, &app, incoming).await?;
    Ok((tenant, app))
}

/// A session, or nobody at all. Only what is wrong with the caller makes them nobody: a server that is busy says so,
/// and does not answer as if it had done what a session would have.
async fn perhaps(house: &House, incoming: &Incoming) -> Result<(Who, Option<At>)> {
    match session(house, incoming).await {
        Ok((who, at)) => return Ok((who, Some(at))),
        Err(error) if error.status() == 401 => {}
        Err(error) => return Err(error),
    }
    match resolve(house, incoming).await {
        Ok(at) => Ok((Who::Nobody, Some(at))),
        Err(error) if error.status() == 400 => Ok((Who::Nobody, None)),
        Err(error) => Err(error),
    }
}

async fn open(house: &House, id: TenantId) -> Result<Arc<Tenant>> {
    let tenant = house.tenant(id).await?.filter(|tenant| tenant.is_open());
    tenant.ok_or_else(|| INVALID_TENANT.error())
}

async fn by_origin(house: &House, incoming: &Incoming) -> Result<Option<TenantId>> {
    let outside_production = !house.config.environment.is_production();
    let meant = incoming.tenant_origin.as_ref().filter(|_| outside_production);
    let Some(origin) = meant.or(incoming.origin.as_ref()) else { return Ok(None) };
    let listing = house.apps_listing(origin).await?;
    let first = listing.first().map(|(tenant, _)| *tenant);
    // Listed by two tenants: it cannot tell which one is meant.
    Ok(first.filter(|tenant| listing.iter().all(|(other, _)| other == tenant)))
}

/// The client that lists the origin, else the tenant's default one.
async fn unnamed(house: &House, tenant: &Tenant, incoming: &Incoming) -> Result<Arc<App>> {
    if let Some(origin) = &incoming.origin {
        let listing = house.apps_listing(origin).await?;
        if let Some((_, id)) = listing.iter().find(|(listed, _)| *listed == tenant.id)
            && let Some(app) = house.app(id).await?
        {
            return Ok(app);
        }
    }
    house.default_app(tenant.id).await?.ok_or_else(|| UNKNOWN_CLIENT.error())
}

/// A page may speak for a client only if the client lists the page's origin.
pub async fn listed(house: &House, app: &App, incoming: &Incoming) -> Result<()> {
    let Some(origin) = &incoming.origin else { return Ok(()) };
    let local = is_local_frontend(house, origin) && app.client.kind == ClientKind::Browser;
    if app.lists(origin) || local || is_own(house, origin, &incoming.host).await? {
        return Ok(());
    }
    tracing::warn!(%origin, client = %app.client.public_id, add = %format!("origins = [\"{origin}\"]"), "an origin is not listed by the client");
    Err(FOREIGN_ORIGIN.error())
}

/// RFC 6750, section 2.1: one header, one space, nothing around it. Never a query parameter (WEB-9).
fn bearer(incoming: &Incoming) -> Result<&str> {
    let header = incoming.authorization.as_deref().ok_or_else(|| MISSING_TOKEN.error())?;
    let (scheme, token) = header.split_once(' ').ok_or_else(|| INVALID_TOKEN.because("form"))?;
    // RFC 9110, section 11.2. A match and no search: each request asks it for hundreds of bytes.
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || !token.bytes().all(plain) {
        return Err(INVALID_TOKEN.because("form"));
    }
    Ok(token)
}

async fn session(house: &House, incoming: &Incoming) -> Result<(Who, At)> {
    let bound = match &incoming.bound {
        Some(bound) => bound.clone(),
        None => bound_by(house, bearer(incoming)?).await?,
    };
    let live = standing(house, &bound).await?;
    let at = of_credential(house, (bound.tenant, &bound.client), incoming).await?;
    house.seen.note(live.session, house.clock.now());
    Ok((Who::Session(live), at))
}

/// A request as of the session whose access token it carries, wherever the token stood.
pub async fn as_session(house: &House, incoming: Incoming) -> Result<Scope> {
    let (who, at) = session(house, &incoming).await?;
    Ok(Scope::of_request(house.clone(), Arc::new(incoming), Some(at), who))
}

/// The same, of a login that still needs a factor.
pub async fn as_pending(house: &House, incoming: Incoming) -> Result<Scope> {
    let (who, at) = pending(house, &incoming).await?;
    Ok(Scope::of_request(house.clone(), Arc::new(incoming), Some(at), who))
}

/// The session by whose access token a socket shall go on.
pub async fn greet(house: &House, incoming: Incoming) -> Result<Bound> {
    let scope = as_session(house, incoming).await?;
    let live = scope.live()?;
    let client = live.client_public_id.clone();
    Ok(Bound { session: live.session, user: live.user, tenant: live.tenant, client })
}

/// The session that an access token names; whether it lives is another question.
async fn bound_by(house: &House, token: &str) -> Result<Bound> {
    named(&token::read(house, Kind::Access, token).await?.claims)
}

fn named(claims: &token::Claims) -> Result<Bound> {
    let session = claims.session.ok_or_else(|| INVALID_TOKEN.because("claims"))?;
    let (user, tenant, client) = (claims.sub, claims.tenant, claims.client_id.clone());
    Ok(Bound { session, user, tenant, client })
}

/// The live session of an access token, which must be all that the token says of it.
pub async fn alive(house: &House, claims: &token::Claims) -> Result<Arc<Live>> {
    standing(house, &named(claims)?).await
}

async fn standing(house: &House, bound: &Bound) -> Result<Arc<Live>> {
    let live = house.live(bound.session).await?.ok_or_else(|| REVOKED.error())?;
    let same =
        live.user == bound.user && live.tenant == bound.tenant && live.client_public_id == bound.client;
    if same { Ok(live) } else { Err(INVALID_TOKEN.because("sessionOfAnother")) }
}

async fn pending(house: &House, incoming: &Incoming) -> Result<(Who, At)> {
    let verified = token::read(house, Kind::Pending, bearer(incoming)?).await?;
    let claims = &verified.claims;
    let id = claims.pending.ok_or_else(|| INVALID_TOKEN.because("claims"))?;
    let (tenant, now) = (claims.tenant, house.clock.now());
    let open =
        house.db.within(tenant).read(move |conn| Ok(PendingLogin::open(conn, tenant, id, now)?)).await?;
    let open = open.filter(|open| open.user_id == claims.sub).ok_or_else(|| REVOKED.error())?;
    let at = of_credential(house, (claims.tenant, &claims.client_id), incoming).await?;
    Ok((Who::Pending(Arc::new(open)), at))
}

/// A credential's own tenant and client win; whatever else the request names must agree, or it is no credential here.
async fn of_credential(house: &House, (tenant, client): (TenantId, &str), incoming: &Incoming) -> Result<At> {
    if house.tenant_at(&incoming.host).await?.is_some_and(|at_host| at_host != tenant) {
        return Err(ANOTHER_TENANT.because("hostOfAnotherTenant"));
    }
    if incoming.client.as_ref().is_some_and(|named| named != client) {
        return Err(ANOTHER_TENANT.because("anotherClient"));
    }
    let tenant = house.tenant(tenant).await?.filter(|tenant| tenant.is_open());
    let tenant = tenant.ok_or_else(|| REVOKED.error())?;
    let app = house.app(client).await?.filter(|app| app.client.disabled_at.is_none());
    let app = app.ok_or_else(|| REVOKED.error())?;
    listed(house, &app, incoming).await?;
    Ok((tenant, app))
}

/// RFC 6749, section 2.3.1: the client's id and secret by HTTP Basic.
async fn server(house: &House, incoming: &Incoming) -> Result<At> {
    let header = incoming.authorization.as_deref().ok_or_else(|| INVALID_CLIENT.error())?;
    let (id, secret) = basic(header).ok_or_else(|| INVALID_CLIENT.because("form"))?;
    let app = house.app(&id).await?.ok_or_else(|| INVALID_CLIENT.because("unknown"))?;
    let client = &app.client;
    // Digests of 256 random bits: comparing them byte by byte tells nothing about the secret.
    let right = client.secret_hash.as_ref().is_some_and(|hash| *hash == PlainToken::from_text(secret).hash());
    if client.kind != ClientKind::Server || client.disabled_at.is_some() || !right {
        return Err(INVALID_CLIENT.because("secret"));
    }
    if house.tenant_at(&incoming.host).await?.is_some_and(|at_host| at_host != client.tenant_id) {
        return Err(INVALID_CLIENT.because("hostOfAnotherTenant"));
    }
    let tenant = open(house, client.tenant_id).await.map_err(|_| INVALID_CLIENT.because("tenant"))?;
    Ok((tenant, app))
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((id.to_string(), secret.to_string()))
}

/// Design 8: what sets or reads the refresh cookie is answered only to a listed page that sends JSON, which no
/// cross-site form can (WEB-1). `Sec-Fetch-Site`, where a browser sends it, must not say otherwise.
fn for_cookies(house: &House, app: &App, incoming: &Incoming) -> Result<()> {
    if app.client.kind != ClientKind::Browser {
        return Ok(());
    }
    let origin = incoming.origin.as_ref().ok_or_else(|| COOKIE_NEEDS_ORIGIN.error())?;
    // A page of ours is no listed one: same-origin alone opens nothing here.
    if !app.lists(origin) && !is_local_frontend(house, origin) {
        return Err(FOREIGN_ORIGIN.because("notListed"));
    }
    if incoming.sec_fetch_site.as_deref().is_some_and(|site| site == "cross-site") {
        return Err(FOREIGN_ORIGIN.because("crossSite"));
    }
    let json = incoming.content_type.as_deref().is_some_and(is_json);
    if json { Ok(()) } else { Err(UNSUPPORTED_MEDIA_TYPE.error()) }
}

/// `application/json`, and no other charset than UTF-8.
pub fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().eq_ignore_ascii_case("application/json");
    media_type && parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}
