//! A session: the row that is the authority, and the question whether it still lives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::base::{ClientId, HashedToken, SessionId, TenantId, Timestamp, UserId};
use crate::db::dialect::padded;
use crate::db::schema::{
    clients, memberships, permissions, role_permissions, sessions, tenants, user_roles, users,
};
use crate::db::{DbConn, Json};

crate::choice! {
    SessionKind { User = "user" }
}

crate::choice! {
    /// By which door somebody came in.
    LoginType {
        Password = "passwordBased", Anonymous = "anonymousBased", Digid = "digidBased", Keycloak = "keycloakBased"
    }
}

/// What somebody has shown, and whose it is: a tenant's own provider proves nothing to the home.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Factors {
    /// Names as in RFC 8176: `pwd`, `otp`, `mca`.
    pub methods: Vec<String>,
    /// All factors belong to the home.
    pub of_home: bool,
}

impl Factors {
    pub fn are_two(&self) -> bool {
        self.methods.len() > 1
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
pub struct Session {
    pub id: SessionId,
    pub tenant_id: TenantId,
    pub user_id: UserId,
    pub client_id: ClientId,
    pub kind: SessionKind,
    pub login_type: LoginType,
    pub factors: Json<Factors>,
    pub impersonator_user_id: Option<UserId>,
    pub seed_sealed: Vec<u8>,
    pub generation: i64,
    pub rotated_at: Timestamp,
    pub rotation_key_hash: Option<HashedToken>,
    pub authenticated_at: Timestamp,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub idle_seconds: i64,
    pub idle_expires_at: Timestamp,
    pub absolute_expires_at: Timestamp,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub revoked_at: Option<Timestamp>,
    pub revoked_reason: Option<String>,
}

/// A session's row as it stands, and whether everything that it hangs on lives.
#[derive(Debug, Clone)]
pub struct Standing {
    pub session: Session,
    pub lives: bool,
}

/// The generation that a refresh spends, and the key by which its lost answer is recovered.
#[derive(Debug, Clone)]
pub struct Spent {
    pub standing: Arc<Standing>,
    pub key: Option<HashedToken>,
}

impl PartialEq for Spent {
    fn eq(&self, other: &Self) -> bool {
        self.standing.session.generation == other.standing.session.generation && self.key == other.key
    }
}

/// What the gate knows of a live session, and what a later write compares.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    pub session: SessionId,
    pub tenant: TenantId,
    pub user: UserId,
    pub client: ClientId,
    pub client_public_id: String,
    pub home: TenantId,
    pub kind: SessionKind,
    pub login_type: LoginType,
    pub factors: Factors,
    pub impersonator: Option<UserId>,
    pub authenticated_at: Timestamp,
    pub idle_expires_at: Timestamp,
    pub absolute_expires_at: Timestamp,
    pub epochs: Epochs,
    pub permissions: BTreeSet<String>,
}

/// Raised by whatever makes an earlier decision about somebody old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epochs {
    pub user: i64,
    pub membership: i64,
    pub tenant: i64,
}

#[derive(Queryable)]
struct LiveRow {
    ids: (SessionId, TenantId, UserId, ClientId, String, TenantId),
    how: (SessionKind, LoginType, Json<Factors>, Option<UserId>),
    times: (Timestamp, Timestamp, Timestamp),
    epochs: (i64, i64, i64),
    permission: Option<String>,
    lives: bool,
}

diesel::alias!(tenants as homes: HomeTenants);

