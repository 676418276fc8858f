//! The queue in the database.

pub mod claim;
pub mod cron;
pub mod lease;
pub mod look;

use diesel::prelude::*;

use crate::base::{JobId, TenantId, Timestamp};
use crate::db::Json;
use crate::db::schema::jobs;

crate::choice! {
    JobState {
        Queued = "queued", Running = "running", Done = "done",
        /// Kept, and replayable.
        Dead = "dead"
    }
}

/// A job's row, without what is sealed.
#[derive(Debug, Clone, Queryable, Selectable, serde::Serialize)]
#[diesel(table_name = jobs)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub id: JobId,
    pub tenant_id: Option<TenantId>,
    pub kind: String,
    pub name: String,
    pub priority: i32,
    pub scheduled_at: Timestamp,
    pub state: JobState,
    pub retry_count: i32,
    pub max_attempts: i32,
    pub handler_timeout_ms: Option<i64>,
    #[serde(skip)]
    pub data: Json<serde_json::Value>,
    pub leased_by: Option<String>,
    pub leased_until: Option<Timestamp>,
    pub fence: i64,
    pub last_error: Option<String>,
    pub created_at: Timestamp,
    pub completed_at: Option<Timestamp>,
}
