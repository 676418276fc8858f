//! What happens inside one transaction: a person is made, told of a change, invited.

use serde_json::json;

use super::entity::{Invitation, Login, login};
use super::mails::{self, Desk};
use crate::base::{Email, InvitationId, Result, RoleId, TenantId, UserId};
use crate::components::line::{Line, Link};
use crate::components::mail::messages;
use crate::db::Json;
use crate::db::tx::{Audit, Happened, Tx};
use crate::identity::{House, Tenant, User};
use crate::permissions::entity::Role;
use crate::proofs::budget::{self, Asking, Kind};
use crate::proofs::{self, New, Purpose};

/// Somebody whose address is proven.
pub struct Person<'a> {
    pub email: &'a Email,
    pub name: Option<String>,
    pub locale: Option<String>,
    /// None: it is still to be chosen.
    pub password_hash: Option<String>,
}

/// Makes a person with a password login. None when the address is somebody's already: the unique constraints decide.
pub fn settle(tx: &mut Tx, tenant: TenantId, person: Person<'_>) -> Result<Option<User>> {
    let user = User::new(tenant, person.name, person.locale, tx.now);
    user.insert(tx.conn)?;
    let login = Login {
        user_id: user.id,
        tenant_id: tenant,
        email: person.email.as_str().to_string(),
        must_change: person.password_hash.is_none(),
        password_hash: person.password_hash,
        otp_enabled_at: None,
        verified_at: Some(tx.now),
        changed_at: tx.now,
        created_at: tx.now,
        updated_at: tx.now,
    };
    let free = User::claim(tx.conn, (tenant, user.id), person.email, tx.now)? && login.insert(tx.conn)?;
    if !free {
        login::unmake(tx.conn, user.id)?;
        return Ok(None);
    }
    tx.audit(Audit::success("user.create").of("user", user.id))?;
    tx.throw(Happened::new("doorward.user.post.create", "user", user.id))?;
    Ok(Some(user))
}

/// What the first owner's invitation, and every other, comes to: its row, its proof, its mail, and its link.
pub struct Invited {
    pub invitation: Invitation,
    pub link: Link,
}

/// Who invites, and what the mail says of it.
pub struct Inviter {
    pub user: UserId,
    pub name: Option<String>,
}

/// Invites an address to roles of the tenant. Who calls has decided that these roles may be given. Without an inviter it
/// is the first owner's: a command's, whose link is printed.
pub fn invite(tx: &mut Tx, house: &House, to: (&Tenant, &Email), roles: &[Role]) -> Result<Invited> {
    invite_by(tx, house, to, (roles, None))
}

pub fn invite_by(
    tx: &mut Tx,
    house: &House,
    (tenant, email): (&Tenant, &Email),
    (roles, inviter): (&[Role], Option<&Inviter>),
) -> Result<Invited> {
    Invitation::revoke_open(tx.conn, tenant.id, email, tx.now)?;
    proofs::steps::kill_of(tx, Purpose::Invitation, email)?;
    let ids: Vec<RoleId> = roles.iter().map(|role| role.id).collect();
    let life = house.config.lifetimes.invitation;
    let invitation = Invitation {
        id: InvitationId::new(),
        tenant_id: tenant.id,
        email: email.as_str().to_string(),
        roles: Json(ids),
        invited_by: inviter.map(|inviter| inviter.user),
        created_at: tx.now,
        expires_at: tx.now + life,
        accepted_at: None,
        revoked_at: None,
    };
    invitation.insert(tx.conn)?;
    let request = house.random.id();
    let subject = Some(crate::base::RecordId::of(invitation.id.0));
    let minted =
        proofs::steps::mint(tx, house, New { subject, ..New::of(Purpose::Invitation, email, request) })?;
    let desk = Desk { house, tenant, locale: mails::locale(tenant, None, None) };
    let link = desk.link(mails::INVITATION, &minted.link)?;
    if budget::spend(tx, house, email, Asking::by_nobody(Kind::Invitation))? {
        let (link, link_valid) = (link.clone(), life);
        match inviter {
            Some(by) => {
                let inviter = by.name.as_deref().map(Line::new);
                desk.send(tx, email, messages::Invitation { link, link_valid, inviter })?;
            }
            None => desk.send(tx, email, messages::OwnerInvitation { link, link_valid })?,
        }
    }
    let roles: Vec<&str> = roles.iter().map(|role| role.identifier.as_str()).collect();
    tx.audit(
        Audit::success("account.invite").of("invitation", invitation.id).with(json!({ "roles": roles })),
    )?;
    tx.throw(Happened::new("doorward.invitation.post.create", "invitation", invitation.id))?;
    Ok(Invited { invitation, link })
}
