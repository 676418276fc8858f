//! Password logins in the database, and everything about a person that a login has to know.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::base::{Email, TenantId, Timestamp, UserId};
use crate::db::schema::{
    login_identifiers, memberships, password_logins, sessions, tenants, totp_settings, users,
};
use crate::db::{DbConn, columns};
use crate::identity::user::EMAIL;
use crate::identity::{Tenant, User};
use crate::users::Due;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = password_logins, treat_none_as_default_value = false)]
pub struct PasswordLogin {
    pub user_id: UserId,
    /// The home.
    pub tenant_id: TenantId,
    pub email: String,
    /// None: this person enters by other ways only.
    pub password_hash: Option<String>,
    pub must_change: bool,
    pub otp_enabled_at: Option<Timestamp>,
    pub verified_at: Option<Timestamp>,
    /// When the password itself changed; other columns change without it (W-18).
    pub changed_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A member of a tenant with their home, their password login and what was promised of factors.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub user: User,
    pub home: Tenant,
    pub login: Option<PasswordLogin>,
    pub totp: bool,
}

macro_rules! members {
    ($tenant:expr) => {
        users::table
            .inner_join(memberships::table.on(memberships::user_id.eq(users::id)))
            .inner_join(tenants::table.on(tenants::id.eq(users::tenant_id)))
            .left_join(password_logins::table.on(password_logins::user_id.eq(users::id)))
            .left_join(totp_settings::table.on(totp_settings::user_id.eq(users::id)))
            .filter(memberships::tenant_id.eq($tenant))
            .select((
                columns::<User>(),
                columns::<Tenant>(),
                columns::<Option<PasswordLogin>>(),
                totp_settings::verified_at.nullable(),
            ))
    };
}
type Row = (User, Tenant, Option<PasswordLogin>, Option<Timestamp>);

impl Candidate {
    /// Whom an address means in a tenant. One statement, whether there is anybody or not (ENUM-2).
    pub fn named(conn: &mut DbConn, tenant: TenantId, email: &Email) -> QueryResult<Option<Self>> {
        let meant = login_identifiers::table
            .filter(login_identifiers::tenant_id.eq(tenant))
            .filter(login_identifiers::kind.eq(EMAIL))
            .filter(login_identifiers::value.eq(email.as_str().to_owned()))
            .select(login_identifiers::user_id)
            .single_value();
        members!(tenant)
            .filter(users::id.nullable().eq(meant))
            .get_result::<Row>(conn)
            .optional()
            .map(Self::of)
    }

    pub fn member(conn: &mut DbConn, tenant: TenantId, user: UserId) -> QueryResult<Option<Self>> {
        members!(tenant).filter(users::id.eq(user)).get_result::<Row>(conn).optional().map(Self::of)
    }

    fn of(row: Option<Row>) -> Option<Self> {
        let (user, home, login, totp) = row?;
        Some(Self { user, home, login, totp: totp.is_some() })
    }

    /// A password counts at its home, and where home and tenant list each other.
    pub fn is_accepted_at(&self, tenant: &Tenant) -> bool {
        let lists = |one: &Tenant, other: &Tenant| one.settings.0.sign_in_at.contains(&other.name);
        self.home.id == tenant.id
            || (self.home.is_open() && lists(&self.home, tenant) && lists(tenant, &self.home))
    }

    pub fn hash(&self) -> Option<&str> {
        self.login.as_ref()?.password_hash.as_deref()
    }

    pub fn due(&self) -> Due {
        let login = self.login.as_ref();
        Due {
            totp: self.totp,
            otp: login.is_some_and(|login| login.otp_enabled_at.is_some()),
            set_password: login.is_some_and(|login| login.must_change),
        }
    }

    /// Nothing that a decision was taken from has moved. The hash may have, when another login brought it up to date: the
    /// password is the same. Roles may have: a session asks for them itself.
    pub fn still_is(&self, seen: &Self) -> bool {
        self.user.id == seen.user.id
            && self.user.epoch == seen.user.epoch
            && self.user.is_active()
            && self.password_since() == seen.password_since()
    }

    fn password_since(&self) -> Option<Timestamp> {
        let login = self.login.as_ref()?;
        login.password_hash.is_some().then_some(login.changed_at)
    }
}

impl PasswordLogin {
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<usize> {
        diesel::insert_into(password_logins::table).values(self).execute(conn)
    }

    /// Only over the hash that was verified: a password set meanwhile stays.
    pub fn rehash(conn: &mut DbConn, user: UserId, seen: &str, fresh: &str) -> QueryResult<usize> {
        diesel::update(password_logins::table.find(user))
            .filter(password_logins::password_hash.eq(seen))
            .set(password_logins::password_hash.eq(fresh))
            .execute(conn)
    }

    pub fn change(conn: &mut DbConn, user: UserId, hash: &str, now: Timestamp) -> QueryResult<usize> {
        use password_logins as p;
        diesel::update(p::table.find(user))
            .set((
                p::password_hash.eq(hash),
                p::must_change.eq(false),
                p::changed_at.eq(now),
                p::updated_at.eq(now),
            ))
            .execute(conn)
    }

    pub fn set_otp(
        conn: &mut DbConn,
        user: UserId,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> QueryResult<usize> {
        use password_logins as p;
        diesel::update(p::table.find(user))
            .set((p::otp_enabled_at.eq(at), p::updated_at.eq(now)))
            .execute(conn)
    }

    /// One hash that another system made, if the tenant holds any: to be measured. In the words of the index that holds
    /// those alone; by others every login of the tenant would be read.
    pub fn foreign_hash(conn: &mut DbConn, tenant: TenantId) -> QueryResult<Option<String>> {
        use password_logins as p;
        let foreign = "substr(password_hash, 1, 7) <> '$argon2' AND substr(password_hash, 1, 5) <> '$dw1$'";
        p::table
            .filter(p::tenant_id.eq(tenant))
            .filter(sql::<Bool>(foreign))
            .order(p::created_at)
            .select(p::password_hash.assume_not_null())
            .first(conn)
            .optional()
    }
}

/// Those of these addresses that mean somebody here, with when they began to.
pub fn named_among(
    conn: &mut DbConn,
    tenant: TenantId,
    addresses: Vec<String>,
) -> QueryResult<Vec<(String, Timestamp)>> {
    use login_identifiers as l;
    l::table
        .filter(l::tenant_id.eq(tenant))
        .filter(l::kind.eq(EMAIL))
        .filter(l::value.eq_any(addresses))
        .select((l::value, l::created_at))
        .load(conn)
}

/// From where a person's latest sessions in a tenant came: of one tenant, the index has them in this order.
pub fn addresses(conn: &mut DbConn, user: UserId, tenant: TenantId) -> QueryResult<Vec<Option<String>>> {
    sessions::table
        .filter(sessions::user_id.eq(user))
        .filter(sessions::tenant_id.eq(tenant))
        .order((sessions::created_at.desc(), sessions::id.desc()))
        .select(sessions::address)
        .limit(50)
        .load(conn)
}
