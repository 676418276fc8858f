//! `/cronjobs`: what the clock throws in a tenant, as a service.

use diesel::prelude::*;

use super::answers::CronJobShown;
use super::changes::{CronJobChange, NewCronJob};
use super::entity::CronJob;
use super::events::{self, DUPLICATE_NAME, TOO_MANY_CRON_JOBS, UNKNOWN_CRON_JOB};
use crate::base::{CronJobId, Result, TenantId};
use crate::db::schema::cron_jobs;
use crate::db::{DbConn, columns};
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, Route, Scope};
use crate::permissions::known::CRONJOB_MANAGE;
use crate::services::{Condition, Field, Resource, Service, View};

const MANAGES: Access = Access::Permission(CRONJOB_MANAGE);

pub fn routes() -> Vec<Route> {
    Service::<CronJobs>::new()
        .read(MANAGES)
        .create(MANAGES, create)
        .refuses(&[&DUPLICATE_NAME, &TOO_MANY_CRON_JOBS, &DENIED, &UNANSWERED])
        .patch(MANAGES, patch)
        .refuses(&[&UNKNOWN_CRON_JOB, &DUPLICATE_NAME, &DENIED, &UNANSWERED])
        .remove(MANAGES, remove)
        .refuses(&[&UNKNOWN_CRON_JOB, &DENIED, &UNANSWERED])
        .routes()
}

struct CronJobs;

impl Resource for CronJobs {
    type Row = CronJobShown;
    const PATH: &'static str = "/cronjobs";
    const ONE: &'static str = "cron job";
    const SUBJECT: Option<&'static str> = Some("cronjob");
    const FIELDS: &'static [Field] = &[
        Field::of("id", &cron_jobs::id).filters().sorts(),
        Field::of("createdAt", &cron_jobs::created_at).filters().sorts(),
        Field::of("updatedAt", &cron_jobs::updated_at).filters().sorts(),
        Field::of("name", &cron_jobs::name).filters().sorts(),
        Field::of("trigger", &cron_jobs::trigger_name).filters(),
        Field::of("nextAt", &cron_jobs::next_at).filters().sorts(),
    ];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<CronJobShown>> {
        let found = cron_jobs::table
            .filter(cron_jobs::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<CronJob>())
            .load::<CronJob>(conn)?;
        Ok(found.into_iter().map(CronJobShown::from).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = cron_jobs::table.filter(cron_jobs::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

async fn create(scope: Scope, new: NewCronJob) -> Result<CronJobId> {
    events::create(&scope, new).await
}

async fn patch(scope: Scope, id: CronJobId, change: CronJobChange) -> Result<()> {
    events::change(&scope, id, change).await
}

async fn remove(scope: Scope, id: CronJobId) -> Result<()> {
    events::remove(&scope, id).await
}
