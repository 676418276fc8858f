//! Somebody has shown who they are: they get a session, or are told which factor is still due.
//!
//! Every way in ends here, so that none of them forgets a factor or mails no code for one (W-03 to W-07).

use serde_json::json;

use crate::base::{Email, Error, PendingLoginId, ProofRequestId, RecordId, Result, UserId};
use crate::components::mail::messages;
use crate::components::post::{self, Letter};
use crate::components::words::Locale;
use crate::db::Json;
use crate::db::tx::{Audit, Tx};
use crate::guesses::KnownDevice;
use crate::http::Cookie;
use crate::identity::asking::{Added, Question};
use crate::identity::{App, ClientKind, Factors, House, LoginType, Next, PendingLogin, Scope, Tenant, User};
use crate::sessions::answers::TokenPair;
use crate::sessions::device::Device;
use crate::sessions::steps::{self, Start, Started};
use crate::{proofs, sessions};

/// Who came in, by what, and where their codes go.
#[derive(Clone)]
pub struct Arrival {
    /// Locked and found active by the caller, in this transaction.
    pub user: User,
    pub address: Email,
    pub login_type: LoginType,
    pub factors: Factors,
    pub device: Option<Device>,
    pub locale: Locale,
}

/// What a person's settings ask for beside what they have shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    pub totp: bool,
    pub otp: bool,
    pub set_password: bool,
}

impl Due {
    /// Factors first, then the new password: else an old password alone could set a new one (W-03). The stronger
    /// factor leaves no choice: a mailed code is no way around it (W-05).
    pub fn next(self, factors: &Factors) -> Option<Next> {
        if (self.totp || self.otp) && !factors.are_two() {
            return Some(if self.totp { Next::Totp } else { Next::Otp });
        }
        self.set_password.then_some(Next::SetPassword)
    }

    /// A tenant may ask everybody for the mailed code.
    pub fn in_tenant(self, tenant: &Tenant) -> Self {
        Self { otp: self.otp || tenant.settings.0.email_code, ..self }
    }
}

#[derive(Clone)]
pub enum Arrived {
    In(Box<Started>),
    Waiting(Box<PendingLogin>, Option<ProofRequestId>),
}

/// Whether the tenant lets them in. `by` is what they came in by.
pub fn question(scope: &Scope, user: Option<UserId>, by: &str) -> Result<Question> {
    let data = json!({ "user": user, "type": by, "client": scope.app()?.client.public_id });
    Ok(Question::of_new("doorward.session.pre.create", "session", data))
}

/// A session, or a pending login with its code in the mail.
pub fn arrive(tx: &mut Tx, house: &House, app: &App, (arrival, due): (&Arrival, Due)) -> Result<Arrived> {
    let Some(next) = due.next(&arrival.factors) else {
        let start = Start {
            user: arrival.user.id,
            login_type: arrival.login_type,
            factors: arrival.factors.clone(),
            device: arrival.device.clone(),
            authenticated_at: None,
            absolute_end: None,
        };
        return Ok(Arrived::In(Box::new(steps::start(tx, house, app, start)?)));
    };
    let pending = pending(tx, house, app, (arrival, next))?;
    pending.insert(tx.conn)?;
    tx.audit(
        Audit::success("login.pending").of("user", pending.user_id).with(json!({ "next": pending.next })),
    )?;
    let request = match next {
        Next::Otp => Some(mail_code(tx, house, &pending, &arrival.address, arrival.locale)?),
        Next::Totp | Next::SetPassword => None,
    };
    Ok(Arrived::Waiting(Box::new(pending), request))
}

fn pending(tx: &Tx, house: &House, app: &App, (arrival, next): (&Arrival, Next)) -> Result<PendingLogin> {
    let device = arrival.device.as_ref().map(serde_json::to_value).transpose().map_err(Error::internal)?;
    Ok(PendingLogin {
        id: PendingLoginId::new(),
        tenant_id: app.client.tenant_id,
        user_id: arrival.user.id,
        client_id: app.client.id,
        user_epoch: arrival.user.epoch,
        login_type: arrival.login_type,
        next,
        factors: Json(arrival.factors.clone()),
        device: device.map(Json),
        address: tx.cause.address.clone(),
        user_agent: tx.cause.user_agent.clone(),
        created_at: tx.now,
        expires_at: tx.now + house.config.lifetimes.pending,
    })
}

/// Mints a code that is good for this pending login alone, and puts it in the mail.
pub fn mail_code(
    tx: &mut Tx,
    house: &House,
    pending: &PendingLogin,
    address: &Email,
    locale: Locale,
) -> Result<ProofRequestId> {
    let request = ProofRequestId::new();
    let new = proofs::New {
        user: Some(pending.user_id),
        subject: Some(RecordId::of(pending.id.0)),
        client: Some(pending.client_id),
        ..proofs::New::of(proofs::Purpose::LoginCode, address, request)
    };
    let minted = proofs::steps::mint(tx, house, new)?;
    let message = messages::LoginCode { code: minted.code, code_valid: house.config.lifetimes.code };
    post::post(tx, &house.vault, &Letter::new(address.clone(), locale, message))?;
    Ok(request)
}

/// What whoever arrived is answered: tokens, with what the tenant adds to them if that was asked already, and after a full login
/// the secret of a known device.
pub async fn answer(
    scope: &Scope,
    arrived: Arrived,
    known: Option<KnownDevice>,
    added: Option<Added>,
) -> Result<(TokenPair, Vec<Cookie>)> {
    match arrived {
        Arrived::Waiting(pending, request) => {
            Ok((sessions::events::pending_token(scope, &pending, request).await?, Vec::new()))
        }
        Arrived::In(started) => {
            let (user, tenant) = (started.session.user_id, started.session.tenant_id);
            let (pair, mut cookies) = sessions::events::pair(scope, &started, added).await?;
            let known = match known.filter(|known| known.user == user) {
                Some(known) => known.renewed(&scope.house),
                None => KnownDevice::new(&scope.house, tenant, user),
            };
            if scope.app()?.client.kind == ClientKind::Browser {
                cookies.push(known.cookie(scope)?);
                return Ok((pair, cookies));
            }
            let token = known.token(&scope.house)?.expose().to_string();
            Ok((TokenPair { known_device: Some(token), ..pair }, cookies))
        }
    }
}
