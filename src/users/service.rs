//! `/users`: a tenant's people as a service.

pub mod members;
pub mod sessions;

use diesel::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::UserSummary;
use super::controller::{plain_name, told};
use super::entity;
use super::events::{self, LAST_ADMIN, NOT_AT_HOME, UNKNOWN_USER};
use crate::base::{Result, TenantId, UserId};
use crate::db::schema::{memberships, password_logins, users};
use crate::db::{DbConn, columns};
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, Nothing, Route, Scope, User};
use crate::permissions::events::HOLDS_MORE;
use crate::permissions::known::{USER_LIST, USER_MANAGE};
use crate::services::{Condition, Field, Resource, Service, View};

pub fn routes() -> Vec<Route> {
    let manages = Access::Permission(USER_MANAGE);
    Service::<Users>::new()
        .read(Access::Permission(USER_LIST))
        .patch(manages, patch)
        .refuses(&[&UNKNOWN_USER, &NOT_AT_HOME, &HOLDS_MORE, &DENIED, &UNANSWERED])
        .method("enable", "Let a user in again.", manages, enable)
        .refuses(&[&UNKNOWN_USER, &NOT_AT_HOME, &HOLDS_MORE, &DENIED, &UNANSWERED])
        .method("disable", "Let a user in no more. Their sessions end.", manages, disable)
        .refuses(&[&UNKNOWN_USER, &NOT_AT_HOME, &HOLDS_MORE, &LAST_ADMIN])
        .routes()
}

struct Users;

/// Of the password, where there is one.
const EMAIL: Field = Field::of("email", &password_logins::email).nullable().filters();

macro_rules! of_tenant {
    ($people:expr, $tenant:expr, $condition:expr) => {
        $people.filter(memberships::tenant_id.eq($tenant).and(users::deleted_at.is_null())).filter($condition)
    };
}

macro_rules! members {
    ($tenant:expr, $condition:expr) => {
        of_tenant!(
            users::table
                .inner_join(memberships::table.on(memberships::user_id.eq(users::id)))
                .left_join(password_logins::table.on(password_logins::user_id.eq(users::id))),
            $tenant,
            $condition
        )
    };
}

/// The same people, where their address is known: PostgreSQL joins in the order that is written, and would begin with all
/// members.
macro_rules! by_address {
    ($tenant:expr, $condition:expr) => {
        of_tenant!(
            password_logins::table
                .inner_join(users::table.on(users::id.eq(password_logins::user_id)))
                .inner_join(memberships::table.on(memberships::user_id.eq(users::id))),
            $tenant,
            $condition
        )
    };
}

impl Resource for Users {
    type Row = UserSummary;
    const PATH: &'static str = "/users";
    const ONE: &'static str = "user";
    const SUBJECT: Option<&'static str> = Some("user");
    const FIELDS: &'static [Field] = &[
        Field::of("id", &users::id).filters().sorts(),
        Field::of("name", &users::name).filters().sorts(),
        Field::of("locale", &users::locale).filters(),
        EMAIL,
        Field::of("lastLogin", &users::last_login_at).filters().sorts(),
        Field::of("createdAt", &users::created_at).filters().sorts(),
        Field::of("disabledAt", &users::disabled_at).filters(),
    ];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<UserSummary>> {
        macro_rules! page {
            ($people:expr) => {
                $people
                    .order(view.order())
                    .limit(view.limit)
                    .offset(view.skip)
                    .select(columns::<User>())
                    .load::<User>(conn)?
            };
        }
        let condition = view.condition();
        let people = if condition.pins(&EMAIL) {
            page!(by_address!(tenant, condition))
        } else {
            page!(members!(tenant, condition))
        };
        Ok(entity::summaries(conn, tenant, people)?)
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        Ok(if condition.pins(&EMAIL) {
            by_address!(tenant, condition).count().get_result(conn)?
        } else {
            members!(tenant, condition).count().get_result(conn)?
        })
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserPatch")]
struct Patch {
    /// Null takes the name away.
    #[serde(default, deserialize_with = "told")]
    name: Option<Option<String>>,
}

async fn patch(scope: Scope, user: UserId, patch: Patch) -> Result<()> {
    let Some(name) = patch.name else { return Ok(()) };
    events::update(&scope, user, name.map(plain_name).transpose()?).await
}

async fn enable(scope: Scope, user: UserId, _: Nothing) -> Result<()> {
    events::set_active(&scope, user, true).await
}

async fn disable(scope: Scope, user: UserId, _: Nothing) -> Result<()> {
    events::set_active(&scope, user, false).await
}
