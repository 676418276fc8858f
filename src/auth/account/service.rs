//! `/invitations`: a tenant's invitations as a service.

use diesel::prelude::*;

use super::entity::Invitation;
use super::entity::invitation::with_roles;
use super::events::invitation as events;
use super::events::{MAY_NOT_GRANT, UNKNOWN_INVITATION};
use super::invitation_controller::{Create, Shown};
use crate::base::{InvitationId, Result, TenantId};
use crate::db::schema::invitations;
use crate::db::{DbConn, columns};
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, Route, Scope};
use crate::permissions::known::INVITATION_MANAGE;
use crate::services::{Condition, Field, Resource, Service, View};

const MANAGES: Access = Access::Permission(INVITATION_MANAGE);

pub fn routes() -> Vec<Route> {
    Service::<Invitations>::new()
        .read(MANAGES)
        .create(MANAGES, create)
        .refuses(&[&MAY_NOT_GRANT])
        .refuses(&[&DENIED, &UNANSWERED])
        .remove(MANAGES, remove)
        .refuses(&[&UNKNOWN_INVITATION, &DENIED, &UNANSWERED])
        .routes()
}

struct Invitations;

const CREATED: Field = Field::of("createdAt", &invitations::created_at).filters().sorts();

impl Resource for Invitations {
    type Row = Shown;
    const PATH: &'static str = "/invitations";
    const ONE: &'static str = "invitation";
    const SUBJECT: Option<&'static str> = Some("invitation");
    const FIELDS: &'static [Field] = &[
        Field::of("id", &invitations::id).filters().sorts(),
        CREATED,
        Field::of("email", &invitations::email).filters().sorts(),
        Field::of("invitedBy", &invitations::invited_by).filters(),
        Field::of("expiresAt", &invitations::expires_at).filters().sorts(),
        Field::of("acceptedAt", &invitations::accepted_at).filters(),
        Field::of("revokedAt", &invitations::revoked_at).filters(),
    ];
    const SORT: &'static [(Field, bool)] = &[(CREATED, true)];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<Shown>> {
        let found = invitations::table
            .filter(invitations::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<Invitation>());
        let found = found.load(conn)?;
        let named = with_roles(conn, tenant, found)?;
        Ok(named.into_iter().map(|(invitation, roles)| Shown::of(invitation, roles)).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = invitations::table.filter(invitations::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

async fn create(scope: Scope, new: Create) -> Result<InvitationId> {
    let (email, roles) = new.checked()?;
    Ok(events::create_invitation(&scope, email, roles).await?.id)
}

async fn remove(scope: Scope, id: InvitationId) -> Result<()> {
    events::revoke_invitation(&scope, id).await
}
