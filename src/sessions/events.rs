//! What happens to sessions: they give tokens, are refreshed, listed and ended.

use std::sync::Arc;

use tracing::instrument;

use super::answers::{Listed, ListedDevice, SessionState, Sessions, TokenPair};
use super::device::Push;
use super::refresh_token::{self, Presented};
use super::rotation::{self, Asked, Rotation};
use super::steps::{self, Started};
use super::{entity, token_claims};
use crate::base::{HashedToken, PlainToken, ProofRequestId, Result, SessionId};
use crate::http::{Cookie, SameSite};
use crate::identity::asking::Added;
use crate::identity::gate::REVOKED;
use crate::identity::token::{self, Kind};
use crate::identity::{ClientKind, Next, PendingLogin, Scope, Session, Who};

crate::refusals! {
    INVALID_REFRESH_TOKEN = 401 "sessionStore.refreshTokens.invalidRefreshToken" "The refresh token is not valid here. Log in again.";
    SESSION_ENDED = 401 "sessionStore.refreshTokens.revokedToken" "The session of this refresh token has ended. Log in again.";
    NO_DEVICE = 400 "authSession.setDeviceNotificationToken.unknown" "This session has no device. Send `device` with the login.";
    PUSH_DOES_NOT_FIT = 422 "authSession.setDeviceNotificationToken.invalid" "A desktop has web push information, a phone a notification token; neither has both.";
    NOT_IMPERSONATING = 400 "authImpersonate.stopSession.invalid" "This session is nobody acting as somebody else.";
    UNKNOWN_SESSION = 404 "authSession.logout.unknown" "You have no such session.";
}

/// The pair of a session that just began, and for browsers the cookie. Where nobody was asked what its token says
/// before it began, one that may have none ends at once.
///
/// Refuses with `actions.denied` and `actions.unanswered`.
#[instrument(name = "sessions.pair", skip_all)]
pub async fn pair(
    scope: &Scope,
    started: &Started,
    added: Option<Added>,
) -> Result<(TokenPair, Vec<Cookie>)> {
    if let Some(added) = added {
        return paired(scope, started, added).await;
    }
    let (id, tenant, user) = (started.session.id, started.session.tenant_id, started.session.user_id);
    let refused = match token_claims::added(scope, (user, Some(id)), "login").await {
        Ok(added) => return paired(scope, started, added).await,
        Err(refused) => refused,
    };
    scope.write(move |tx| steps::end_one(tx, tenant, id, (user, "noToken"))).await?;
    Err(refused)
}

/// The pair of a session, and for browsers the cookie.
#[instrument(name = "sessions.paired", skip_all)]
async fn paired(scope: &Scope, started: &Started, added: Added) -> Result<(TokenPair, Vec<Cookie>)> {
    let Started { session, seed } = started;
    let app = scope.app()?;
    let claims = token_claims::of_session(scope, session, added)?;
    let access_token = token::sign(&scope.house, Kind::Access, &claims).await?;
    let refresh = refresh_token::mint(session, seed);
    let browser = app.client.kind == ClientKind::Browser;
    let life = session.idle_expires_at.since(scope.now());
    let cookies =
        if browser { vec![refresh_cookie(scope, refresh.expose(), life.as_secs())?] } else { Vec::new() };
    let pair = TokenPair {
        access_token,
        refresh_token: (!browser).then(|| refresh.expose().to_string()),
        token_type: "Bearer",
        expires_in: u64::try_from(claims.exp - claims.iat).unwrap_or(0),
        refresh_expires_at: Some(session.idle_expires_at),
        session: begun(session),
        known_device: None,
    };
    Ok((pair, cookies))
}

/// Another access token for the caller's session, whose end stays where it was.
///
/// Refuses with `actions.denied` and `actions.unanswered`.
#[instrument(name = "sessions.again", skip_all)]
pub async fn again(scope: &Scope) -> Result<TokenPair> {
    let id = scope.live()?.session;
    let session = scope.read(move |conn| Ok(entity::find(conn, id)?)).await?;
    let session = session.filter(|session| session.revoked_at.is_none()).ok_or_else(|| REVOKED.error())?;
    let added = token_claims::added(scope, (session.user_id, Some(id)), "again").await?;
    let claims = token_claims::of_session(scope, &session, added)?;
    Ok(TokenPair {
        access_token: token::sign(&scope.house, Kind::Access, &claims).await?,
        refresh_token: None,
        token_type: "Bearer",
        expires_in: u64::try_from(claims.exp - claims.iat).unwrap_or(0),
        refresh_expires_at: Some(session.idle_expires_at),
        session: begun(&session),
        known_device: None,
    })
}

