//! `/auth/password-based/*` but for its login: sign-up, proofs by mail, forgotten passwords, changed addresses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::address::{self, Change};
use super::events::asking::{self, NewAccount};
use super::events::verify::{self, Confirmation};
use super::events::{self, reset};
use super::{invitation_controller, mails, pages};
use crate::base::error::{BUSY, INVALID, RATE_LIMITED};
use crate::base::shown::hides_something;
use crate::base::{Email, Error, FieldError, NewPassword, Password, PlainToken, ProofRequestId, Result};
use crate::http::WithCookies;
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, ClientKind, Method, Route, SUCCESS, Scope, Success};
use crate::proofs::{Presented, Typed};
use crate::sessions::answers::TokenPair;
use crate::sessions::device::Device;

pub fn routes() -> Vec<Route> {
    [asking_routes(), proving_routes(), invitation_controller::routes(), pages::routes()].concat()
}

fn asking_routes() -> Vec<Route> {
    use events::{MAIL_CLOSED, NOT_AT_HOME, PASSWORD_REQUIRED, SIGN_UP_CLOSED, WRONG_PASSWORD};
    vec![
        Route::new(Method::Post, "/auth/password-based/sign-up", Access::Tenant, sign_up)
            .named("account.sign_up", "Ask for an account. The answer is the same for a taken address; a mail says how it goes on.")
            .refuses(&[&SIGN_UP_CLOSED, &MAIL_CLOSED]).refuses(&[&DENIED, &UNANSWERED])
            .answers(202),
        Route::new(Method::Post, "/auth/password-based/resend-verification", Access::Tenant, resend)
            .named("account.resend_verification", "Ask for another verification mail, with the sign-up's `requestId` if you have it.")
            .refuses(&[&MAIL_CLOSED])
            .answers(202),
        Route::new(Method::Post, "/auth/password-based/forgot-password", Access::Tenant, forgot)
            .named("account.forgot_password", "Ask for a mail with which a new password is set. Unknown addresses are answered the same.")
            .refuses(&[&MAIL_CLOSED])
            .answers(202)
            .original(),
        Route::new(Method::Post, "/auth/password-based/update-email", Access::Session, update_email)
            .named("account.update_email", "Ask for another address. It counts when its mailbox has proven it; a taken one is answered the same.")
            .refuses(&[&NOT_AT_HOME, &PASSWORD_REQUIRED, &WRONG_PASSWORD, &MAIL_CLOSED, &RATE_LIMITED, &BUSY])
            .refuses(&[&DENIED, &UNANSWERED])
            .original(),
    ]
}

fn proving_routes() -> Vec<Route> {
    use events::{INVALID_CONFIRM_TOKEN, INVALID_RESET_TOKEN, INVALID_UNDO_TOKEN, INVALID_VERIFY_TOKEN};
    vec![
        Route::new(Method::Post, "/auth/password-based/verify-email", Access::Tenant, verify_email)
            .named(
                "account.verify_email",
                "Prove an address by the link's token or the typed code, once, and log in.",
            )
            .refuses(&[&INVALID_VERIFY_TOKEN, &RATE_LIMITED, &BUSY])
            .refuses(&[&DENIED, &UNANSWERED])
            .cookie()
            .original(),
        Route::new(Method::Post, "/auth/password-based/reset-password", Access::Tenant, reset_password)
            .named(
                "account.reset_password",
                "Set a new password by the link's token or the typed code. Every session of yours ends.",
            )
            .refuses(&[&INVALID_RESET_TOKEN, &RATE_LIMITED, &BUSY])
            .original(),
        Route::new(Method::Post, "/auth/password-based/confirm-email", Access::Tenant, confirm_email)
            .named("account.confirm_email", "Prove the new address that you asked for.")
            .refuses(&[&INVALID_CONFIRM_TOKEN, &RATE_LIMITED]),
        Route::new(Method::Post, "/auth/password-based/undo-email", Access::Tenant, undo_email)
            .named("account.undo_email", "Take a change of address back, from the old mailbox.")
            .refuses(&[&INVALID_UNDO_TOKEN]),
    ]
}

/// To be kept: a typed code counts only with it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    success: bool,
    request_id: ProofRequestId,
}

