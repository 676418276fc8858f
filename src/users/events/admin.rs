//! What a tenant's admins do with its people.

use serde_json::json;
use tracing::instrument;

use super::{AT_HOME, NO_PASSWORD_LOGIN, UNKNOWN_USER};
use crate::base::{Email, Error, FieldError, ProofRequestId, Result, SessionId, UserId};
use crate::components::line::Link;
use crate::components::mail::messages::ResetPassword;
use crate::components::post::{self, Letter};
use crate::components::words::Locale;
use crate::db::tx::{Audit, Forget, Happened};
use crate::identity::asking::Question;
use crate::identity::{Membership, PendingLogin, Scope, User};
use crate::permissions::steps::{RIGHTS, holds_no_more};
use crate::services::UNKNOWN;
use crate::users::answers::{UserSummary, Users};
use crate::users::entity::{self, Edit, Search};
use crate::users::{cursor, steps};
use crate::{proofs, sessions};

/// What somebody searched by, with the cursor as it came in.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub search: Search,
    pub after: Option<String>,
}

/// A page of the tenant's people, oldest first.
#[instrument(name = "users.list", skip_all)]
pub async fn list(scope: &Scope, asked: Found) -> Result<Users> {
    let tenant = scope.tenant_id()?;
    let vault = &scope.house.vault;
    let after =
        asked.after.map(|text| cursor::read(vault, tenant, &text).ok_or_else(no_place)).transpose()?;
    let limit = asked.search.limit;
    // One more than is shown tells whether there is another page.
    let search = Search { after, limit: limit + 1, ..asked.search };
    let read = scope.read(move |conn| {
        let mut people = entity::list(conn, tenant, &search)?;
        let more = i64::try_from(people.len()).unwrap_or(i64::MAX) > limit;
        people.truncate(usize::try_from(limit).unwrap_or(0));
        Ok((entity::summaries(conn, tenant, people)?, more))
    });
    let (users, more) = read.await?;
    let last = users.last().filter(|_| more);
    let next = last.map(|last| cursor::write(vault, tenant, last.id)).transpose()?;
    Ok(Users { users, next })
}

fn no_place() -> Error {
    let field = FieldError::new("$.after", "validator.pattern", "This is no place in this list.");
    crate::base::error::INVALID.with(vec![field])
}

/// Refuses with `auth.getUser.invalidUser`: unknown, or no member here.
#[instrument(name = "users.show", skip_all)]
pub async fn show(scope: &Scope, user: UserId) -> Result<UserSummary> {
    let tenant = scope.tenant_id()?;
    let read = scope.read(move |conn| {
        let person = User::member(conn, tenant, user)?;
        Ok(entity::summaries(conn, tenant, person.into_iter().collect())?)
    });
    read.await?.into_iter().next().ok_or_else(|| UNKNOWN_USER.error())
}

/// Names a person anew.
///
/// Refuses with `auth.getUser.invalidUser`, `auth.user.notAtHome`, `auth.user.holdsMore`, `actions.denied` and
/// `actions.unanswered`.
#[instrument(name = "users.update", skip_all)]
pub async fn update(scope: &Scope, user: UserId, name: Option<String>) -> Result<()> {
    let admin = scope.live()?.clone();
    let edit = Edit { name: Some(name), ..Edit::default() };
    scope
        .ask(Question::of("doorward.user.pre.patch", ("user", user), json!({ "members": ["name"] })))
        .await?;
    let write = scope.write(move |tx| {
        steps::target(tx, &admin, user)?;
        entity::edit(tx.conn, user, &edit, tx.now)?;
        tx.forget(Forget::User(user))?;
        let data = json!({ "members": ["name"] });
        tx.audit(Audit::success("users.update").of("user", user).with(data.clone()))?;
        tx.throw(Happened::new("doorward.user.post.patch", "user", user).with(data))
    });
    write.await
}

/// Switches an account off or on. Off ends its sessions everywhere at once.
///
/// Refuses like `update`, and with `auth.setUserActive.lastAdmin`. Nobody is asked who could keep somebody in.
#[instrument(name = "users.set_active", skip_all)]
pub async fn set_active(scope: &Scope, user: UserId, active: bool) -> Result<()> {
    let (admin, house) = (scope.live()?.clone(), scope.house.clone());
    if active {
        scope.ask(Question::of("doorward.user.pre.enable", ("user", user), json!({}))).await?;
    }
    let write = scope.write(move |tx| {
        tx.lock(RIGHTS, admin.tenant)?;
        let person = steps::target(tx, &admin, user)?;
        if active { steps::enable(tx, &person) } else { steps::disable(tx, &house, &person) }
    });
    write.await
}

