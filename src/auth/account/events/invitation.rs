//! Invitations: made by who may give the roles, listed, taken back, accepted.

use serde_json::json;
use tracing::instrument;

use super::{ANOTHER_PERSON, INVALID_INVITATION, MAY_NOT_GRANT, SIGN_IN_FIRST, UNKNOWN_INVITATION};
use crate::auth::account::entity::invitation::with_roles;
use crate::auth::account::entity::{Invitation, Login, login};
use crate::auth::account::policy;
use crate::auth::account::steps::{self, Inviter, Person};
use crate::base::error::INVALID;
use crate::base::{
    Email, FieldError, InvitationId, NewPassword, PlainToken, RecordId, Result, TenantId, UserId,
};
use crate::db::Above;
use crate::db::tx::{Audit, Happened, Tx};
use crate::identity::asking::Question;
use crate::identity::{Live, Scope, User, Who};
use crate::permissions::entity::Role;
use crate::permissions::steps::{RIGHTS, give, held, may_grant};
use crate::proofs::steps::{consume_link, kill_about};
use crate::proofs::{Proof, Purpose};

/// Invites an address to roles.
///
/// Refuses with `validator.error` an unknown role, and with `authInvitation.create.mayNotGrant` one that holds a
/// permission which the inviter does not hold; with `actions.denied` and `actions.unanswered`.
#[instrument(name = "account.create_invitation", skip_all)]
pub async fn create_invitation(scope: &Scope, email: Email, roles: Vec<String>) -> Result<Invitation> {
    let (house, tenant, live) = (scope.house.clone(), scope.tenant()?.clone(), scope.live()?.clone());
    let question =
        Question::of_new("doorward.invitation.pre.create", "invitation", json!({ "roles": roles }));
    scope.ask(question.about(&email)).await?;
    scope
        .write(move |tx| {
            let roles = named(tx, tenant.id, &roles)?;
            // Who loses a right meanwhile gives it no more.
            tx.lock(RIGHTS, tenant.id)?;
            let held = held(tx, tenant.id, live.user)?;
            if !may_grant(tx, &held, &roles)? {
                return Err(MAY_NOT_GRANT.error());
            }
            let name = User::member(tx.conn, tenant.id, live.user)?.and_then(|user| user.name);
            let inviter = Inviter { user: live.user, name };
            let invitation =
                steps::invite_by(tx, &house, (&tenant, &email), (&roles, Some(&inviter)))?.invitation;
            tx.made(invitation.id);
            Ok(invitation)
        })
        .await
}

fn named(tx: &mut Tx, tenant: TenantId, identifiers: &[String]) -> Result<Vec<Role>> {
    let mut roles = Vec::new();
    for (index, identifier) in identifiers.iter().enumerate() {
        let unknown =
            || FieldError::new(format!("$.roles[{index}]"), "validator.oneOf", "There is no such role here.");
        let role = Role::named(tx.conn, tenant, identifier)?;
        roles.push(role.ok_or_else(|| INVALID.with(vec![unknown()]))?);
    }
    Ok(roles)
}

/// The tenant's invitations, newest first, and the identifiers of their roles.
#[instrument(name = "account.list_invitations", skip_all)]
pub async fn list_invitations(
    scope: &Scope,
    after: Option<InvitationId>,
    size: i64,
) -> Result<Vec<(Invitation, Vec<String>)>> {
    let tenant = scope.tenant_id()?;
    scope
        .read(move |conn| {
            let page = Invitation::page(conn, tenant, after, size)?;
            Ok(with_roles(conn, tenant, page)?)
        })
        .await
}

/// Takes an open invitation back; its link is dead from then on.
///
/// Refuses with `authInvitation.revoke.unknown`: another tenant's, accepted or revoked; with `actions.denied` and
/// `actions.unanswered`.
#[instrument(name = "account.revoke_invitation", skip_all)]
pub async fn revoke_invitation(scope: &Scope, id: InvitationId) -> Result<()> {
    let tenant = scope.tenant_id()?;
    scope.ask(Question::of("doorward.invitation.pre.delete", ("invitation", id), json!({}))).await?;
    let revoked = scope.write(move |tx| {
        let revoked = Invitation::revoke(tx.conn, tenant, id, tx.now)?.is_some();
        if revoked {
            kill_about(tx, RecordId::of(id.0))?;
            tx.audit(Audit::success("account.revoke_invitation").of("invitation", id))?;
            tx.throw(Happened::new("doorward.invitation.post.delete", "invitation", id))?;
        }
        Ok(revoked)
    });
    if revoked.await? { Ok(()) } else { Err(UNKNOWN_INVITATION.error()) }
}

pub struct Acceptance {
    pub token: PlainToken,
    pub password: Option<NewPassword>,
    pub name: Option<String>,
    pub locale: Option<String>,
}

