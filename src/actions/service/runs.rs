//! `/action-runs`: what each action did, newest first.

use diesel::prelude::*;

use crate::actions::answers::RunShown;
use crate::actions::entity::Run;
use crate::base::{Result, TenantId};
use crate::db::schema::action_runs;
use crate::db::{DbConn, columns};
use crate::identity::{Access, Route};
use crate::permissions::known::ACTION_MANAGE;
use crate::services::{Condition, Field, Resource, Service, View};

pub fn routes() -> Vec<Route> {
    Service::<Runs>::new().read(Access::Permission(ACTION_MANAGE)).routes()
}

struct Runs;

const CREATED: Field = Field::of("createdAt", &action_runs::created_at).filters().sorts();

impl Resource for Runs {
    type Row = RunShown;
    const PATH: &'static str = "/action-runs";
    const ONE: &'static str = "action run";
    // Thousands may come of one morning.
    const COUNTS: bool = false;
    const FIELDS: &'static [Field] = &[
        Field::of("id", &action_runs::id).filters().sorts(),
        CREATED,
        Field::of("action", &action_runs::action_id).filters(),
        Field::of("event", &action_runs::event_id).filters(),
        Field::of("chain", &action_runs::chain_id).filters(),
        Field::of("trigger", &action_runs::trigger_name).filters(),
        Field::of("state", &action_runs::state).filters(),
    ];
    const SORT: &'static [(Field, bool)] = &[(CREATED, true)];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<RunShown>> {
        let found = action_runs::table
            .filter(action_runs::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<Run>())
            .load::<Run>(conn)?;
        Ok(found.into_iter().map(RunShown::from).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = action_runs::table.filter(action_runs::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}