/// Ends somebody's session here, wherever they are at home.
///
/// Refuses with `services.get.unknown` what is no live session of this tenant, and with `auth.user.holdsMore`.
#[instrument(name = "users.end_session", skip_all)]
pub async fn end_session(scope: &Scope, session: SessionId) -> Result<()> {
    let admin = scope.live()?.clone();
    let write = scope.write(move |tx| {
        let owner = sessions::steps::owner(tx, admin.tenant, session)?.ok_or_else(|| UNKNOWN.error())?;
        holds_no_more(tx, &admin, owner)?;
        let ended = sessions::steps::end_one(tx, admin.tenant, session, (owner, "endedByAdmin"))?;
        if ended { Ok(()) } else { Err(UNKNOWN.error()) }
    });
    write.await
}

/// Ends a guest's stay: their roles, their way in and their sessions here go with it. Nobody is asked who could keep somebody in.
///
/// Refuses with `auth.getUser.invalidUser`, `users.endMembership.atHome`, `auth.user.holdsMore` and `auth.setUserActive.lastAdmin`.
#[instrument(name = "users.end_membership", skip_all)]
pub async fn end_membership(scope: &Scope, user: UserId) -> Result<()> {
    let admin = scope.live()?.clone();
    let write = scope.write(move |tx| {
        tx.lock(RIGHTS, admin.tenant)?;
        let person = User::member(tx.conn, admin.tenant, user)?.ok_or_else(|| UNKNOWN_USER.error())?;
        if person.tenant_id == admin.tenant {
            return Err(AT_HOME.error());
        }
        holds_no_more(tx, &admin, user)?;
        steps::stays_governed(tx, admin.tenant, user)?;
        sessions::steps::end_all(tx, user, Some(admin.tenant), None, "membershipEnded")?;
        PendingLogin::end_all(tx.conn, admin.tenant, user)?;
        Membership::leave(tx.conn, admin.tenant, user)?;
        tx.forget(Forget::User(user))?;
        tx.audit(Audit::success("users.end_membership").of("user", user))?;
        tx.throw(Happened::new("doorward.membership.post.delete", "user", user))
    });
    write.await
}

/// Sends the person a reset link and code, as if they had asked for it: an admin starts it and never holds a password.
///
/// Refuses like `update`, and with `auth.user.noPasswordLogin`.
#[instrument(name = "users.start_reset", skip_all)]
pub async fn start_reset(scope: &Scope, user: UserId) -> Result<ProofRequestId> {
    let (admin, house) = (scope.live()?.clone(), scope.house.clone());
    let (tenant, client) = (scope.tenant()?.clone(), scope.app()?.client.id);
    let request = ProofRequestId::new();
    let write = scope.write(move |tx| {
        let person = steps::target(tx, &admin, user)?;
        let address = entity::address(tx.conn, user)?.and_then(|address| Email::parse(&address).ok());
        let address = address.ok_or_else(|| NO_PASSWORD_LOGIN.error())?;
        let new = proofs::New {
            user: Some(user),
            client: Some(client),
            ..proofs::New::of(proofs::Purpose::ResetPassword, &address, request)
        };
        let minted = proofs::steps::mint(tx, &house, new)?;
        let lifetimes = &house.config.lifetimes;
        let message = ResetPassword {
            link: link(&tenant.public_url, minted.link.expose())?,
            code: minted.code,
            link_valid: lifetimes.link,
            code_valid: lifetimes.code,
        };
        let locale = Locale::negotiate(person.locale.as_deref(), None, None);
        post::post(tx, &house.vault, &Letter::new(address, locale, message).named(person.name.as_deref()))?;
        tx.audit(Audit::success("users.start_reset").of("user", user))?;
        Ok(request)
    });
    write.await
}

fn link(public_url: &str, token: &str) -> Result<Link> {
    let text = format!("{}/account/reset?token={token}", public_url.trim_end_matches('/'));
    Link::parse(&text).ok_or_else(|| Error::internal("a tenant's public URL is no URL"))
}