/// A macro, since the type of this query fills a page. Whether all that a session hangs on lives is selected and not
/// filtered by: PostgreSQL takes those for few who are not disabled, and would begin with them.
macro_rules! alive {
    ($now:expr) => {
        sessions::table
            .inner_join(users::table.on(users::id.eq(sessions::user_id)))
            .inner_join(clients::table.on(clients::id.eq(sessions::client_id)))
            .inner_join(tenants::table.on(tenants::id.eq(sessions::tenant_id)))
            .inner_join(homes.on(homes.field(tenants::id).eq(users::tenant_id)))
            .inner_join(
                memberships::table.on(memberships::user_id
                    .eq(sessions::user_id)
                    .and(memberships::tenant_id.eq(sessions::tenant_id))),
            )
            .left_join(user_roles::table.on(
                user_roles::user_id.eq(sessions::user_id).and(user_roles::tenant_id.eq(sessions::tenant_id)),
            ))
            .left_join(role_permissions::table.on(role_permissions::role_id.eq(user_roles::role_id)))
            .left_join(permissions::table.on(permissions::id.eq(role_permissions::permission_id)))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::idle_expires_at.gt($now).and(sessions::absolute_expires_at.gt($now)))
            .select((
                (
                    sessions::id,
                    sessions::tenant_id,
                    sessions::user_id,
                    sessions::client_id,
                    clients::public_id,
                    users::tenant_id,
                ),
                (sessions::kind, sessions::login_type, sessions::factors, sessions::impersonator_user_id),
                (sessions::authenticated_at, sessions::idle_expires_at, sessions::absolute_expires_at),
                (users::epoch, memberships::epoch, tenants::epoch),
                permissions::identifier.nullable(),
                users::disabled_at
                    .is_null()
                    .and(users::deleted_at.is_null())
                    .and(clients::disabled_at.is_null())
                    .and(tenants::suspended_at.is_null())
                    .and(tenants::deleted_at.is_null())
                    .and(homes.field(tenants::suspended_at).is_null())
                    .and(homes.field(tenants::deleted_at).is_null()),
            ))
    };
}

impl Live {
    /// One round trip: the session with everything it hangs on, a row for each permission. None when any of it
    /// is revoked, disabled, suspended, deleted or past its end.
    pub fn find(conn: &mut DbConn, id: SessionId, now: Timestamp) -> QueryResult<Option<Self>> {
        let rows: Vec<LiveRow> = alive!(now).filter(sessions::id.eq(id)).load(conn)?;
        Ok(Self::gather(rows))
    }

    /// The same for several, of which those are found that live.
    pub fn all(
        conn: &mut DbConn,
        ids: &[SessionId],
        now: Timestamp,
    ) -> QueryResult<BTreeMap<SessionId, Arc<Self>>> {
        if let [id] = ids {
            let found = Self::find(conn, *id, now)?;
            return Ok(found.map(|live| (*id, Arc::new(live))).into_iter().collect());
        }
        let mut of_each: BTreeMap<SessionId, Vec<LiveRow>> = BTreeMap::new();
        for row in alive!(now).filter(sessions::id.eq_any(padded(ids))).load::<LiveRow>(conn)? {
            of_each.entry(row.ids.0).or_default().push(row);
        }
        let all = of_each.into_iter().filter_map(|(id, rows)| Some((id, Arc::new(Self::gather(rows)?))));
        Ok(all.collect())
    }

    fn gather(rows: Vec<LiveRow>) -> Option<Self> {
        let permissions = rows.iter().filter_map(|row| row.permission.clone()).collect();
        let row = rows.into_iter().next().filter(|row| row.lives)?;
        let (session, tenant, user, client, client_public_id, home) = row.ids;
        let (kind, login_type, Json(factors), impersonator) = row.how;
        let (authenticated_at, idle_expires_at, absolute_expires_at) = row.times;
        let epochs = Epochs { user: row.epochs.0, membership: row.epochs.1, tenant: row.epochs.2 };
        Some(Self {
            session,
            tenant,
            user,
            client,
            client_public_id,
            home,
            kind,
            login_type,
            factors,
            impersonator,
            authenticated_at,
            idle_expires_at,
            absolute_expires_at,
            epochs,
            permissions,
        })
    }

    /// Cached entries are judged by the clock once more.
    pub fn is_within(&self, now: Timestamp) -> bool {
        now < self.idle_expires_at && now < self.absolute_expires_at
    }

    pub fn may(&self, permission: &str) -> bool {
        self.permissions.contains(permission)
    }
}
