//! `/sessions`: the sessions that people have in a tenant, for those who manage its people.

use diesel::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use crate::base::{ClientId, Result, SessionId, TenantId, Timestamp, UserId};
use crate::db::schema::sessions;
use crate::db::{DbConn, columns};
use crate::identity::{Access, LoginType, Route, Scope, Session};
use crate::permissions::events::HOLDS_MORE;
use crate::permissions::known::USER_MANAGE;
use crate::services::{Condition, Field, Resource, Service, View};
use crate::users::events;

const MANAGES: Access = Access::Permission(USER_MANAGE);

pub fn routes() -> Vec<Route> {
    Service::<Sessions>::new().read(MANAGES).remove(MANAGES, remove).refuses(&[&HOLDS_MORE]).routes()
}

struct Sessions;

const CREATED: Field = Field::of("createdAt", &sessions::created_at).filters().sorts();

impl Resource for Sessions {
    type Row = SessionShown;
    const PATH: &'static str = "/sessions";
    const ONE: &'static str = "session";
    const SUBJECT: Option<&'static str> = Some("session");
    const FIELDS: &'static [Field] = &[
        Field::of("id", &sessions::id).filters().sorts(),
        CREATED,
        Field::of("userId", &sessions::user_id).filters(),
        Field::of("clientId", &sessions::client_id).filters(),
        Field::of("loginType", &sessions::login_type).filters(),
        Field::of("lastUsedAt", &sessions::last_used_at).filters(),
        Field::of("idleExpiresAt", &sessions::idle_expires_at).filters(),
        Field::of("absoluteExpiresAt", &sessions::absolute_expires_at).filters(),
        Field::of("revokedAt", &sessions::revoked_at).filters(),
    ];
    const SORT: &'static [(Field, bool)] = &[(CREATED, true)];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<SessionShown>> {
        let found = sessions::table
            .filter(sessions::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<Session>());
        Ok(found.load::<Session>(conn)?.into_iter().map(SessionShown::from).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = sessions::table.filter(sessions::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Session")]
struct SessionShown {
    id: SessionId,
    user_id: UserId,
    client_id: ClientId,
    login_type: LoginType,
    /// Who acts as the user, when that is somebody else.
    impersonator_user_id: Option<UserId>,
    /// When they last showed who they are.
    authenticated_at: Timestamp,
    created_at: Timestamp,
    /// To the minute.
    last_used_at: Timestamp,
    /// The end, if it is not refreshed before.
    idle_expires_at: Timestamp,
    absolute_expires_at: Timestamp,
    address: Option<String>,
    user_agent: Option<String>,
    /// Null while it is live or has run out.
    revoked_at: Option<Timestamp>,
    revoked_reason: Option<String>,
}

impl From<Session> for SessionShown {
    fn from(row: Session) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            client_id: row.client_id,
            login_type: row.login_type,
            impersonator_user_id: row.impersonator_user_id,
            authenticated_at: row.authenticated_at,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            idle_expires_at: row.idle_expires_at,
            absolute_expires_at: row.absolute_expires_at,
            address: row.address,
            user_agent: row.user_agent,
            revoked_at: row.revoked_at,
            revoked_reason: row.revoked_reason,
        }
    }
}

async fn remove(scope: Scope, session: SessionId) -> Result<()> {
    events::end_session(&scope, session).await
}
