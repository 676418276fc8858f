//! `/auth/invitation`: invite, list, revoke, accept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::controller::{invalid, language, person_name};
use super::entity::Invitation;
use super::events;
use super::events::invitation::{self, Acceptance};
use crate::base::{Email, InvitationId, NewPassword, PlainToken, Result, TenantId, Timestamp, UserId};
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, Method, Route, SUCCESS, Scope, Success};
use crate::permissions::known::INVITATION_MANAGE;

pub fn routes() -> Vec<Route> {
    use events::{ANOTHER_PERSON, INVALID_INVITATION, MAY_NOT_GRANT, SIGN_IN_FIRST, UNKNOWN_INVITATION};
    let managers = Access::Permission(INVITATION_MANAGE);
    vec![
        Route::new(Method::Post, "/auth/invitation", managers, create)
            .named("account.create_invitation", "Invite an address to roles that you may give.")
            .refuses(&[&MAY_NOT_GRANT])
            .refuses(&[&DENIED, &UNANSWERED])
            .answers(201),
        Route::new(Method::Get, "/auth/invitation", managers, list).named(
            "account.list_invitations",
            "Invitations, newest first; `next` is the `after` of the next page.",
        ),
        Route::new(Method::Post, "/auth/invitation/revoke", managers, revoke)
            .named("account.revoke_invitation", "Take an open invitation back.")
            .refuses(&[&UNKNOWN_INVITATION, &DENIED, &UNANSWERED]),
        Route::new(Method::Post, "/auth/invitation/accept", Access::Perhaps, accept)
            .named(
                "account.accept_invitation",
                "Accept: with a new password, or with the login of the invited address.",
            )
            .refuses(&[&INVALID_INVITATION, &SIGN_IN_FIRST, &ANOTHER_PERSON])
            .refuses(&[&DENIED, &UNANSWERED]),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Create {
    email: Email,
    /// Identifiers of roles.
    #[serde(default)]
    #[schemars(length(max = 20))]
    roles: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Created {
    invitation: Shown,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ShownInvitation")]
pub struct Shown {
    id: InvitationId,
    email: String,
    roles: Vec<String>,
    invited_by: Option<UserId>,
    created_at: Timestamp,
    expires_at: Timestamp,
    accepted_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl Shown {
    pub fn of(invitation: Invitation, roles: Vec<String>) -> Self {
        let Invitation { id, email, invited_by, created_at, expires_at, accepted_at, revoked_at, .. } =
            invitation;
        Self { id, email, roles, invited_by, created_at, expires_at, accepted_at, revoked_at }
    }
}

impl Create {
    pub fn checked(self) -> Result<(Email, Vec<String>)> {
        if self.roles.len() > 20 {
            return Err(invalid("$.roles", "validator.length", "At most 20 roles."));
        }
        Ok((self.email, self.roles))
    }
}

async fn create(scope: Scope, body: Create) -> Result<Created> {
    let (email, roles) = body.checked()?;
    let invitation = invitation::create_invitation(&scope, email, roles.clone()).await?;
    Ok(Created { invitation: Shown::of(invitation, roles) })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "InvitationList")]
pub struct List {
    after: Option<InvitationId>,
    /// 1 to 100; 10 if absent.
    limit: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ListedInvitations")]
pub struct Listed {
    invitations: Vec<Shown>,
    next: Option<InvitationId>,
}

async fn list(scope: Scope, query: List) -> Result<Listed> {
    let size = match query.limit.as_deref().map(str::parse::<i64>) {
        None => 10,
        Some(Ok(size @ 1..=100)) => size,
        Some(_) => return Err(invalid("$.limit", "validator.range", "From 1 to 100.")),
    };
    let page = invitation::list_invitations(&scope, query.after, size).await?;
    let whole = i64::try_from(page.len()).is_ok_and(|length| length == size);
    let next = page.last().filter(|_| whole).map(|(invitation, _)| invitation.id);
    let invitations = page.into_iter().map(|(invitation, roles)| Shown::of(invitation, roles)).collect();
    Ok(Listed { invitations, next })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Revoke {
    invitation_id: InvitationId,
}

async fn revoke(scope: Scope, body: Revoke) -> Result<Success> {
    invitation::revoke_invitation(&scope, body.invitation_id).await?;
    Ok(SUCCESS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Accept {
    token: PlainToken,
    /// For a new account; a known person sends their access token instead.
    password: Option<NewPassword>,
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    #[schemars(length(min = 2, max = 35))]
    locale: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    success: bool,
    /// Where the invitation was for: log in there, or switch to it.
    tenant_id: TenantId,
}

async fn accept(scope: Scope, body: Accept) -> Result<Accepted> {
    let Accept { token, password, name, locale } = body;
    let (name, locale) = (name.map(person_name).transpose()?, locale.map(language).transpose()?);
    let tenant_id =
        invitation::accept_invitation(&scope, Acceptance { token, password, name, locale }).await?;
    Ok(Accepted { success: true, tenant_id })
}
