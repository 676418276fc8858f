//! What stands around a page: the tenant that its proof names, the language, and what the policy needs.

use std::sync::Arc;

use crate::base::{Email, PlainToken, ProofRequestId, Result};
use crate::components::brand::{Brand, Colour};
use crate::components::line::{Line, Link};
use crate::components::pages::{self, Flow, Frame, Page};
use crate::components::words::Locale;
use crate::db::Above;
use crate::http::Answer;
use crate::identity::{App, Scope, Tenant, User};
use crate::proofs::{Proof, Purpose};

use super::entity::{Invitation, login};
use super::mails;

/// A live link, looked at and not used.
pub struct Seen {
    pub scope: Scope,
    pub tenant: Arc<Tenant>,
    pub proof: Proof,
    pub token: PlainToken,
    pub inviter: Option<Line>,
    pub own_sign_up: Option<ProofRequestId>,
    /// Somebody new, who has no password yet.
    is_new: bool,
}

pub struct Desk {
    pub flow: Flow,
    pub seen: Option<Seen>,
    scope: Scope,
    locale: Locale,
}

impl Seen {
    pub fn asks_password(&self, flow: Flow) -> bool {
        match flow {
            Flow::Reset => true,
            Flow::Verify => self.is_new && self.own_sign_up.is_none(),
            Flow::Invitation => self.is_new,
            Flow::ConfirmEmail | Flow::UndoEmail => false,
        }
    }
}

impl Desk {
    /// The tenant is the one that the proof names, and never another one's host.
    pub async fn open(
        scope: &Scope,
        (flow, purpose): (Flow, Purpose),
        token: Option<PlainToken>,
        lang: Option<&str>,
    ) -> Result<Self> {
        let seen = match token {
            Some(token) => look(scope, purpose, token).await?,
            None => None,
        };
        let asked = scope.incoming.accept_language.as_deref();
        let first = seen.as_ref().and_then(|seen| seen.tenant.settings.0.languages.first().cloned());
        let locale = Locale::negotiate(lang, asked, first.as_deref());
        Ok(Self { flow, seen, scope: scope.clone(), locale })
    }

    pub fn frame_locale(&self) -> Locale {
        self.locale
    }

    /// Where the person asked to go on to, else the client's first; both only if the client lists them now (WEB-7).
    pub fn onward(&self) -> Option<Link> {
        let seen = self.seen.as_ref()?;
        let listed = &seen.scope.app().ok()?.client.continue_urls.0;
        let wanted = seen.proof.data.0.get("onward").and_then(|onward| onward.as_str());
        let url = wanted.filter(|url| listed.iter().any(|known| known == url));
        Link::parse(url.or_else(|| listed.first().map(String::as_str))?)
    }

    /// A page that ends the matter: the token is used up, and stands in nothing any more.
    pub fn end<P: Page>(&self, status: u16, page: &P) -> Result<Answer> {
        self.page(status, None, page)
    }

    pub fn answer<P: Page>(&self, status: u16, page: &P) -> Result<Answer> {
        self.page(status, self.seen.as_ref().map(|seen| seen.token.clone()), page)
    }

    fn page<P: Page>(&self, status: u16, token: Option<PlainToken>, page: &P) -> Result<Answer> {
        let nonce: String = self.scope.house.random.token("").expose().to_string();
        let frame = Frame {
            tenant: self.seen.as_ref().map_or_else(Brand::house, |seen| brand(&seen.tenant)),
            locale: self.locale,
            nonce,
            path: self.scope.incoming.path.clone(),
            token,
        };
        let rendered = pages::render(&self.scope.house.templates, &frame, page)?;
        let mut answer = Answer::html(status, rendered.html);
        for (name, value) in pages::HEADERS.iter().filter(|(name, _)| *name != "Content-Type") {
            answer = answer.header(name, *value);
        }
        Ok(answer.header("content-security-policy", rendered.policy))
    }
}

async fn look(scope: &Scope, purpose: Purpose, token: PlainToken) -> Result<Option<Seen>> {
    let (hash, now) = (token.hash(), scope.now());
    let above = scope.house.db.above(Above::Proof);
    let proof = above.read(move |conn| Ok(Proof::peek(conn, purpose, &hash, now)?)).await?;
    let Some(proof) = proof.filter(|proof| !proof.is_decoy()) else { return Ok(None) };
    let at_host = scope.house.tenant_at(&scope.incoming.host).await?;
    if at_host.is_some_and(|tenant| tenant != proof.tenant_id) {
        return Ok(None);
    }
    let tenant = scope.house.tenant(proof.tenant_id).await?.filter(|tenant| tenant.is_open());
    let Some(tenant) = tenant else { return Ok(None) };
    let Some(app) = client(scope, &proof).await? else { return Ok(None) };
    let (inviter, is_new) = who(scope, &proof).await?;
    let own_sign_up = own_sign_up(scope, &proof);
    let scope = scope.within(tenant.clone(), Some(app));
    Ok(Some(Seen { scope, tenant, proof, token, inviter, own_sign_up, is_new }))
}

async fn client(scope: &Scope, proof: &Proof) -> Result<Option<Arc<App>>> {
    let tenant = proof.tenant_id;
    match proof.client_id {
        Some(id) => {
            let view = scope.house.db.within(tenant);
            Ok(view.read(move |conn| Ok(App::find(conn, tenant, id)?)).await?.map(Arc::new))
        }
        None => scope.house.default_app(tenant).await,
    }
}

async fn who(scope: &Scope, proof: &Proof) -> Result<(Option<Line>, bool)> {
    let proof = proof.clone();
    let view = scope.house.db.within(proof.tenant_id);
    view.read(move |conn| {
        let (tenant, subject) = (proof.tenant_id, proof.subject_id);
        if proof.purpose != Purpose::Invitation {
            return Ok((None, proof.user_id.is_none()));
        }
        let invitation = match subject {
            Some(id) => Invitation::find(conn, tenant, crate::base::InvitationId::of(id.0))?,
            None => None,
        };
        let by = match invitation.and_then(|invitation| invitation.invited_by) {
            Some(user) => User::member(conn, tenant, user)?.and_then(|user| user.name),
            None => None,
        };
        let known = match Email::parse(&proof.address) {
            Ok(email) => login::is_taken(conn, tenant, &email)?,
            Err(_) => false,
        };
        Ok((by.as_deref().map(Line::new), !known))
    })
    .await
}

/// The cookie that a browser got when it signed up holds the same request id.
fn own_sign_up(scope: &Scope, proof: &Proof) -> Option<ProofRequestId> {
    let cookie = mails::sign_up_cookie(&scope.house, ProofRequestId::new());
    let told = scope.incoming.cookie(&cookie.name)?.parse::<ProofRequestId>().ok()?;
    proof.subject_id.filter(|subject| subject.0 == told.0).map(|_| told)
}

fn brand(tenant: &Tenant) -> Brand {
    let colour = tenant.settings.0.accent.as_deref().and_then(Colour::parse);
    Brand::new(&tenant.display_name, colour.unwrap_or(Colour::HOUSE))
}
