//! `/memberships`: who belongs to a tenant, those at home in another one among them. Their stay here can be ended; their account is
//! not this tenant's to touch.

use diesel::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use crate::base::{Result, TenantId, Timestamp, UserId};
use crate::db::DbConn;
use crate::db::schema::{memberships, users};
use crate::identity::{Access, Route, Scope};
use crate::permissions::events::HOLDS_MORE;
use crate::permissions::known::{USER_LIST, USER_MANAGE};
use crate::services::{Condition, Field, Resource, Service, View};
use crate::users::events::{self, AT_HOME, LAST_ADMIN, UNKNOWN_USER};

pub fn routes() -> Vec<Route> {
    Service::<Memberships>::new()
        .read(Access::Permission(USER_LIST))
        .remove(Access::Permission(USER_MANAGE), remove)
        .refuses(&[&UNKNOWN_USER, &AT_HOME, &HOLDS_MORE, &LAST_ADMIN])
        .routes()
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Membership")]
struct MembershipShown {
    /// The user's id.
    id: UserId,
    name: Option<String>,
    /// The tenant whose admins manage the account.
    home_tenant_id: TenantId,
    /// Whether that is another one.
    is_guest: bool,
    /// Since when they belong here.
    created_at: Timestamp,
}

macro_rules! members {
    ($tenant:expr, $condition:expr) => {
        memberships::table
            .inner_join(users::table.on(users::id.eq(memberships::user_id)))
            .filter(memberships::tenant_id.eq($tenant).and(users::deleted_at.is_null()))
            .filter($condition)
    };
}

struct Memberships;

impl Resource for Memberships {
    type Row = MembershipShown;
    const PATH: &'static str = "/memberships";
    const ONE: &'static str = "membership";
    const FIELDS: &'static [Field] = &[
        Field::of("id", &memberships::user_id).filters().sorts(),
        Field::of("homeTenantId", &users::tenant_id).filters(),
        Field::of("createdAt", &memberships::created_at).filters(),
    ];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<MembershipShown>> {
        let found = members!(tenant, view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select((users::id, users::name, users::tenant_id, memberships::created_at))
            .load::<(UserId, Option<String>, TenantId, Timestamp)>(conn)?;
        let shown = |(id, name, home_tenant_id, created_at)| {
            let is_guest = home_tenant_id != tenant;
            MembershipShown { id, name, home_tenant_id, is_guest, created_at }
        };
        Ok(found.into_iter().map(shown).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        Ok(members!(tenant, condition).count().get_result(conn)?)
    }
}

async fn remove(scope: Scope, user: UserId) -> Result<()> {
    events::end_membership(&scope, user).await
}
