//! An address is proven: the first confirmed sign-up makes the person.

use serde_json::json;
use tracing::instrument;

use super::INVALID_VERIFY_TOKEN;
use super::redeeming::Claim;
use crate::auth::account::entity::{Login, SignUpRow, login};
use crate::auth::account::policy;
use crate::auth::account::steps::{self, Person};
use crate::base::{Email, NewPassword, PendingLoginId, ProofRequestId, Result, SignUpId, UserId};
use crate::db::Json;
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::identity::{App, Factors, House, LoginType, Next, PendingLogin, Scope, Tenant, User};
use crate::proofs::{Presented, Proof, Purpose};
use crate::sessions::answers::TokenPair;
use crate::sessions::device::Device;
use crate::sessions::events::{pair, pending_token};
use crate::sessions::steps::{Start, Started, start};
use crate::users::arrival::question;

pub struct Confirmation {
    pub presented: Presented,
    /// The one that the sign-up's answer told: only with it does the sign-up's password count.
    pub request: Option<ProofRequestId>,
    /// Chosen now, by whoever reads the mailbox.
    pub password: Option<NewPassword>,
    pub device: Option<Device>,
}

/// How it goes on for whoever proved the address.
pub enum Entered {
    Session(Box<Started>),
    Pending(Box<PendingLogin>),
}

type Answered = (TokenPair, Vec<crate::http::Cookie>);

/// Proves an address and logs in, once.
///
/// Refuses with `authPasswordBased.verifyEmail.invalidVerifyToken`: wrong, used, expired, another tenant's, all alike; with
/// `actions.denied` and `actions.unanswered`.
#[instrument(name = "account.verify_email", skip_all)]
pub async fn verify_email(scope: &Scope, given: Confirmation) -> Result<Answered> {
    match prove(scope, given, true).await? {
        Some(Entered::Session(started)) => pair(scope, &started, None).await,
        Some(Entered::Pending(pending)) => Ok((pending_token(scope, &pending, None).await?, Vec::new())),
        None => Err(INVALID_VERIFY_TOKEN.because("changedMeanwhile")),
    }
}

/// Proves an address and no more: what a page does, which holds no client's tokens.
///
/// Refuses like [`verify_email`].
#[instrument(name = "account.confirm", skip_all)]
pub async fn confirm(scope: &Scope, given: Confirmation) -> Result<()> {
    prove(scope, given, false).await.map(drop)
}

async fn prove(scope: &Scope, given: Confirmation, log_in: bool) -> Result<Option<Entered>> {
    let (tenant, app, house) = (scope.tenant()?.clone(), scope.app()?.clone(), scope.house.clone());
    let Confirmation { presented, request, password, device } = given;
    if let Some(password) = &password {
        policy::check(&tenant, password, &[])?;
    }
    let claim = Claim::new(scope, Purpose::VerifyAddress, presented).await?;
    if log_in {
        permitted(scope, &claim).await?;
    }
    let chosen = match password {
        Some(password) => Some(Chosen { hash: claim.hash(scope, tenant.id, &password).await?, password }),
        None => None,
    };
    let proven = claim.redeem(scope, move |tx, proof| {
        let Some(user) = proven(tx, &tenant, proof, (request, chosen.as_ref()))? else { return Ok(None) };
        let entered = if log_in { enter(tx, &house, &app, user, device.clone())? } else { None };
        Ok(Some(entered))
    });
    proven.await?.ok_or_else(|| INVALID_VERIFY_TOKEN.because("proof"))
}

/// Asked before the proof is used up: whoever is refused may come again.
async fn permitted(scope: &Scope, claim: &Claim) -> Result<()> {
    let Some((email, user)) = claim.whose(scope).await? else { return Ok(()) };
    scope.ask(question(scope, user, "verifyEmail")?.about(&email)).await
}

/// A password that was chosen with the proof.
struct Chosen {
    password: NewPassword,
    hash: String,
}

