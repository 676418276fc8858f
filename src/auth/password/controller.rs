//! `/auth/password-based/*`: a request comes in, one event happens, an answer goes out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::{
    self, CODE_NOT_DUE, Change, FACTOR_FIRST, NOT_VERIFIED, NOT_YOURS, STEP_UP, WRONG_CODE, WRONG_CURRENT,
    WRONG_LOGIN,
};
use crate::base::error::{BUSY, RATE_LIMITED};
use crate::base::{Email, NewPassword, Password, PlainToken, ProofRequestId, Result, Timestamp};
use crate::http::WithCookies;
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, Method, Nothing, Route, SUCCESS, Scope, Success};
use crate::sessions::answers::TokenPair;
use crate::sessions::device::Device;

pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::Post, "/auth/password-based/login", Access::Tenant, login)
            .named("password.login", "Log in with address and password.")
            .refuses(&[&WRONG_LOGIN, &NOT_VERIFIED, &RATE_LIMITED, &BUSY])
            .refuses(&[&DENIED, &UNANSWERED])
            .cookie()
            .original(),
        Route::new(Method::Post, "/auth/password-based/verify-otp", Access::Pending, verify_otp)
            .named("password.verify_otp", "Finish a login with the code that was mailed for it.")
            .refuses(&[&WRONG_CODE, &CODE_NOT_DUE, &RATE_LIMITED, &DENIED, &UNANSWERED])
            .cookie()
            .original(),
        Route::new(Method::Post, "/auth/password-based/resend-otp", Access::Pending, resend_otp)
            .named("password.resend_otp", "Mail another code for this login.")
            .refuses(&[&CODE_NOT_DUE, &RATE_LIMITED]),
        Route::new(Method::Post, "/auth/password-based/update-password", Access::SessionOrPending, update)
            .named("password.update_password", "Set a new password; the answer holds new tokens.")
            .refuses(&[&WRONG_CURRENT, &STEP_UP, &NOT_YOURS, &FACTOR_FIRST, &RATE_LIMITED, &BUSY])
            .refuses(&[&DENIED, &UNANSWERED])
            .cookie()
            .original(),
        Route::new(Method::Post, "/auth/password-based/enable-otp", Access::Session, enable_otp)
            .named("password.enable_otp", "Ask for a mailed code at each of your logins by password.")
            .refuses(&[&WRONG_CURRENT, &STEP_UP, &NOT_YOURS, &RATE_LIMITED, &BUSY]),
        Route::new(Method::Post, "/auth/password-based/disable-otp", Access::Session, disable_otp)
            .named("password.disable_otp", "Ask for no mailed code any more. Your other sessions end.")
            .refuses(&[&WRONG_CURRENT, &STEP_UP, &NOT_YOURS, &RATE_LIMITED, &BUSY]),
        Route::new(Method::Get, "/auth/password-based", Access::Session, emails)
            .named("password.emails", "The address that you log in with, if you log in by password.")
            .original(),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Login {
    email: Email,
    password: Password,
    #[serde(default)]
    device: Option<Device>,
    /// What the latest full login on this device answered. Browsers send theirs as a cookie.
    #[serde(default)]
    known_device: Option<PlainToken>,
}

async fn login(scope: Scope, body: Login) -> Result<WithCookies<TokenPair>> {
    let Login { email, password, device, known_device } = body;
    let input = events::Login { email, password, device, known_device };
    let (pair, cookies) = events::login(&scope, input).await?;
    Ok(WithCookies(pair, cookies))
}

/// Tokens, with the word that the original's clients look for.
#[derive(Serialize, JsonSchema)]
pub struct Renewed {
    success: bool,
    #[serde(flatten)]
    pair: TokenPair,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VerifyOtp {
    /// Eight digits.
    #[schemars(length(min = 1, max = 32))]
    otp: String,
    /// What the login or the latest resend answered.
    request_id: ProofRequestId,
    #[serde(default)]
    known_device: Option<PlainToken>,
}

async fn verify_otp(scope: Scope, body: VerifyOtp) -> Result<WithCookies<Renewed>> {
    let digits = body.otp.chars().filter(|c| !c.is_whitespace() && *c != '-').take(32).collect();
    let input = events::VerifyOtp { otp: digits, request: body.request_id, known_device: body.known_device };
    let (pair, cookies) = events::verify_otp(&scope, input).await?;
    Ok(WithCookies(Renewed { success: true, pair }, cookies))
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mailed {
    success: bool,
    request_id: ProofRequestId,
}

async fn resend_otp(scope: Scope, _: Nothing) -> Result<Mailed> {
    Ok(Mailed { success: true, request_id: events::resend_otp(&scope).await? })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UpdatePassword {
    /// Not needed within ten minutes of a login, nor when the login asked for a new password.
    #[serde(default)]
    current_password: Option<Password>,
    password: NewPassword,
    /// Your other sessions end unless this is true.
    #[serde(default)]
    keep_other_sessions: bool,
}

async fn update(scope: Scope, body: UpdatePassword) -> Result<WithCookies<Renewed>> {
    let UpdatePassword { current_password: current, password, keep_other_sessions } = body;
    let change = Change { current, password, keep_other_sessions };
    let (pair, cookies) = events::update_password(&scope, change).await?;
    Ok(WithCookies(Renewed { success: true, pair }, cookies))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Confirmed {
    /// Not needed within ten minutes of a login.
    #[serde(default)]
    current_password: Option<Password>,
}

async fn enable_otp(scope: Scope, body: Confirmed) -> Result<Success> {
    events::enable_otp(&scope, body.current_password).await?;
    Ok(SUCCESS)
}

async fn disable_otp(scope: Scope, body: Confirmed) -> Result<Success> {
    events::disable_otp(&scope, body.current_password).await?;
    Ok(SUCCESS)
}

#[derive(Serialize, JsonSchema)]
pub struct Emails {
    emails: Vec<Address>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    email: String,
    is_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<Timestamp>,
    created_at: Timestamp,
}

async fn emails(scope: Scope, _: Nothing) -> Result<Emails> {
    let login = events::emails(&scope).await?;
    let shown = login.map(|login| Address {
        is_verified: login.verified_at.is_some(),
        email: login.email,
        verified_at: login.verified_at,
        created_at: login.created_at,
    });
    Ok(Emails { emails: shown.into_iter().collect() })
}
