//! The pages behind the links of mails. A GET looks and asks; the POST of its button is the same event as the API's.

use schemars::JsonSchema;
use serde::Deserialize;

use super::events::verify::Confirmation;
use super::events::{address, invitation, reset, verify};
use super::mails;
use super::page_frame::{Desk, Seen};
use super::policy;
use crate::base::error::INVALID;
use crate::base::{Error, NewPassword, PlainToken, ProofRequestId, Result};
use crate::components::line::Line;
use crate::components::pages::{Ask, DeadLink, Done, Flow, NewPassword as Choose, Problem};
use crate::http::Answer;
use crate::identity::{Access, Method, Route, Scope};
use crate::proofs::{Presented, Purpose};

pub fn routes() -> Vec<Route> {
    let pages = [
        (mails::VERIFY, Flow::Verify),
        (mails::RESET, Flow::Reset),
        (mails::CONFIRM, Flow::ConfirmEmail),
        (mails::UNDO, Flow::UndoEmail),
        (mails::INVITATION, Flow::Invitation),
    ];
    let mut routes = Vec::new();
    for (path, flow) in pages {
        let show = move |scope: Scope, input: Shown| async move { show(scope, flow, input).await };
        let act = move |scope: Scope, input: Filled| async move { act(scope, flow, input).await };
        routes.push(
            Route::new(Method::Get, path, Access::Open, show).named("account.show", "A mail's page.").form(),
        );
        routes.push(
            Route::new(Method::Post, path, Access::Open, act).named("account.act", "Its button.").form(),
        );
    }
    routes
}

/// Mail programs and trackers add members of their own to a link: they are not refused, and not read.
#[derive(Deserialize, JsonSchema)]
pub struct Shown {
    token: Option<PlainToken>,
    lang: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
pub struct Filled {
    token: Option<PlainToken>,
    lang: Option<String>,
    password: Option<String>,
    name: Option<String>,
}

fn purpose(flow: Flow) -> Purpose {
    match flow {
        Flow::Verify => Purpose::VerifyAddress,
        Flow::Reset => Purpose::ResetPassword,
        Flow::ConfirmEmail => Purpose::ConfirmEmail,
        Flow::UndoEmail => Purpose::UndoEmail,
        Flow::Invitation => Purpose::Invitation,
    }
}

async fn show(scope: Scope, flow: Flow, input: Shown) -> Result<Answer> {
    let desk = Desk::open(&scope, (flow, purpose(flow)), input.token, input.lang.as_deref()).await?;
    match &desk.seen {
        Some(seen) => ask(&desk, seen, String::new(), Vec::new()),
        None => desk.end(404, &DeadLink { flow }),
    }
}

/// A button, or a form where a password must be chosen.
fn ask(desk: &Desk, seen: &Seen, name: String, problems: Vec<Problem>) -> Result<Answer> {
    let (flow, address) = (desk.flow, Some(Line::new(&seen.proof.address)));
    let status = if problems.is_empty() { 200 } else { 422 };
    if !seen.asks_password(flow) {
        return desk.answer(200, &Ask { flow, address, inviter: seen.inviter.clone() });
    }
    let name = (flow == Flow::Invitation).then(|| Line::new(&name));
    let minimum = policy::minimum(&seen.tenant);
    let page = Choose { flow, address, inviter: seen.inviter.clone(), name, minimum, problems };
    desk.answer(status, &page)
}

async fn act(scope: Scope, flow: Flow, input: Filled) -> Result<Answer> {
    let desk = Desk::open(&scope, (flow, purpose(flow)), input.token, input.lang.as_deref()).await?;
    let Some(seen) = &desk.seen else { return desk.end(404, &DeadLink { flow }) };
    let name = input.name.unwrap_or_default();
    let given = Given { password: input.password.filter(|text| !text.is_empty()), name: name.clone() };
    match carry_out(&desk, seen, given).await {
        Ok(()) => desk.end(200, &Done { flow, onward: desk.onward() }),
        Err(Error::Refused(refused)) if refused.refusal.key == INVALID.key => {
            let problems = refused.errors.iter().map(problem).collect();
            ask(&desk, seen, name, problems)
        }
        Err(Error::Refused(refused)) if refused.refusal.status == 401 => desk.end(404, &DeadLink { flow }),
        Err(Error::Refused(refused)) if matches!(refused.refusal.status, 429 | 503) => {
            ask(&desk, seen, name, vec![Problem::TryLater])
        }
        Err(error) => Err(error),
    }
}

struct Given {
    password: Option<String>,
    name: String,
}

async fn carry_out(desk: &Desk, seen: &Seen, given: Given) -> Result<()> {
    let scope = &seen.scope;
    let password =
        given.password.map(NewPassword::parse).transpose().map_err(|error| INVALID.with(vec![error]))?;
    if seen.asks_password(desk.flow) && password.is_none() {
        return Err(super::controller::invalid("$.password", "validator.undefined", "Choose a password."));
    }
    let presented = Presented::Link(seen.token.clone());
    match (desk.flow, password) {
        (Flow::Verify, password) => {
            let request = desk.cookie_request();
            verify::confirm(scope, Confirmation { presented, request, password, device: None }).await
        }
        (Flow::Reset, Some(password)) => reset::reset_password(scope, presented, password).await,
        (Flow::ConfirmEmail, _) => address::confirm_email(scope, presented).await,
        (Flow::UndoEmail, _) => address::undo_email(scope, presented).await,
        (Flow::Invitation, password) => {
            let name = super::controller::person_name(given.name)?;
            let (token, locale) = (seen.token.clone(), Some(desk.frame_locale().to_string()));
            let given = invitation::Acceptance { token, password, name: Some(name), locale };
            invitation::accept_invitation(scope, given).await.map(drop)
        }
        (Flow::Reset, None) => Ok(()),
    }
}

fn problem(error: &crate::base::FieldError) -> Problem {
    match (error.path.as_str(), &*error.key) {
        ("$.name", _) => Problem::NameMissing,
        (_, "validator.undefined") => Problem::PasswordMissing,
        (_, "validator.password.common") => Problem::PasswordTooCommon,
        (_, "validator.password.personal" | "validator.password.guessable") => Problem::PasswordTooWeak,
        (_, _) if error.detail.contains("at most") => Problem::PasswordTooLong,
        _ => Problem::PasswordTooShort,
    }
}

impl Desk {
    /// The sign-up was made in this very browser: its password was chosen by whoever reads the mailbox now.
    fn cookie_request(&self) -> Option<ProofRequestId> {
        self.seen.as_ref().and_then(|seen| seen.own_sign_up)
    }
}
