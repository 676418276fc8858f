//! Asking for a mail: sign-up, another verification mail, a forgotten password. Each does one identical write and
//! answers the same, whoever the address belongs to; the job that it wrote decides.

use serde_json::json;
use tracing::instrument;

use super::{MAIL_CLOSED, SIGN_UP_CLOSED};
use crate::auth::account::jobs::{self, Errand, What};
use crate::auth::account::policy;
use crate::base::{Email, NewPassword, ProofRequestId, Result, SignUpId};
use crate::components::config::MailTransport;
use crate::components::limiter::Site;
use crate::components::limits;
use crate::identity::asking::Question;
use crate::identity::{Scope, SignUp};

pub struct NewAccount {
    pub email: Email,
    pub password: NewPassword,
    pub name: Option<String>,
    pub locale: Option<String>,
    pub onward: Option<String>,
}

/// Asks for an account. Answers the same for free and for taken addresses, after the same work (ENUM-4).
///
/// Refuses with `authPasswordBased.signUp.closed`, `validator.error` for a password that the tenant does not take,
/// `actions.denied` and `actions.unanswered`.
#[instrument(name = "account.sign_up", skip_all)]
pub async fn sign_up(scope: &Scope, new: NewAccount) -> Result<ProofRequestId> {
    let tenant = scope.tenant()?;
    mail_is_sent(scope)?;
    if tenant.settings.0.sign_up != SignUp::Open {
        return Err(SIGN_UP_CLOSED.error());
    }
    scope.house.limiter.spend_at(limits::SIGN_UPS, &[], scope.incoming.address)?;
    policy::check(tenant, &new.password, &[new.email.as_str(), new.name.as_deref().unwrap_or_default()])?;
    let onward = policy::onward(scope.app()?, new.onward.as_deref())?;
    let question = Question::of_new("doorward.user.pre.create", "user", json!({ "name": new.name }));
    scope.ask(question.about(&new.email)).await?;
    let password_hash = scope.house.hasher.hash(Some(tenant.id), new.password.as_password()).await?;
    let what = What::SignUp { name: new.name, locale: new.locale, password_hash };
    ask(scope, new.email, what, onward).await
}

/// Asks for another verification mail. With the sign-up's request id its own password keeps counting.
#[instrument(name = "account.resend_verification", skip_all)]
pub async fn resend_verification(
    scope: &Scope,
    email: Email,
    of: Option<ProofRequestId>,
) -> Result<ProofRequestId> {
    mail_is_sent(scope)?;
    let sign_up = of.map(|request| SignUpId::of(request.0));
    ask(scope, email, What::Resend { sign_up }, None).await
}

/// Asks for a way to set a new password.
#[instrument(name = "account.forgot_password", skip_all)]
pub async fn forgot_password(scope: &Scope, email: Email, onward: Option<String>) -> Result<ProofRequestId> {
    mail_is_sent(scope)?;
    let onward = policy::onward(scope.app()?, onward.as_deref())?;
    ask(scope, email, What::Forgot, onward).await
}

/// The one write of every question: a sealed errand.
pub(super) async fn ask(
    scope: &Scope,
    email: Email,
    what: What,
    onward: Option<String>,
) -> Result<ProofRequestId> {
    let request = match &what {
        What::Resend { sign_up: Some(id) } => ProofRequestId::of(id.0),
        _ => scope.house.random.id(),
    };
    let client = scope.app()?.client.id;
    let accept_language = scope.incoming.accept_language.clone();
    let site = Some(Site::of(scope.incoming.address));
    let errand = Errand { email, request, client, site, accept_language, onward, what };
    let house = scope.house.clone();
    scope.write(move |tx| jobs::enqueue(tx, &house, &errand)).await?;
    Ok(request)
}

pub(super) fn mail_is_sent(scope: &Scope) -> Result<()> {
    match scope.house.config.mail.transport {
        MailTransport::None => Err(MAIL_CLOSED.error()),
        MailTransport::Smtp | MailTransport::Keep => Ok(()),
    }
}
