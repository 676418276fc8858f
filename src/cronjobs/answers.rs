//! What callers are shown of cron jobs.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::entity::{CronJob, Missed};
use crate::base::{ActionRunId, CronJobId, Timestamp};

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CronJobShown {
    pub id: CronJobId,
    pub name: String,
    pub description: String,
    pub expression: String,
    pub timezone: String,
    pub trigger: String,
    pub data: Value,
    pub missed: Missed,
    pub is_enabled: bool,
    /// When it is due next; of one that is switched off, when it would be.
    pub next_at: Timestamp,
    /// When it was thrown last.
    pub last_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl From<CronJob> for CronJobShown {
    fn from(job: CronJob) -> Self {
        Self {
            id: job.id,
            name: job.name,
            description: job.description,
            expression: job.expression,
            timezone: job.timezone,
            trigger: job.trigger_name,
            data: job.data.0,
            missed: job.missed,
            is_enabled: job.disabled_at.is_none(),
            next_at: job.next_at,
            last_at: job.last_at,
            created_at: job.created_at,
            updated_at: job.updated_at,
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub struct Upcoming {
    /// Its next twenty times, each with its distance from UTC there.
    pub times: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ThrownNow")]
pub struct Thrown {
    /// To be found among `/action-runs`.
    pub run: ActionRunId,
}
