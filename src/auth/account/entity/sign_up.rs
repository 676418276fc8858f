//! Sign-ups that nobody has proven yet.

use diesel::prelude::*;

use crate::base::{ClientId, Email, SignUpId, TenantId, Timestamp};
use crate::db::schema::sign_ups;
use crate::db::{DbConn, columns};

/// Its id is the request id that the first answer told to whoever signed up: who brings it with the proof has both
/// chosen this password and read this mailbox.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sign_ups, treat_none_as_default_value = false)]
pub struct SignUpRow {
    pub id: SignUpId,
    pub tenant_id: TenantId,
    pub client_id: ClientId,
    pub email: String,
    pub name: Option<String>,
    pub locale: Option<String>,
    pub password_hash: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl SignUpRow {
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<usize> {
        diesel::insert_into(sign_ups::table).values(self).execute(conn)
    }

    pub fn waiting(conn: &mut DbConn, tenant: TenantId, email: &Email, now: Timestamp) -> QueryResult<i64> {
        sign_ups::table
            .filter(sign_ups::tenant_id.eq(tenant))
            .filter(sign_ups::email.eq(email.as_str()))
            .filter(sign_ups::expires_at.gt(now))
            .count()
            .get_result(conn)
    }

    /// The youngest, or the one that is meant.
    pub fn youngest(
        conn: &mut DbConn,
        at: (TenantId, &Email),
        meant: Option<SignUpId>,
        now: Timestamp,
    ) -> QueryResult<Option<Self>> {
        let mut query = sign_ups::table
            .filter(sign_ups::tenant_id.eq(at.0))
            .filter(sign_ups::email.eq(at.1.as_str()))
            .filter(sign_ups::expires_at.gt(now))
            .select(columns::<Self>())
            .into_boxed();
        if let Some(id) = meant {
            query = query.filter(sign_ups::id.eq(id));
        }
        query.order((sign_ups::created_at.desc(), sign_ups::id.desc())).first(conn).optional()
    }

    pub fn live(
        conn: &mut DbConn,
        tenant: TenantId,
        id: SignUpId,
        now: Timestamp,
    ) -> QueryResult<Option<Self>> {
        sign_ups::table
            .find(id)
            .filter(sign_ups::tenant_id.eq(tenant))
            .filter(sign_ups::expires_at.gt(now))
            .select(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    /// The first confirmed one ends all others of its address.
    pub fn drop_all(conn: &mut DbConn, tenant: TenantId, email: &str) -> QueryResult<usize> {
        diesel::delete(sign_ups::table)
            .filter(sign_ups::tenant_id.eq(tenant))
            .filter(sign_ups::email.eq(email))
            .execute(conn)
    }

    /// As many at a time as a transaction should hold.
    pub fn clean(conn: &mut DbConn, now: Timestamp, at_most: i64) -> QueryResult<usize> {
        let old = sign_ups::table.filter(sign_ups::expires_at.le(now)).order(sign_ups::expires_at);
        let ids: Vec<SignUpId> = old.select(sign_ups::id).limit(at_most).load(conn)?;
        diesel::delete(sign_ups::table.filter(sign_ups::id.eq_any(ids))).execute(conn)
    }
}
