//! `/auth/refresh-tokens`, `/auth/logout` and `/session/*`: a request comes in, one event happens, an answer goes out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::{Sessions, TokenPair};
use super::device::Push;
use super::events::{
    self, INVALID_REFRESH_TOKEN, NO_DEVICE, NOT_IMPERSONATING, PUSH_DOES_NOT_FIT, SESSION_ENDED,
    UNKNOWN_SESSION,
};
use super::switch::{self, Target, Tenants};
use crate::base::{PlainToken, Result, SessionId, TenantId};
use crate::http::WithCookies;
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, ClientKind, Method, Nothing, Route, SUCCESS, Scope, Success};

pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::Post, "/auth/refresh-tokens", Access::Tenant, refresh)
            .named(
                "sessions.refresh",
                "Spend a refresh token and get the next pair. Browsers send theirs as a cookie.",
            )
            .refuses(&[&INVALID_REFRESH_TOKEN, &SESSION_ENDED, &DENIED, &UNANSWERED])
            .cookie()
            .original(),
        Route::new(Method::Post, "/auth/logout", Access::Perhaps, logout)
            .named("sessions.logout", "End the session of this access or refresh token. Always succeeds.")
            .cookie()
            .shows::<Success>()
            .original(),
        Route::new(Method::Get, "/session/list", Access::Session, list)
            .named("sessions.list", "Your live sessions in this tenant, newest first, at most 100.")
            .original(),
        Route::new(Method::Post, "/session/logout", Access::Session, logout_one)
            .named("sessions.logout_one", "End one of your sessions.")
            .refuses(&[&UNKNOWN_SESSION])
            .original(),
        Route::new(Method::Post, "/session/logout-others", Access::Session, logout_others)
            .named("sessions.logout_others", "End all your sessions in this tenant but this one."),
        Route::new(Method::Post, "/session/set-notification-token", Access::Session, set_notification_token)
            .named("sessions.set_notification_token", "Where this session's device is told of news.")
            .refuses(&[&NO_DEVICE, &PUSH_DOES_NOT_FIT])
            .original(),
        Route::new(Method::Post, "/auth/impersonate-stop-session", Access::Session, stop_impersonation)
            .named("sessions.stop_impersonation", "Stop acting as somebody else: this session ends.")
            .refuses(&[&NOT_IMPERSONATING])
            .original(),
        Route::new(Method::Get, "/session/tenants", Access::Session, tenants)
            .named("sessions.tenants", "The tenants that you are a member of and could switch to."),
        Route::new(Method::Post, "/session/switch-tenant", Access::Session, switch_tenant)
            .named(
                "sessions.switch_tenant",
                "Go on in another tenant of yours: this session ends and one begins there, with the same end.",
            )
            .refuses(&[
                &switch::UNKNOWN_TENANT,
                &switch::NOT_FROM_HERE,
                &switch::FACTOR_REQUIRED,
                &switch::NO_CLIENT,
                &DENIED,
                &UNANSWERED,
            ])
            .cookie(),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Refresh {
    #[serde(default)]
    refresh_token: Option<PlainToken>,
}

async fn refresh(scope: Scope, body: Refresh) -> Result<WithCookies<TokenPair>> {
    let token = events::presented(&scope, body.refresh_token)?;
    let (pair, cookies) = events::refresh(&scope, token).await?;
    Ok(WithCookies(pair, cookies))
}

async fn logout(scope: Scope, body: Refresh) -> Result<crate::http::Answer> {
    events::logout(&scope, body.refresh_token).await?;
    let mut answer = crate::http::Reply::into_answer(SUCCESS, 200);
    if scope.app.as_ref().is_some_and(|app| app.client.kind == ClientKind::Browser) {
        answer.cookies.push(events::refresh_cookie(&scope, "", 0)?);
        answer = answer.header("clear-site-data", "\"cookies\", \"storage\"");
    }
    Ok(answer)
}

async fn list(scope: Scope, _: Nothing) -> Result<Sessions> {
    events::list(&scope).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LogoutOne {
    session_id: SessionId,
}

async fn logout_one(scope: Scope, body: LogoutOne) -> Result<Success> {
    events::logout_one(&scope, body.session_id).await?;
    Ok(SUCCESS)
}

#[derive(Serialize, JsonSchema)]
pub struct Ended {
    ended: usize,
}

async fn logout_others(scope: Scope, _: Nothing) -> Result<Ended> {
    Ok(Ended { ended: events::logout_others(&scope).await? })
}

async fn set_notification_token(scope: Scope, body: Push) -> Result<Success> {
    events::set_notification_token(&scope, body).await?;
    Ok(SUCCESS)
}

async fn stop_impersonation(scope: Scope, _: Nothing) -> Result<Success> {
    events::stop_impersonation(&scope).await?;
    Ok(SUCCESS)
}

async fn tenants(scope: Scope, _: Nothing) -> Result<Tenants> {
    switch::tenants(&scope).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SwitchTenant {
    tenant_id: TenantId,
    /// The public id of one of that tenant's clients; without it the first of this client's kind.
    #[serde(default)]
    client_id: Option<String>,
}

async fn switch_tenant(scope: Scope, body: SwitchTenant) -> Result<WithCookies<TokenPair>> {
    let target = Target { tenant: body.tenant_id, client: body.client_id };
    let (pair, cookies) = switch::switch_tenant(&scope, target).await?;
    Ok(WithCookies(pair, cookies))
}
