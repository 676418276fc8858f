//! What a request for a mail comes to, after its answer: only here is looked who the address belongs to.

use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::cleaning;
use super::entity::{Login, SignUpRow, login};
use super::mails::{self, Desk};
use crate::base::{
    ClientId, Email, Error, JobId, ProofRequestId, RecordId, Result, SignUpId, TenantId, UserId,
};
use crate::components::limiter::Site;
use crate::components::mail::messages;
use crate::components::vault::Place;
use crate::db::tx::{Tx, Work};
use crate::guesses::hold::{self, Held};
use crate::identity::job::Outcome;
use crate::identity::{Claimed, Failure, Handler, House, Scope, User};
use crate::proofs::budget::{self, Asking, Kind};
use crate::proofs::{New, Proof, Purpose};

/// Sign-ups of one address that may wait for their proof.
const WAITING: i64 = 5;

/// What somebody asked. Sealed as a whole, and wiped with the job.
#[derive(Debug, Serialize, Deserialize)]
pub struct Errand {
    pub email: Email,
    pub request: ProofRequestId,
    pub client: ClientId,
    /// Who asked, as far as the budgets of mails tell askers apart.
    #[serde(default)]
    pub site: Option<Site>,
    pub accept_language: Option<String>,
    /// Where the page sends the person on to; listed by the client when it was asked.
    pub onward: Option<String>,
    pub what: What,
}

#[derive(Serialize, Deserialize)]
pub enum What {
    SignUp { name: Option<String>, locale: Option<String>, password_hash: String },
    Resend { sign_up: Option<SignUpId> },
    Forgot,
    ChangeEmail { user: UserId },
}

impl std::fmt::Debug for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.job())
    }
}

pub const NAMES: [&str; 4] =
    ["account.sign_up", "account.resend_verification", "account.forgot_password", "account.update_email"];

impl What {
    fn job(&self) -> &'static str {
        let [sign_up, resend, forgot, change] = NAMES;
        match self {
            Self::SignUp { .. } => sign_up,
            Self::Resend { .. } => resend,
            Self::Forgot => forgot,
            Self::ChangeEmail { .. } => change,
        }
    }
}

/// Writes an errand down.
pub fn enqueue(tx: &mut Tx, house: &House, errand: &Errand) -> Result<()> {
    let mut work = Work::job(errand.what.job(), json!({}));
    let plain = Zeroizing::new(serde_json::to_vec(errand).map_err(Error::internal)?);
    work.sealed = Some(house.vault.seal(&place(tx.tenant(), work.id), &plain)?);
    tx.enqueue(work).map(drop)
}

fn place(tenant: Option<TenantId>, job: JobId) -> Place {
    Place { tenant, table: "jobs", column: "sealed", row: job.0 }
}

pub fn handlers() -> Vec<Handler> {
    let errands = NAMES.iter().map(|name| Handler::new(name, carry_out));
    errands.chain([Handler::new(hold::TELL, tell_holder), cleaning::handler()]).collect()
}

/// Somebody's wrong guesses hold the logins at an address: its owner is told, with a way in.
async fn tell_holder(scope: Scope, job: Claimed) -> Outcome {
    let (house, tenant) = (scope.house.clone(), scope.tenant()?.clone());
    let sealed = job.sealed.as_deref().ok_or_else(|| Failure::Never("it names nobody".into()))?;
    let held = Held::open(&house, tenant.id, job.id, sealed)?;
    let write = scope.write(move |tx| {
        job.done_with(tx)?;
        let desk = Desk { house: &house, tenant: &tenant, locale: mails::locale(&tenant, None, None) };
        let Some(owner) = owner(tx, &desk, &held.email)? else { return Ok(()) };
        if !budget::spend(tx, &house, &held.email, Asking::by_nobody(Kind::Held))? {
            return Ok(());
        }
        let desk = Desk { locale: mails::locale(&tenant, owner.locale.as_deref(), None), ..desk };
        let link = desk.reset_link(tx, &held.email, (owner.id, held.client))?;
        let (at, link_valid) = (tx.now, house.config.lifetimes.link);
        desk.send(tx, &held.email, messages::LoginsHeld { at, link, link_valid })
    });
    Ok(write.await?)
}

