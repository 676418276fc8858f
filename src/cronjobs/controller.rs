//! What belongs to one cron job: its next times, and being thrown now.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::{Thrown, Upcoming};
use super::events::{self, UNKNOWN_CRON_JOB};
use super::service;
use crate::base::{CronJobId, Result};
use crate::identity::{Access, Method, Route, Scope};
use crate::permissions::known::CRONJOB_MANAGE;

const MANAGES: Access = Access::Permission(CRONJOB_MANAGE);

pub fn routes() -> Vec<Route> {
    let mut all = vec![
        Route::new(Method::Get, "/cronjobs/{cronjob}/upcoming", MANAGES, upcoming)
            .named("cronjobs.upcoming", "The next twenty times of a cron job, in its zone.")
            .refuses(&[&UNKNOWN_CRON_JOB]),
        Route::new(Method::Post, "/cronjobs/{cronjob}/run", MANAGES, run_now)
            .named("cronjobs.run_now", "Throw a cron job now. Its times stay as they are.")
            .refuses(&[&UNKNOWN_CRON_JOB]),
    ];
    all.extend(service::routes());
    all
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichCronJob {
    cronjob: CronJobId,
}

async fn upcoming(scope: Scope, which: WhichCronJob) -> Result<Upcoming> {
    events::upcoming(&scope, which.cronjob).await
}

async fn run_now(scope: Scope, which: WhichCronJob) -> Result<Thrown> {
    events::run_now(&scope, which.cronjob).await
}
