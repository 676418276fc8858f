//! Mails of this room: where their links lead, and whether one may be sent at all.

use crate::base::{ClientId, Email, Error, PlainToken, ProofRequestId, Result, UserId};
use crate::components::line::{Code, Link};
use crate::components::mail::Message;
use crate::components::post::{self, Letter};
use crate::components::words::Locale;
use crate::db::tx::Tx;
use crate::http::{Cookie, SameSite};
use crate::identity::{House, Tenant};
use crate::proofs::budget::{self, Asking};
use crate::proofs::{self, New, Purpose};

/// Remembers in the browser of a sign-up that it was made there: its own link then needs no second password.
pub fn sign_up_cookie(house: &House, request: ProofRequestId) -> Cookie {
    let secure = !house.config.environment.is_local();
    let name = if secure { "__Host-dw-sign-up" } else { "dw-sign-up" };
    let max_age = house.config.lifetimes.sign_up.as_secs();
    // Lax: it must come along when the link in the mail is followed.
    Cookie { name: name.into(), value: request.to_string(), secure, same_site: SameSite::Lax, max_age }
}

pub const VERIFY: &str = "/account/verify";
pub const RESET: &str = "/account/reset";
pub const CONFIRM: &str = "/account/confirm-email";
pub const UNDO: &str = "/account/undo-email";
pub const INVITATION: &str = "/account/invitation";

/// Who writes, and in which language.
pub struct Desk<'a> {
    pub house: &'a House,
    pub tenant: &'a Tenant,
    pub locale: Locale,
}

impl Desk<'_> {
    /// From the tenant's own row alone: no header of any request ever decides where a token goes (RST-5).
    pub fn link(&self, page: &str, token: &PlainToken) -> Result<Link> {
        let base = self.tenant.public_url.trim_end_matches('/');
        Link::parse(&format!("{base}{page}?token={}", token.expose()))
            .ok_or_else(|| Error::internal("the tenant's public URL makes no link"))
    }

    pub fn send(&self, tx: &mut Tx, to: &Email, message: impl Into<Message>) -> Result<()> {
        post::post(tx, &self.house.vault, &Letter::new(to.clone(), self.locale, message)).map(drop)
    }

    /// A proof and its mail. When the budget is spent there is neither, but a decoy: whoever asked sees no difference.
    pub fn prove<M: Into<Message>>(
        &self,
        tx: &mut Tx,
        (new, asking): (New<'_>, Asking),
        write: impl FnOnce(Link, Code) -> M,
    ) -> Result<()> {
        let (page, to) = (page(new.purpose), new.address.clone());
        if !budget::spend(tx, self.house, &to, asking)? {
            return self.decoy(tx, New::of(new.purpose, &to, new.request));
        }
        let minted = proofs::steps::mint(tx, self.house, new)?;
        let link = self.link(page, &minted.link)?;
        self.send(tx, &to, write(link, minted.code))
    }

    /// The way back in, for mails that nobody's typed code answers: its request is told to nobody.
    pub fn reset_link(&self, tx: &mut Tx, to: &Email, of: (UserId, ClientId)) -> Result<Link> {
        let new = New::of(Purpose::ResetPassword, to, self.house.random.id());
        let new = New { user: Some(of.0), client: Some(of.1), ..new };
        let minted = proofs::steps::mint(tx, self.house, new)?;
        self.link(RESET, &minted.link)
    }

    pub fn decoy(&self, tx: &mut Tx, new: New<'_>) -> Result<()> {
        proofs::steps::mint(tx, self.house, new).map(drop)
    }
}

fn page(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::VerifyAddress | Purpose::LoginCode => VERIFY,
        Purpose::ResetPassword => RESET,
        Purpose::ConfirmEmail => CONFIRM,
        Purpose::UndoEmail => UNDO,
        Purpose::Invitation => INVITATION,
    }
}

/// The person's own choice, else what was asked for, else the tenant's first language.
pub fn locale(tenant: &Tenant, person: Option<&str>, asked: Option<&str>) -> Locale {
    Locale::negotiate(person, asked, tenant.settings.0.languages.first().map(String::as_str))
}