/// Carries an errand out in one transaction, which also ends the job: its mail is written once, however often it runs.
async fn carry_out(scope: Scope, job: Claimed) -> Outcome {
    let (house, tenant) = (scope.house.clone(), scope.tenant()?.clone());
    let sealed = job.sealed.as_deref().ok_or_else(|| Failure::Never("it holds no errand".into()))?;
    let plain = house.vault.open(&place(Some(tenant.id), job.id), sealed)?;
    let errand: Errand = serde_json::from_slice(&plain).map_err(Error::internal)?;
    scope
        .write(move |tx| {
            job.done_with(tx)?;
            let asked = errand.accept_language.as_deref();
            let desk = Desk { house: &house, tenant: &tenant, locale: mails::locale(&tenant, None, asked) };
            match &errand.what {
                What::SignUp { .. } => sign_up(tx, &desk, &errand),
                What::Resend { sign_up } => resend(tx, &desk, &errand, *sign_up),
                What::Forgot => forgot(tx, desk, &errand),
                What::ChangeEmail { user } => change_email(tx, desk, &errand, *user),
            }
        })
        .await?;
    Ok(())
}

impl Errand {
    fn asking(&self, kind: Kind) -> Asking {
        Asking { kind, site: self.site }
    }

    fn proof(&self, purpose: Purpose) -> New<'_> {
        New {
            client: Some(self.client),
            data: json!({ "onward": self.onward }),
            ..New::of(purpose, &self.email, self.request)
        }
    }
}

fn sign_up(tx: &mut Tx, desk: &Desk<'_>, errand: &Errand) -> Result<()> {
    let What::SignUp { name, locale, password_hash } = &errand.what else { return Ok(()) };
    let (tenant, email) = (desk.tenant.id, &errand.email);
    let known =
        login::is_taken(tx.conn, tenant, email)? || Proof::is_held(tx.conn, tenant, email.as_str(), tx.now)?;
    if known {
        return already_known(tx, desk, errand);
    }
    if SignUpRow::waiting(tx.conn, tenant, email, tx.now)? >= WAITING {
        return one_of_many(tx, desk, errand);
    }
    let row = SignUpRow {
        id: SignUpId::of(errand.request.0),
        tenant_id: tenant,
        client_id: errand.client,
        email: email.as_str().to_string(),
        name: name.clone(),
        locale: locale.clone(),
        password_hash: Some(password_hash.clone()),
        created_at: tx.now,
        expires_at: tx.now + desk.house.config.lifetimes.sign_up,
    };
    row.insert(tx.conn)?;
    verify(tx, desk, errand, &row)
}

/// As many wait as may, perhaps all of a stranger: this one has no row, and its password is not kept. Whoever reads the
/// mailbox gets their mail all the same and chooses a password with it.
fn one_of_many(tx: &mut Tx, desk: &Desk<'_>, errand: &Errand) -> Result<()> {
    match SignUpRow::youngest(tx.conn, (desk.tenant.id, &errand.email), None, tx.now)? {
        Some(row) => verify(tx, desk, errand, &row),
        None => desk.decoy(tx, New::of(Purpose::VerifyAddress, &errand.email, errand.request)),
    }
}

/// The hash that came with it ends here. Only the owner of the mailbox learns that there is an account.
fn already_known(tx: &mut Tx, desk: &Desk<'_>, errand: &Errand) -> Result<()> {
    let purpose = match errand.what {
        What::ChangeEmail { .. } => Purpose::ConfirmEmail,
        _ => Purpose::VerifyAddress,
    };
    desk.decoy(tx, New::of(purpose, &errand.email, errand.request))?;
    if !budget::spend(tx, desk.house, &errand.email, errand.asking(Kind::AlreadyKnown))? {
        return Ok(());
    }
    let (link_valid, owner) = (desk.house.config.lifetimes.link, owner(tx, desk, &errand.email)?);
    let reset = match owner {
        Some(owner) => Some(desk.reset_link(tx, &errand.email, (owner.id, errand.client))?),
        None => None,
    };
    desk.send(tx, &errand.email, messages::AlreadyHaveAccount { reset, link_valid })
}

/// Whose login an address is, if they may still come in.
fn owner(tx: &mut Tx, desk: &Desk<'_>, email: &Email) -> Result<Option<User>> {
    let Some(login) = Login::at(tx.conn, desk.tenant.id, email)? else { return Ok(None) };
    Ok(User::lock(tx.conn, login.user_id)?.filter(User::is_active))
}

