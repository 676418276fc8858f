//! What admins write of a cron job, checked.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::calendar::{Calendar, Wrong};
use super::entity::{CronJob, Missed};
use crate::base::error::INVALID;
use crate::base::{CronJobId, FieldError, Result, TenantId, Timestamp};
use crate::db::Json;
use crate::triggers::catalogue::is_own;

const NAME: usize = 80;
const DESCRIPTION: usize = 500;
/// Bytes.
const DATA: usize = 4 * 1024;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCronJob {
    /// What it is called; one of a tenant's has each name.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub description: String,
    /// Minute, hour, day of the month, month, day of the week: `0 9 * * mon-fri`.
    #[schemars(length(min = 1, max = 100))]
    pub expression: String,
    /// Whose clock: a name of the IANA database, such as `Europe/Amsterdam`.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub timezone: String,
    /// A trigger of your own, which is thrown: it begins with `x.`.
    #[schemars(length(max = 100), regex(pattern = r"^x(\.[A-Za-z0-9_-]+)+$"))]
    pub trigger: String,
    /// Told with it, in 4 KiB at most. A `user` among it is whom it concerns.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// What counts when nobody could throw it in time: all that was missed is thrown once, or skipped.
    #[serde(default)]
    pub missed: Missed,
    #[serde(default = "yes")]
    pub is_enabled: bool,
}

fn utc() -> String {
    "UTC".into()
}

fn yes() -> bool {
    true
}

/// What is absent stays as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CronJobChange {
    #[schemars(length(min = 1, max = 80))]
    pub name: Option<String>,
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    #[schemars(length(min = 1, max = 100))]
    pub expression: Option<String>,
    #[schemars(length(min = 1, max = 64))]
    pub timezone: Option<String>,
    #[schemars(length(max = 100), regex(pattern = r"^x(\.[A-Za-z0-9_-]+)+$"))]
    pub trigger: Option<String>,
    pub data: Option<Map<String, Value>>,
    pub missed: Option<Missed>,
    pub is_enabled: Option<bool>,
}

impl NewCronJob {
    pub fn of(self, tenant: TenantId, now: Timestamp) -> Result<CronJob> {
        let job = CronJob {
            id: CronJobId::new(),
            tenant_id: Some(tenant),
            name: self.name,
            description: self.description,
            expression: self.expression,
            timezone: self.timezone,
            trigger_name: self.trigger,
            data: Json(Value::Object(self.data)),
            missed: self.missed,
            bounds: Json(Default::default()),
            next_at: now,
            last_at: None,
            disabled_at: (!self.is_enabled).then_some(now),
            created_at: now,
            updated_at: now,
        };
        let next_at = checked(&job, now)?;
        Ok(CronJob { next_at, ..job })
    }
}

impl CronJobChange {
    /// Which are given.
    pub fn members(&self) -> Vec<&'static str> {
        let members = [
            ("name", self.name.is_some()),
            ("description", self.description.is_some()),
            ("expression", self.expression.is_some()),
            ("timezone", self.timezone.is_some()),
            ("trigger", self.trigger.is_some()),
            ("data", self.data.is_some()),
            ("missed", self.missed.is_some()),
            ("isEnabled", self.is_enabled.is_some()),
        ];
        members.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    /// Where the clock changes, or whether it counts, what was due before is not due any more.
    pub fn of(self, was: CronJob, now: Timestamp) -> Result<CronJob> {
        let disabled_at = match self.is_enabled {
            Some(true) => None,
            Some(false) => was.disabled_at.or(Some(now)),
            None => was.disabled_at,
        };
        let stays = self.expression.is_none() && self.timezone.is_none() && disabled_at == was.disabled_at;
        let job = CronJob {
            name: self.name.unwrap_or(was.name),
            description: self.description.unwrap_or(was.description),
            expression: self.expression.unwrap_or(was.expression),
            timezone: self.timezone.unwrap_or(was.timezone),
            trigger_name: self.trigger.unwrap_or(was.trigger_name),
            data: self.data.map_or(was.data, |data| Json(Value::Object(data))),
            missed: self.missed.unwrap_or(was.missed),
            disabled_at,
            updated_at: now,
            ..was
        };
        let next_at = checked(&job, now)?;
        Ok(if stays { job } else { CronJob { next_at, ..job } })
    }
}

/// All that is wrong with it, at once; or when it is due next.
fn checked(job: &CronJob, now: Timestamp) -> Result<Timestamp> {
    let mut wrong = Vec::new();
    let mut fault = |path: &str, key: &'static str, detail: String| {
        wrong.push(FieldError::new(format!("$.{path}"), key, detail));
    };
    let is_line = |text: &str| text.trim() == text && !text.chars().any(char::is_control);
    if job.name.is_empty() || job.name.chars().count() > NAME || !is_line(&job.name) {
        fault("name", "validator.length", format!("One line of 1 to {NAME} characters."));
    }
    if job.description.chars().count() > DESCRIPTION {
        fault("description", "validator.length", format!("At most {DESCRIPTION} characters."));
    }
    if !is_own(&job.trigger_name) {
        fault("trigger", "validator.pattern", "A trigger of your own begins with `x.`: `x.welcome`.".into());
    }
    if job.data.0.to_string().len() > DATA {
        fault("data", "validator.length", format!("At most {DATA} bytes."));
    }
    let next = match Calendar::read(&job.expression, &job.timezone) {
        Ok(calendar) => calendar.after(now),
        Err(Wrong::Expression) => {
            let detail = "Five fields: minute, hour, day of the month, month, day of the week; such as `0 9 * * mon-fri`.";
            fault("expression", "validator.pattern", detail.into());
            None
        }
        Err(Wrong::Zone) => {
            let detail = "No zone of the IANA database; they are called like `Europe/Amsterdam`, or `UTC`.";
            fault("timezone", "validator.oneOf", detail.into());
            None
        }
        Err(Wrong::Never) => {
            fault("expression", "validator.never", "There is no such day.".into());
            None
        }
    };
    match next {
        Some(next) if wrong.is_empty() => Ok(next),
        _ => Err(INVALID.with(wrong)),
    }
}