fn begun(session: &Session) -> SessionState {
    SessionState {
        r#type: "user",
        login_type: session.login_type,
        next: None,
        session_id: Some(session.id),
        request_id: None,
    }
}

/// What a login answers while a factor is due: a token for the factor routes and nothing else.
#[instrument(name = "sessions.pending_token", skip_all)]
pub async fn pending_token(
    scope: &Scope,
    pending: &PendingLogin,
    request: Option<ProofRequestId>,
) -> Result<TokenPair> {
    let claims = token_claims::of_pending(scope, pending)?;
    let access_token = token::sign(&scope.house, Kind::Pending, &claims).await?;
    Ok(TokenPair {
        access_token,
        refresh_token: None,
        token_type: "Bearer",
        expires_in: u64::try_from(claims.exp - claims.iat).unwrap_or(0),
        refresh_expires_at: None,
        session: SessionState {
            r#type: if pending.next == Next::SetPassword {
                "passwordBasedUpdatePassword"
            } else {
                "checkTwoStep"
            },
            login_type: pending.login_type,
            next: Some(pending.next),
            session_id: None,
            request_id: request,
        },
        known_device: None,
    })
}

/// `__Host-` binds a cookie to one host over TLS; plain http in development has no such thing.
pub fn refresh_cookie(scope: &Scope, value: &str, max_age: u64) -> Result<Cookie> {
    let client = &scope.app()?.client.public_id;
    let secure = !scope.house.config.environment.is_development();
    let prefix = if secure { "__Host-" } else { "" };
    let same_site = SameSite::Strict;
    Ok(Cookie { name: format!("{prefix}dw-{client}"), value: value.to_string(), secure, same_site, max_age })
}

/// The refresh token of a request: a browser's only from its cookie, an app's only from its body.
pub fn presented(scope: &Scope, body: Option<PlainToken>) -> Result<PlainToken> {
    if scope.app()?.client.kind != ClientKind::Browser {
        return body.ok_or_else(|| INVALID_REFRESH_TOKEN.because("missing"));
    }
    let name = refresh_cookie(scope, "", 0)?.name;
    let cookie = scope.incoming.cookie(&name);
    cookie.map(PlainToken::from_text).ok_or_else(|| INVALID_REFRESH_TOKEN.because("missing"))
}

/// Spends a refresh token and gives the next pair.
///
/// Refuses with `sessionStore.refreshTokens.invalidRefreshToken` what is no token of this client and tenant, without
/// any effect, and with `.revokedToken` one whose session has ended, which a second use of a spent one brings about; with
/// `actions.denied` and `actions.unanswered`, and the token is not spent.
#[instrument(name = "sessions.refresh", skip_all)]
pub async fn refresh(scope: &Scope, token: PlainToken) -> Result<(TokenPair, Vec<Cookie>)> {
    let presented = Presented::read(&token).ok_or_else(|| INVALID_REFRESH_TOKEN.because("form"))?;
    let key = scope.incoming.idempotency_key.as_deref().and_then(recovery_key);
    let asked = Asked { presented: Arc::new(presented), key };
    let (house, app) = (scope.house.clone(), scope.app()?.clone());
    let mut added = None;
    let rotation = match rotation::together(scope, &app.client, &asked, &mut added).await? {
        Some(rotation) => rotation,
        None => scope.write(move |tx| rotation::rotate(tx, &house, &app.client, &asked)).await?,
    };
    let session = match rotation {
        Rotation::Given(session) => session,
        Rotation::Refused(reason) => return Err(INVALID_REFRESH_TOKEN.because(reason)),
        Rotation::Ended(reason) => return Err(SESSION_ENDED.because(reason)),
    };
    let seed = steps::seed(&scope.house.vault, &session)?;
    let added = match added {
        Some(added) => added,
        None => token_claims::added(scope, (session.user_id, Some(session.id)), "refresh").await?,
    };
    paired(scope, &Started { session: *session, seed }, added).await
}

/// Only a key that nobody guesses recovers a lost answer: at least 128 random bits, so 22 characters or more.
fn recovery_key(key: &str) -> Option<HashedToken> {
    (22..=255).contains(&key.len()).then(|| PlainToken::from_text(key).hash())
}

