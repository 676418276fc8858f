//! A login that still needs a factor: no session, good for the factor routes alone.

use diesel::prelude::*;

use super::session::{Factors, LoginType};
use crate::base::{ClientId, PendingLoginId, TenantId, Timestamp, UserId};
use crate::db::schema::{pending_logins, users};
use crate::db::{DbConn, Json, columns};

crate::choice! {
    /// What is still to be done.
    Next { Totp = "totp", Otp = "otp", SetPassword = "setPassword" }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = pending_logins, treat_none_as_default_value = false)]
pub struct PendingLogin {
    pub id: PendingLoginId,
    pub tenant_id: TenantId,
    pub user_id: UserId,
    pub client_id: ClientId,
    /// The person's epoch when the password was right: a change since then ends this login.
    pub user_epoch: i64,
    pub login_type: LoginType,
    pub next: Next,
    pub factors: Json<Factors>,
    pub device: Option<Json<serde_json::Value>>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl PendingLogin {
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<usize> {
        diesel::insert_into(pending_logins::table).values(self).execute(conn)
    }

    /// Still open: in time, and of a person who did not change or fall since.
    pub fn open(
        conn: &mut DbConn,
        tenant: TenantId,
        id: PendingLoginId,
        now: Timestamp,
    ) -> QueryResult<Option<Self>> {
        pending_logins::table
            .inner_join(users::table.on(users::id.eq(pending_logins::user_id)))
            .filter(pending_logins::id.eq(id))
            .filter(pending_logins::tenant_id.eq(tenant))
            .filter(pending_logins::expires_at.gt(now))
            .filter(users::epoch.eq(pending_logins::user_epoch))
            .filter(users::disabled_at.is_null().and(users::deleted_at.is_null()))
            .select(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    /// Of somebody who may not come in here any more.
    pub fn end_all(conn: &mut DbConn, tenant: TenantId, user: UserId) -> QueryResult<usize> {
        let theirs = pending_logins::table.filter(pending_logins::user_id.eq(user));
        diesel::delete(theirs.filter(pending_logins::tenant_id.eq(tenant))).execute(conn)
    }

    /// Takes it away; of two who finish it, one gets it.
    pub fn consume(
        conn: &mut DbConn,
        tenant: TenantId,
        id: PendingLoginId,
        now: Timestamp,
    ) -> QueryResult<Option<Self>> {
        diesel::delete(pending_logins::table)
            .filter(pending_logins::id.eq(id))
            .filter(pending_logins::tenant_id.eq(tenant))
            .filter(pending_logins::expires_at.gt(now))
            .returning(columns::<Self>())
            .get_result(conn)
            .optional()
    }
}
