//! A person, and their memberships.

use diesel::prelude::*;

use super::tenant::Tenant;
use crate::base::{Email, TenantId, Timestamp, UserId};
use crate::db::dialect::padded;
use crate::db::schema::{login_identifiers, memberships, tenants, users};
use crate::db::{BothDsl, DbConn, Json, Locked, columns};

/// The kind of a login identifier that is an address.
pub const EMAIL: &str = "email";

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub struct User {
    pub id: UserId,
    /// The home: its admins manage the account.
    pub tenant_id: TenantId,
    pub name: Option<String>,
    pub locale: Option<String>,
    /// The person's own to edit.
    pub profile: Json<serde_json::Value>,
    /// Written by servers only.
    pub app_data: Json<serde_json::Value>,
    pub epoch: i64,
    pub last_login_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
}

impl User {
    pub fn new(tenant: TenantId, name: Option<String>, locale: Option<String>, now: Timestamp) -> Self {
        Self {
            id: UserId::new(),
            tenant_id: tenant,
            name,
            locale,
            profile: Json(serde_json::json!({})),
            app_data: Json(serde_json::json!({})),
            epoch: 0,
            last_login_at: None,
            created_at: now,
            updated_at: now,
            disabled_at: None,
            deleted_at: None,
        }
    }

    pub fn is_active(&self) -> bool {
        self.disabled_at.is_none() && self.deleted_at.is_none()
    }

    /// A member of the tenant; whoever is none does not exist there.
    pub fn member(conn: &mut DbConn, tenant: TenantId, id: UserId) -> QueryResult<Option<Self>> {
        users::table
            .inner_join(memberships::table.on(memberships::user_id.eq(users::id)))
            .filter(memberships::tenant_id.eq(tenant))
            .filter(users::id.eq(id))
            .select(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    /// Those of them who are members.
    pub fn members(conn: &mut DbConn, tenant: TenantId, ids: &[UserId]) -> QueryResult<Vec<Self>> {
        if let [id] = ids {
            return Ok(Self::member(conn, tenant, *id)?.into_iter().collect());
        }
        let of_all: Vec<(TenantId, Self)> = users::table
            .inner_join(memberships::table.on(memberships::user_id.eq(users::id)))
            .filter(users::id.eq_any(padded(ids)))
            .select((memberships::tenant_id, columns::<Self>()))
            .load(conn)?;
        // Chosen here: asked for a tenant, PostgreSQL begins with its members, of whom it expects few.
        Ok(of_all.into_iter().filter(|(of, _)| *of == tenant).map(|(_, user)| user).collect())
    }

    /// Person and membership; the home's own membership is one like any other.
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<()> {
        diesel::insert_into(users::table).values(self).execute(conn)?;
        Self::join(conn, self.tenant_id, self.id, self.created_at)?;
        Ok(())
    }

    /// False when they were a member already.
    pub fn join(conn: &mut DbConn, tenant: TenantId, user: UserId, now: Timestamp) -> QueryResult<bool> {
        use memberships as m;
        diesel::insert_into(m::table)
            .values((m::tenant_id.eq(tenant), m::user_id.eq(user), m::epoch.eq(0_i64), m::created_at.eq(now)))
            .on_conflict_do_nothing()
            .both()
            .execute(conn)
            .map(|rows| rows == 1)
    }

    /// Lets an address mean a member. False when it means somebody there already: the constraint decides, not a look
    /// before.
    pub fn claim(
        conn: &mut DbConn,
        (tenant, user): (TenantId, UserId),
        email: &Email,
        now: Timestamp,
    ) -> QueryResult<bool> {
        use login_identifiers as i;
        let named = (i::tenant_id.eq(tenant), i::kind.eq(EMAIL), i::value.eq(email.as_str()));
        diesel::insert_into(i::table)
            .values((named, i::user_id.eq(user), i::created_at.eq(now)))
            .on_conflict_do_nothing()
            .both()
            .execute(conn)
            .map(|rows| rows == 1)
    }

    /// Locks the person's row until the end of the transaction and reads it as it is now. With several people,
    /// call in the order of their ids: the one lock order.
    pub fn lock(conn: &mut DbConn, id: UserId) -> QueryResult<Option<Self>> {
        Locked::waiting(users::table.find(id).select(columns::<Self>())).both().get_result(conn).optional()
    }

    /// Whatever was decided from the person's old state must be decided again.
    pub fn raise_epoch(conn: &mut DbConn, id: UserId, now: Timestamp) -> QueryResult<usize> {
        diesel::update(users::table.find(id))
            .set((users::epoch.eq(users::epoch + 1), users::updated_at.eq(now)))
            .execute(conn)
    }

    pub fn logged_in(conn: &mut DbConn, id: UserId, now: Timestamp) -> QueryResult<usize> {
        diesel::update(users::table.find(id)).set(users::last_login_at.eq(now)).execute(conn)
    }
}

pub struct Membership;

impl Membership {
    /// The open tenants that somebody is a member of, by name.
    pub fn tenants_of(conn: &mut DbConn, user: UserId) -> QueryResult<Vec<Tenant>> {
        tenants::table
            .inner_join(memberships::table.on(memberships::tenant_id.eq(tenants::id)))
            .filter(memberships::user_id.eq(user))
            .filter(tenants::suspended_at.is_null().and(tenants::deleted_at.is_null()))
            .order(tenants::name)
            .select(columns::<Tenant>())
            .load(conn)
    }

    /// With what they had here: roles, and the address by which they came in.
    pub fn leave(conn: &mut DbConn, tenant: TenantId, user: UserId) -> QueryResult<usize> {
        diesel::delete(memberships::table.find((tenant, user))).execute(conn)
    }

    pub fn raise_epoch(conn: &mut DbConn, tenant: TenantId, user: UserId) -> QueryResult<usize> {
        diesel::update(memberships::table.find((tenant, user)))
            .set(memberships::epoch.eq(memberships::epoch + 1))
            .execute(conn)
    }
}