impl Asked {
    fn with(request_id: ProofRequestId) -> Self {
        Self { success: true, request_id }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SignUp {
    email: Email,
    password: NewPassword,
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    /// A language tag: `nl`, `en-GB`.
    #[schemars(length(min = 2, max = 35))]
    locale: Option<String>,
    /// One of the client's, where the mail's page leads on to.
    continue_url: Option<String>,
}

async fn sign_up(scope: Scope, body: SignUp) -> Result<WithCookies<Asked>> {
    let SignUp { email, password, name, locale, continue_url } = body;
    let (name, locale) = (name.map(person_name).transpose()?, locale.map(language).transpose()?);
    let new = NewAccount { email, password, name, locale, onward: continue_url };
    let request = asking::sign_up(&scope, new).await?;
    let browser = scope.app()?.client.kind == ClientKind::Browser;
    let cookies = if browser { vec![mails::sign_up_cookie(&scope.house, request)] } else { Vec::new() };
    Ok(WithCookies(Asked::with(request), cookies))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Resend {
    email: Email,
    request_id: Option<ProofRequestId>,
}

async fn resend(scope: Scope, body: Resend) -> Result<Asked> {
    Ok(Asked::with(asking::resend_verification(&scope, body.email, body.request_id).await?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Forgot {
    email: Email,
    continue_url: Option<String>,
}

async fn forgot(scope: Scope, body: Forgot) -> Result<Asked> {
    Ok(Asked::with(asking::forgot_password(&scope, body.email, body.continue_url).await?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UpdateEmail {
    email: Email,
    /// The current one; not needed within ten minutes of a login.
    password: Option<Password>,
    continue_url: Option<String>,
}

async fn update_email(scope: Scope, body: UpdateEmail) -> Result<Asked> {
    let UpdateEmail { email, password, continue_url } = body;
    let change = Change { email, password, onward: continue_url };
    Ok(Asked::with(address::update_email(&scope, change).await?))
}

/// The code that was typed, where the answer that asked for it said where it counts.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VerifyEmail {
    verify_token: Option<PlainToken>,
    email: Option<Email>,
    #[schemars(length(min = 1, max = 32))]
    code: Option<String>,
    /// The one that the sign-up was answered with. Without it the password of the sign-up does not count, and
    /// `session.next` says `setPassword`.
    request_id: Option<ProofRequestId>,
    /// Chosen now instead.
    password: Option<NewPassword>,
    device: Option<Device>,
}

async fn verify_email(scope: Scope, body: VerifyEmail) -> Result<WithCookies<TokenPair>> {
    let VerifyEmail { verify_token, email, code, request_id, password, device } = body;
    let presented = presented("$.verifyToken", verify_token, (email, request_id, code))?;
    let given = Confirmation { presented, request: request_id, password, device };
    let (pair, cookies) = verify::verify_email(&scope, given).await?;
    Ok(WithCookies(pair, cookies))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ResetPassword {
    reset_token: Option<PlainToken>,
    email: Option<Email>,
    request_id: Option<ProofRequestId>,
    #[schemars(length(min = 1, max = 32))]
    code: Option<String>,
    password: NewPassword,
}

async fn reset_password(scope: Scope, body: ResetPassword) -> Result<Success> {
    let typed = (body.email, body.request_id, body.code);
    reset::reset_password(&scope, presented("$.resetToken", body.reset_token, typed)?, body.password).await?;
    Ok(SUCCESS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConfirmEmail {
    token: Option<PlainToken>,
    email: Option<Email>,
    request_id: Option<ProofRequestId>,
    #[schemars(length(min = 1, max = 32))]
    code: Option<String>,
}

async fn confirm_email(scope: Scope, body: ConfirmEmail) -> Result<Success> {
    let typed = (body.email, body.request_id, body.code);
    address::confirm_email(&scope, presented("$.token", body.token, typed)?).await?;
    Ok(SUCCESS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UndoEmail {
    token: PlainToken,
}

async fn undo_email(scope: Scope, body: UndoEmail) -> Result<Success> {
    address::undo_email(&scope, Presented::Link(body.token)).await?;
    Ok(SUCCESS)
}

type Parts = (Option<Email>, Option<ProofRequestId>, Option<String>);

/// Either the link's token or the typed code with what it belongs to; half of each is neither.
fn presented(path: &'static str, token: Option<PlainToken>, typed: Parts) -> Result<Presented> {
    match (token, typed) {
        (Some(token), (None, _, None)) => Ok(Presented::Link(token)),
        (None, (Some(address), Some(request), Some(code))) => {
            let code = code.chars().filter(|c| !c.is_whitespace()).collect();
            Ok(Presented::Code(Typed { address, request, code }))
        }
        _ => Err(invalid(
            path,
            "validator.undefined",
            "Send the link's token, or `email`, `requestId` and `code`.",
        )),
    }
}

pub(super) fn invalid(path: &str, key: &'static str, detail: &'static str) -> Error {
    INVALID.with(vec![FieldError::new(path, key, detail)])
}

pub(super) fn person_name(text: String) -> Result<String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = name.chars().count();
    // Before blanks are folded: a line break is none.
    let shown = !hides_something(&text);
    if shown && (1..=200).contains(&length) {
        Ok(name)
    } else {
        Err(invalid("$.name", "validator.length", "A name has 1 to 200 characters, none of them invisible."))
    }
}

pub(super) fn language(tag: String) -> Result<String> {
    let plain = tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain && (2..=35).contains(&tag.len()) {
        Ok(tag)
    } else {
        Err(invalid("$.locale", "validator.pattern", "This is not a language tag such as `nl` or `en-GB`."))
    }
}