/// The caller's live sessions in this tenant, newest first.
#[instrument(name = "sessions.list", skip_all)]
pub async fn list(scope: &Scope) -> Result<Sessions> {
    let live = scope.live()?.clone();
    let now = scope.now();
    let rows = scope.read(move |conn| Ok(entity::live_of(conn, live.tenant, live.user, now)?)).await?;
    let current = scope.live()?.session;
    let listed = rows.into_iter().map(|(session, device)| Listed {
        session_id: session.id,
        is_current_session: session.id == current,
        login_type: session.login_type,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.idle_expires_at.min(session.absolute_expires_at),
        address: session.address,
        user_agent: session.user_agent,
        device: device.map(|device| ListedDevice { name: device.name, platform: device.platform }),
    });
    Ok(Sessions { sessions: listed.collect() })
}

/// Ends one of the caller's sessions.
///
/// Refuses with `authSession.logout.unknown`: not theirs, or ended.
#[instrument(name = "sessions.logout_one", skip_all)]
pub async fn logout_one(scope: &Scope, id: SessionId) -> Result<()> {
    let live = scope.live()?.clone();
    let ended = scope.write(move |tx| steps::end_one(tx, live.tenant, id, (live.user, "logout")));
    if ended.await? { Ok(()) } else { Err(UNKNOWN_SESSION.error()) }
}

/// Ends the caller's other sessions in this tenant.
#[instrument(name = "sessions.logout_others", skip_all)]
pub async fn logout_others(scope: &Scope) -> Result<usize> {
    let live = scope.live()?.clone();
    scope
        .write(move |tx| steps::end_all(tx, live.user, Some(live.tenant), Some(live.session), "logoutOthers"))
        .await
}

/// Ends the session that the request carries, by its access token or its refresh token. Never refuses.
#[instrument(name = "sessions.logout", skip_all)]
pub async fn logout(scope: &Scope, body: Option<PlainToken>) -> Result<()> {
    if let Who::Session(live) = &scope.who {
        let live = live.clone();
        let end = scope.write(move |tx| steps::end_one(tx, live.tenant, live.session, (live.user, "logout")));
        // Stale goes on to the transport: a role that changed meanwhile is no logout. Whose session ended meanwhile
        // is let in as nobody.
        return end.await.map(|_| ());
    }
    let presented = if scope.app.is_some() { presented(scope, body).ok() } else { None };
    let Some(presented) = presented.as_ref().and_then(Presented::read) else { return Ok(()) };
    let (house, app) = (scope.house.clone(), scope.app()?.clone());
    scope.write(move |tx| rotation::end_by_token(tx, &house, &app.client, &presented)).await
}

/// Where the caller's device is told of news.
///
/// Refuses with `authSession.setDeviceNotificationToken.unknown` without a device, and with `.invalid` where the
/// platform is reached in another way.
#[instrument(name = "sessions.set_notification_token", skip_all)]
pub async fn set_notification_token(scope: &Scope, push: Push) -> Result<()> {
    let live = scope.live()?.clone();
    scope
        .write(move |tx| {
            let device = entity::device_of(tx.conn, live.session)?.ok_or_else(|| NO_DEVICE.error())?;
            if !push.fits(device.platform) {
                return Err(PUSH_DOES_NOT_FIT.error());
            }
            entity::set_push(tx.conn, &device, &push, tx.now)?;
            let Some(token) = &push.notification_token else { return Ok(()) };
            for session in entity::take_push_from_others(tx.conn, &device, token, tx.now)? {
                steps::end_one(tx, live.tenant, session, (live.user, "sameDeviceAgain"))?;
            }
            Ok(())
        })
        .await
}

/// Ends a session in which somebody acts as somebody else; they go on in their own.
///
/// Refuses with `authImpersonate.stopSession.invalid`: it is none.
#[instrument(name = "sessions.stop_impersonation", skip_all)]
pub async fn stop_impersonation(scope: &Scope) -> Result<()> {
    let live = scope.live()?.clone();
    if live.impersonator.is_none() {
        return Err(NOT_IMPERSONATING.error());
    }
    scope
        .write(move |tx| steps::end_one(tx, live.tenant, live.session, (live.user, "impersonationStopped")))
        .await
        .map(drop)
}
