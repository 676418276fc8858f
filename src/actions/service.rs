//! `/actions` and `/action-runs`: a tenant's actions, and what each did, as services.

pub mod runs;

use diesel::prelude::*;

use super::answers::ActionShown;
use super::changes::{ActionChange, NewAction};
use super::entity::Action;
use super::events::{
    self, DUPLICATE_NAME, MAY_NOT_ADD_CLAIMS, MAY_NOT_RUN_AS, TOO_MANY_ACTIONS, UNKNOWN_ACTION, UNKNOWN_ROLE,
};
use crate::base::{ActionId, Result, TenantId};
use crate::db::schema::actions;
use crate::db::{DbConn, columns};
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, Route, Scope};
use crate::permissions::known::ACTION_MANAGE;
use crate::services::{Condition, Field, Resource, Service, View};

const MANAGES: Access = Access::Permission(ACTION_MANAGE);

pub fn routes() -> Vec<Route> {
    Service::<Actions>::new()
        .read(MANAGES)
        .create(MANAGES, create)
        .refuses(&[
            &DUPLICATE_NAME,
            &TOO_MANY_ACTIONS,
            &MAY_NOT_RUN_AS,
            &MAY_NOT_ADD_CLAIMS,
            &UNKNOWN_ROLE,
            &DENIED,
            &UNANSWERED,
        ])
        .patch(MANAGES, patch)
        .refuses(&[
            &UNKNOWN_ACTION,
            &DUPLICATE_NAME,
            &MAY_NOT_RUN_AS,
            &MAY_NOT_ADD_CLAIMS,
            &UNKNOWN_ROLE,
            &DENIED,
            &UNANSWERED,
        ])
        .remove(MANAGES, remove)
        .refuses(&[
            &UNKNOWN_ACTION,
            &MAY_NOT_RUN_AS,
            &MAY_NOT_ADD_CLAIMS,
            &UNKNOWN_ROLE,
            &DENIED,
            &UNANSWERED,
        ])
        .routes()
}

struct Actions;

impl Resource for Actions {
    type Row = ActionShown;
    const PATH: &'static str = "/actions";
    const ONE: &'static str = "action";
    const SUBJECT: Option<&'static str> = Some("action");
    const FIELDS: &'static [Field] = &[
        Field::of("id", &actions::id).filters().sorts(),
        Field::of("createdAt", &actions::created_at).filters().sorts(),
        Field::of("updatedAt", &actions::updated_at).filters().sorts(),
        Field::of("name", &actions::name).filters().sorts(),
        Field::of("handler", &actions::handler).filters(),
        Field::of("priority", &actions::priority).filters().sorts(),
        Field::of("isEnabled", &actions::is_enabled).filters(),
        Field::of("runsAs", &actions::runs_as).filters(),
    ];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<ActionShown>> {
        let found = actions::table
            .filter(actions::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<Action>())
            .load::<Action>(conn)?;
        Ok(found.into_iter().map(ActionShown::from).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = actions::table.filter(actions::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

async fn create(scope: Scope, new: NewAction) -> Result<ActionId> {
    events::create(&scope, new).await
}

async fn patch(scope: Scope, id: ActionId, change: ActionChange) -> Result<()> {
    events::change(&scope, id, change).await
}

async fn remove(scope: Scope, id: ActionId) -> Result<()> {
    events::remove(&scope, id).await
}