/// Accepts an invitation, in the tenant that its row names. Somebody new gets an account there; somebody known there, or
/// logged in at their home with this very address, is linked by that login. Roles come from the row alone (RST-11).
///
/// Refuses with `authInvitation.accept.invalidToken`, `.signInRequired`, `.anotherPerson`, `validator.error`,
/// `actions.denied` and `actions.unanswered`.
#[instrument(name = "account.accept_invitation", skip_all)]
pub async fn accept_invitation(scope: &Scope, given: Acceptance) -> Result<TenantId> {
    let (scope, proof) = &at_its_tenant(scope, &given.token).await?;
    let email = Email::parse(&proof.address).map_err(|_| INVALID_INVITATION.because("address"))?;
    if let Who::Session(live) = &scope.who {
        let (live, token) = (live.clone(), given.token);
        scope.ask(accepting(proof, &email, Some(live.user))).await?;
        let linked = scope.write_above(Above::Proof, move |tx| link(tx, &live, &token, &email));
        return linked.await?.ok_or_else(|| INVALID_INVITATION.because("proof"));
    }
    let tenant = scope.tenant()?.clone();
    let (known, asked) = (tenant.id, email.clone());
    if scope.read(move |conn| Ok(login::is_taken(conn, known, &asked)?)).await? {
        return Err(SIGN_IN_FIRST.error());
    }
    let Some(password) = given.password else {
        let missing =
            FieldError::new("$.password", "validator.undefined", "Choose a password for the new account.");
        return Err(INVALID.with(vec![missing]));
    };
    policy::check(&tenant, &password, &[email.as_str(), given.name.as_deref().unwrap_or_default()])?;
    scope.ask(accepting(proof, &email, None)).await?;
    let hash = scope.house.hasher.hash(Some(tenant.id), password.as_password()).await?;
    let (token, name, locale) = (given.token, given.name, given.locale);
    let joined = scope.write(move |tx| {
        let (name, locale) = (name.clone(), locale.clone());
        let person = Person { email: &email, name, locale, password_hash: Some(hash.clone()) };
        join(tx, tenant.id, &token, person)
    });
    joined.await?.ok_or_else(|| INVALID_INVITATION.because("proof"))
}

fn accepting(proof: &Proof, email: &Email, user: Option<UserId>) -> Question {
    let (subject, data) = (("invitation", proof.subject_id), json!({ "user": user }));
    Question { point: "doorward.invitation.pre.accept", subject, data }.about(email)
}

/// The proof names the tenant. Whoever addresses another one, by its host or its client, brings a foreign proof; a
/// person's session is their home's, and speaks for them wherever they are invited.
#[instrument(name = "account.at_its_tenant", skip_all)]
pub async fn at_its_tenant(scope: &Scope, token: &PlainToken) -> Result<(Scope, Proof)> {
    let (token, now) = (token.hash(), scope.now());
    let above = scope.house.db.above(Above::Proof);
    let proof = above.read(move |conn| Ok(Proof::peek(conn, Purpose::Invitation, &token, now)?)).await?;
    let proof = proof.ok_or_else(|| INVALID_INVITATION.because("proof"))?;
    if !matches!(scope.who, Who::Session(_)) {
        let at_host = scope.house.tenant_at(&scope.incoming.host).await?;
        let addressed = [at_host, scope.tenant.as_ref().map(|tenant| tenant.id)];
        if addressed.into_iter().flatten().any(|tenant| tenant != proof.tenant_id) {
            return Err(INVALID_INVITATION.because("anotherTenant"));
        }
    }
    let tenant = scope.house.tenant(proof.tenant_id).await?.filter(|tenant| tenant.is_open());
    let tenant = tenant.ok_or_else(|| INVALID_INVITATION.because("tenant"))?;
    let app = scope.house.default_app(tenant.id).await?;
    Ok((scope.within(tenant, app), proof))
}

fn taken(tx: &mut Tx, token: &PlainToken) -> Result<Option<Invitation>> {
    let Some(proof) = consume_link(tx, Purpose::Invitation, token)? else { return Ok(None) };
    let Some(subject) = proof.subject_id else { return Ok(None) };
    Ok(Invitation::accept(tx.conn, proof.tenant_id, InvitationId::of(subject.0), tx.now)?)
}

fn join(tx: &mut Tx, tenant: TenantId, token: &PlainToken, person: Person<'_>) -> Result<Option<TenantId>> {
    let Some(invitation) = taken(tx, token)? else { return Ok(None) };
    // The address became somebody's while the hash was made: the invitation is theirs to accept by a login.
    let Some(user) = steps::settle(tx, tenant, person)? else { return Err(SIGN_IN_FIRST.error()) };
    welcome(tx, &invitation, user.id)
}

/// A session of the home proves who they are; the address of their own verified login must be the invited one.
fn link(tx: &mut Tx, live: &Live, token: &PlainToken, email: &Email) -> Result<Option<TenantId>> {
    let login = Login::of(tx.conn, live.user)?.filter(|login| login.verified_at.is_some());
    let own = login.is_some_and(|login| login.email == email.as_str());
    if !own || !live.factors.of_home || live.impersonator.is_some() {
        return Err(ANOTHER_PERSON.error());
    }
    let Some(invitation) = taken(tx, token)? else { return Ok(None) };
    if User::join(tx.conn, invitation.tenant_id, live.user, tx.now)? {
        let joined = Happened::new("doorward.membership.post.create", "user", live.user);
        tx.within(invitation.tenant_id, |tx| tx.throw(joined))?;
    }
    // A collision never refuses: that membership has no address here and is entered by switching.
    User::claim(tx.conn, (invitation.tenant_id, live.user), email, tx.now)?;
    welcome(tx, &invitation, live.user)
}

fn welcome(tx: &mut Tx, invitation: &Invitation, user: UserId) -> Result<Option<TenantId>> {
    for id in &invitation.roles.0 {
        if let Some(role) = Role::find(tx.conn, invitation.tenant_id, *id)? {
            give(tx, &role, user)?;
        }
    }
    let data = json!({ "user": user });
    tx.audit(Audit::success("account.accept_invitation").of("invitation", invitation.id).with(data.clone()))?;
    tx.throw(Happened::new("doorward.invitation.post.accept", "invitation", invitation.id).with(data))?;
    Ok(Some(invitation.tenant_id))
}