/// The name that came with the sign-up stands in no mail: it would make us carry a stranger's words (LIM-6).
fn verify(tx: &mut Tx, desk: &Desk<'_>, errand: &Errand, row: &SignUpRow) -> Result<()> {
    let subject = Some(RecordId::of(row.id.0));
    let locale = mails::locale(desk.tenant, row.locale.as_deref(), errand.accept_language.as_deref());
    let desk = Desk { locale, ..*desk };
    mail_proof(tx, &desk, errand, New { subject, ..errand.proof(Purpose::VerifyAddress) })
}

fn mail_proof(tx: &mut Tx, desk: &Desk<'_>, errand: &Errand, new: New<'_>) -> Result<()> {
    let lifetimes = &desk.house.config.lifetimes;
    let (link_valid, code_valid) = (lifetimes.link, lifetimes.code);
    desk.prove(tx, (new, errand.asking(Kind::Verify)), |link, code| messages::VerifyAddress {
        link,
        code,
        link_valid,
        code_valid,
    })
}

fn resend(tx: &mut Tx, desk: &Desk<'_>, errand: &Errand, meant: Option<SignUpId>) -> Result<()> {
    let (tenant, email) = (desk.tenant.id, &errand.email);
    if let Some(row) = SignUpRow::youngest(tx.conn, (tenant, email), meant, tx.now)? {
        return verify(tx, desk, errand, &row);
    }
    let unverified = Login::at(tx.conn, tenant, email)?.filter(|login| login.verified_at.is_none());
    let Some(login) = unverified else {
        return desk.decoy(tx, New::of(Purpose::VerifyAddress, email, errand.request));
    };
    let user = Some(login.user_id);
    mail_proof(tx, desk, errand, New { user, ..errand.proof(Purpose::VerifyAddress) })
}

fn forgot(tx: &mut Tx, desk: Desk<'_>, errand: &Errand) -> Result<()> {
    let Some(user) = owner(tx, &desk, &errand.email)? else {
        return desk.decoy(tx, New::of(Purpose::ResetPassword, &errand.email, errand.request));
    };
    let desk = desk.of(&user, errand);
    let new = New { user: Some(user.id), ..errand.proof(Purpose::ResetPassword) };
    reset_mail(tx, &desk, (new, errand.asking(Kind::Reset)))
}

pub(super) fn reset_mail(tx: &mut Tx, desk: &Desk<'_>, new: (New<'_>, Asking)) -> Result<()> {
    let lifetimes = &desk.house.config.lifetimes;
    let (link_valid, code_valid) = (lifetimes.link, lifetimes.code);
    desk.prove(tx, new, |link, code| messages::ResetPassword { link, code, link_valid, code_valid })
}

fn change_email(tx: &mut Tx, desk: Desk<'_>, errand: &Errand, user: UserId) -> Result<()> {
    let (tenant, email) = (desk.tenant.id, &errand.email);
    let person = User::lock(tx.conn, user)?.filter(User::is_active);
    let (Some(person), Some(login)) = (person, Login::of(tx.conn, user)?) else { return Ok(()) };
    let known =
        login::is_taken(tx.conn, tenant, email)? || Proof::is_held(tx.conn, tenant, email.as_str(), tx.now)?;
    let desk = desk.of(&person, errand);
    if known {
        return already_known(tx, &desk, errand);
    }
    let data = json!({ "from": login.email, "onward": errand.onward });
    let new = New { user: Some(user), data, ..errand.proof(Purpose::ConfirmEmail) };
    let lifetimes = &desk.house.config.lifetimes;
    let (link_valid, code_valid) = (lifetimes.link, lifetimes.code);
    let new = (new, errand.asking(Kind::NewAddress));
    desk.prove(tx, new, |link, code| messages::ConfirmEmail { link, code, link_valid, code_valid })
}

impl<'a> Desk<'a> {
    fn of(self, person: &User, errand: &Errand) -> Desk<'a> {
        let asked = errand.accept_language.as_deref();
        Desk { locale: mails::locale(self.tenant, person.locale.as_deref(), asked), ..self }
    }
}
