//! Invitations: an address, a tenant, the roles that wait there.

use diesel::prelude::*;

use crate::base::{Email, InvitationId, RoleId, TenantId, Timestamp, UserId};
use crate::db::schema::invitations;
use crate::db::{DbConn, Json, columns};
use crate::permissions::entity::identifiers;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = invitations, treat_none_as_default_value = false)]
pub struct Invitation {
    pub id: InvitationId,
    pub tenant_id: TenantId,
    pub email: String,
    pub roles: Json<Vec<RoleId>>,
    pub invited_by: Option<UserId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub accepted_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl Invitation {
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<usize> {
        diesel::insert_into(invitations::table).values(self).execute(conn)
    }

    /// Newest first, from before `after`.
    pub fn page(
        conn: &mut DbConn,
        tenant: TenantId,
        after: Option<InvitationId>,
        size: i64,
    ) -> QueryResult<Vec<Self>> {
        let mut query = invitations::table
            .filter(invitations::tenant_id.eq(tenant))
            .select(columns::<Self>())
            .into_boxed();
        if let Some(after) = after {
            query = query.filter(invitations::id.lt(after));
        }
        query.order(invitations::id.desc()).limit(size).load(conn)
    }

    pub fn find(conn: &mut DbConn, tenant: TenantId, id: InvitationId) -> QueryResult<Option<Self>> {
        invitations::table
            .find(id)
            .filter(invitations::tenant_id.eq(tenant))
            .select(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    /// Of an acceptance and a revocation at once, one wins.
    pub fn accept(
        conn: &mut DbConn,
        tenant: TenantId,
        id: InvitationId,
        now: Timestamp,
    ) -> QueryResult<Option<Self>> {
        use invitations as i;
        diesel::update(i::table.find(id))
            .filter(i::tenant_id.eq(tenant))
            .filter(i::accepted_at.is_null().and(i::revoked_at.is_null()))
            .filter(i::expires_at.gt(now))
            .set(i::accepted_at.eq(now))
            .returning(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    pub fn revoke(
        conn: &mut DbConn,
        tenant: TenantId,
        id: InvitationId,
        now: Timestamp,
    ) -> QueryResult<Option<Self>> {
        use invitations as i;
        diesel::update(i::table.find(id))
            .filter(i::tenant_id.eq(tenant))
            .filter(i::accepted_at.is_null().and(i::revoked_at.is_null()))
            .set(i::revoked_at.eq(now))
            .returning(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    /// A younger invitation takes the place of the open ones.
    pub fn revoke_open(
        conn: &mut DbConn,
        tenant: TenantId,
        email: &Email,
        now: Timestamp,
    ) -> QueryResult<usize> {
        use invitations as i;
        diesel::update(i::table)
            .filter(i::tenant_id.eq(tenant))
            .filter(i::email.eq(email.as_str()))
            .filter(i::accepted_at.is_null().and(i::revoked_at.is_null()))
            .set(i::revoked_at.eq(now))
            .execute(conn)
    }
}

/// Each with the identifiers of those of its roles that there still are.
pub fn with_roles(
    conn: &mut DbConn,
    tenant: TenantId,
    invitations: Vec<Invitation>,
) -> QueryResult<Vec<(Invitation, Vec<String>)>> {
    let ids: Vec<RoleId> = invitations.iter().flat_map(|invitation| invitation.roles.0.clone()).collect();
    let known = identifiers(conn, tenant, &ids)?;
    let named = |invitation: Invitation| {
        let roles = invitation.roles.0.iter().filter_map(|role| known.get(role).cloned()).collect();
        (invitation, roles)
    };
    Ok(invitations.into_iter().map(named).collect())
}
