//! `/jobs`: what a tenant's changes left to be done, as a service. What is in a job, and what exactly went wrong, stays in here: it
//! names addresses, hosts and insides.

use diesel::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::entity::JobState;
use super::events::{self, NOT_RETRYABLE};
use crate::base::{JobId, Result, TenantId, Timestamp};
use crate::db::DbConn;
use crate::db::schema::jobs;
use crate::identity::{Access, Nothing, Route, Scope};
use crate::services::{Condition, Field, Resource, Service, View};

/// As `permissions` names it.
const MANAGES: Access = Access::Permission("tenant:job:manage");

pub fn routes() -> Vec<Route> {
    Service::<Jobs>::new()
        .read(MANAGES)
        .method(
            "retry",
            "Run a dead or waiting job again, at once and with all its attempts before it.",
            MANAGES,
            retry,
        )
        .refuses(&[&NOT_RETRYABLE])
        .routes()
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JobShown")]
pub struct Shown {
    pub id: JobId,
    /// What it does, such as `mail.send`.
    pub name: String,
    pub state: JobState,
    /// Tries that came to nothing.
    pub failures: i32,
    pub max_attempts: i32,
    /// Why the last one did, as far as a tenant is told.
    pub last_error: Option<Reason>,
    /// While it waits: when it is tried next.
    pub due_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub completed_at: Option<Timestamp>,
}

#[derive(Serialize, JsonSchema, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JobFailure")]
pub enum Reason {
    /// It ran out of its time.
    TookTooLong,
    /// The process that did it ended.
    Interrupted,
    /// Anything else; an operator sees what, by `doorward jobs list`.
    Failed,
}

impl Reason {
    fn of(words: &str) -> Self {
        if words.starts_with("not done within") {
            Self::TookTooLong
        } else if words == "its worker never came back" {
            Self::Interrupted
        } else {
            Self::Failed
        }
    }
}

type Columns =
    (JobId, String, JobState, i32, i32, Option<String>, Timestamp, Timestamp, Timestamp, Option<Timestamp>);

fn shown(row: Columns) -> Shown {
    let (id, name, state, failures, max_attempts, error, due_at, created_at, updated_at, completed_at) = row;
    let last_error = error.as_deref().map(Reason::of);
    Shown {
        id,
        name,
        state,
        failures,
        max_attempts,
        last_error,
        due_at,
        created_at,
        updated_at,
        completed_at,
    }
}

struct Jobs;

const CREATED: Field = Field::of("createdAt", &jobs::created_at).filters().sorts();

impl Resource for Jobs {
    type Row = Shown;
    const PATH: &'static str = "/jobs";
    const ONE: &'static str = "job";
    const FIELDS: &'static [Field] = &[
        Field::of("id", &jobs::id).filters().sorts(),
        CREATED,
        Field::of("name", &jobs::name).filters(),
        Field::of("state", &jobs::state).filters(),
        Field::of("failures", &jobs::retry_count),
        Field::of("maxAttempts", &jobs::max_attempts),
        Field::of("dueAt", &jobs::scheduled_at).filters(),
        Field::of("updatedAt", &jobs::updated_at).filters(),
        Field::of("completedAt", &jobs::completed_at).filters(),
    ];
    /// The newest first.
    const SORT: &'static [(Field, bool)] = &[(CREATED, true)];
    /// A tenant that does much has many.
    const COUNTS: bool = false;

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<Shown>> {
        let found = jobs::table
            .filter(jobs::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select((
                jobs::id,
                jobs::name,
                jobs::state,
                jobs::retry_count,
                jobs::max_attempts,
                jobs::last_error,
                jobs::scheduled_at,
                jobs::created_at,
                jobs::updated_at,
                jobs::completed_at,
            ));
        Ok(found.load::<Columns>(conn)?.into_iter().map(shown).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = jobs::table.filter(jobs::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

async fn retry(scope: Scope, id: JobId, _: Nothing) -> Result<()> {
    events::retry_of_tenant(&scope, id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_told_one_of_three_reasons() {
        assert_eq!(Reason::of("not done within 60000 ms"), Reason::TookTooLong);
        assert_eq!(Reason::of("its worker never came back"), Reason::Interrupted);
        assert_eq!(Reason::of("550 mailbox of ada@a.example is full"), Reason::Failed);
    }
}
