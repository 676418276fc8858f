//! Password logins, and who an address means in a tenant.

use diesel::prelude::*;

use crate::base::{Email, TenantId, Timestamp, UserId};
use crate::db::schema::{login_identifiers, password_logins, totp_settings, users};
use crate::db::{BothDsl, DbConn, columns};
use crate::identity::user::EMAIL;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = password_logins, treat_none_as_default_value = false)]
pub struct Login {
    pub user_id: UserId,
    pub tenant_id: TenantId,
    pub email: String,
    /// None: nothing was chosen yet, or it was taken away; no password opens this login.
    pub password_hash: Option<String>,
    pub must_change: bool,
    pub otp_enabled_at: Option<Timestamp>,
    pub verified_at: Option<Timestamp>,
    pub changed_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Login {
    pub fn at(conn: &mut DbConn, tenant: TenantId, email: &Email) -> QueryResult<Option<Self>> {
        password_logins::table
            .filter(password_logins::tenant_id.eq(tenant))
            .filter(password_logins::email.eq(email.as_str()))
            .select(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    pub fn of(conn: &mut DbConn, user: UserId) -> QueryResult<Option<Self>> {
        password_logins::table.find(user).select(columns::<Self>()).get_result(conn).optional()
    }

    /// False when the address has a login already.
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<bool> {
        diesel::insert_into(password_logins::table)
            .values(self)
            .on_conflict_do_nothing()
            .both()
            .execute(conn)
            .map(|rows| rows == 1)
    }

    /// Whoever holds a proof of the mailbox sets the password, and has thereby verified the address.
    pub fn set_password(conn: &mut DbConn, user: UserId, hash: &str, now: Timestamp) -> QueryResult<usize> {
        use password_logins as l;
        Self::verify(conn, user, now)?;
        diesel::update(l::table.find(user))
            .set((
                l::password_hash.eq(hash),
                l::must_change.eq(false),
                l::changed_at.eq(now),
                l::updated_at.eq(now),
            ))
            .execute(conn)
    }

    pub fn take_password_away(conn: &mut DbConn, user: UserId, now: Timestamp) -> QueryResult<usize> {
        use password_logins as l;
        diesel::update(l::table.find(user))
            .set((
                l::password_hash.eq(None::<String>),
                l::must_change.eq(true),
                l::changed_at.eq(now),
                l::updated_at.eq(now),
            ))
            .execute(conn)
    }

    pub fn verify(conn: &mut DbConn, user: UserId, now: Timestamp) -> QueryResult<usize> {
        use password_logins as l;
        diesel::update(l::table.find(user))
            .filter(l::verified_at.is_null())
            .set((l::verified_at.eq(now), l::updated_at.eq(now)))
            .execute(conn)
    }

    pub fn set_email(conn: &mut DbConn, user: UserId, email: &Email, now: Timestamp) -> QueryResult<usize> {
        use password_logins as l;
        diesel::update(l::table.find(user))
            .set((l::email.eq(email.as_str()), l::verified_at.eq(now), l::updated_at.eq(now)))
            .execute(conn)
    }
}

/// Whether an address means somebody in a tenant: a member, or a login whose person was deleted and may come back.
pub fn is_taken(conn: &mut DbConn, tenant: TenantId, email: &Email) -> QueryResult<bool> {
    Ok(meant(conn, tenant, email)?.is_some() || Login::at(conn, tenant, email)?.is_some())
}

pub fn meant(conn: &mut DbConn, tenant: TenantId, email: &Email) -> QueryResult<Option<UserId>> {
    login_identifiers::table
        .find((tenant, EMAIL, email.as_str()))
        .select(login_identifiers::user_id)
        .get_result(conn)
        .optional()
}

/// Takes away what an address meant, and tells in which tenants; in the order of their ids.
pub fn release(conn: &mut DbConn, user: UserId, email: &str) -> QueryResult<Vec<TenantId>> {
    use login_identifiers as i;
    let theirs = i::table.filter(i::user_id.eq(user)).filter(i::kind.eq(EMAIL)).filter(i::value.eq(email));
    let mut tenants: Vec<TenantId> = diesel::delete(theirs).returning(i::tenant_id).get_results(conn)?;
    tenants.sort();
    Ok(tenants)
}

pub fn has_totp(conn: &mut DbConn, user: UserId) -> QueryResult<bool> {
    let verified = totp_settings::table.find(user).filter(totp_settings::verified_at.is_not_null());
    verified.count().get_result::<i64>(conn).map(|rows| rows > 0)
}

/// A person who was made a moment ago in this transaction, and lost the race for their address.
pub fn unmake(conn: &mut DbConn, user: UserId) -> QueryResult<usize> {
    diesel::delete(users::table.find(user)).execute(conn)
}