fn proven(
    tx: &mut Tx,
    tenant: &Tenant,
    proof: &Proof,
    (request, chosen): (Option<ProofRequestId>, Option<&Chosen>),
) -> Result<Option<(UserId, i64)>> {
    match (proof.user_id, proof.subject_id) {
        (Some(user), _) => known_person(tx, proof, user),
        (None, Some(sign_up)) => {
            let id = SignUpId::of(sign_up.0);
            let own = request.is_some_and(|request| request.0 == id.0);
            new_person(tx, tenant, proof, (id, own, chosen))
        }
        (None, None) => Ok(None),
    }
}

/// The proof belongs to the address, not to the login: an older address proves nothing of a newer one.
fn known_person(tx: &mut Tx, proof: &Proof, user: UserId) -> Result<Option<(UserId, i64)>> {
    let active = User::lock(tx.conn, user)?.filter(User::is_active);
    let login = Login::of(tx.conn, user)?.filter(|login| login.email == proof.address);
    let (Some(person), Some(_)) = (active, login) else { return Ok(None) };
    Login::verify(tx.conn, user, tx.now)?;
    tx.audit(Audit::success("account.verify_email").of("user", user))?;
    tx.throw(Happened::new("doorward.user.post.verify", "user", user))?;
    Ok(Some((user, person.epoch)))
}

fn new_person(
    tx: &mut Tx,
    tenant: &Tenant,
    proof: &Proof,
    (id, own, chosen): (SignUpId, bool, Option<&Chosen>),
) -> Result<Option<(UserId, i64)>> {
    let Some(row) = SignUpRow::live(tx.conn, proof.tenant_id, id, tx.now)? else { return Ok(None) };
    let Ok(email) = Email::parse(&row.email) else { return Ok(None) };
    // An address that its former owner may still take back is not given away meanwhile.
    if Proof::is_held(tx.conn, proof.tenant_id, &row.email, tx.now)? {
        return Ok(None);
    }
    if let Some(chosen) = chosen {
        let words = [row.email.as_str(), row.name.as_deref().unwrap_or_default()];
        policy::check_personal(tenant, &chosen.password, &words)?;
    }
    // Whoever signed up with somebody else's address would otherwise know the password of the account (BIND).
    let password_hash =
        chosen.map(|chosen| chosen.hash.clone()).or_else(|| row.password_hash.filter(|_| own));
    let made = Person { email: &email, name: row.name, locale: row.locale, password_hash };
    let Some(user) = steps::settle(tx, proof.tenant_id, made)? else { return Ok(None) };
    SignUpRow::drop_all(tx.conn, proof.tenant_id, &row.email)?;
    tx.audit(Audit::success("account.verify_email").of("user", user.id).with(json!({ "new": true })))?;
    Ok(Some((user.id, user.epoch)))
}

/// A proven mailbox is one factor. What else the login asks for is still asked.
fn enter(
    tx: &mut Tx,
    house: &House,
    app: &App,
    (user, epoch): (UserId, i64),
    device: Option<Device>,
) -> Result<Option<Entered>> {
    let person = User::lock(tx.conn, user)?.filter(|user| user.is_active() && user.epoch == epoch);
    let (Some(_), Some(login)) = (person, Login::of(tx.conn, user)?) else { return Ok(None) };
    let factors = Factors { methods: vec!["mca".into()], of_home: true };
    let next = if login.password_hash.is_none() || login.must_change {
        Some(Next::SetPassword)
    } else {
        login::has_totp(tx.conn, user)?.then_some(Next::Totp)
    };
    let login_type = LoginType::Password;
    if let Some(next) = next {
        let pending = PendingLogin {
            id: PendingLoginId::new(),
            tenant_id: app.client.tenant_id,
            user_id: user,
            client_id: app.client.id,
            user_epoch: epoch,
            login_type,
            next,
            factors: Json(factors),
            device: device.as_ref().and_then(|device| serde_json::to_value(device).ok()).map(Json),
            address: tx.cause.address.clone(),
            user_agent: tx.cause.user_agent.clone(),
            created_at: tx.now,
            expires_at: tx.now + house.config.lifetimes.pending,
        };
        pending.insert(tx.conn)?;
        return Ok(Some(Entered::Pending(Box::new(pending))));
    }
    let begin = Start { user, login_type, factors, device, authenticated_at: None, absolute_end: None };
    tx.forget(Forget::User(user))?;
    Ok(Some(Entered::Session(Box::new(start(tx, house, app, begin)?))))
}
