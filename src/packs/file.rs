//! A pack as it is written, read into what it asks for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::plan::{Kind, Part};
use crate::actions::changes::{self, NewAction};
use crate::actions::entity::Action;
use crate::base::error::INVALID;
use crate::base::{Error, FieldError, Result, TenantId, Timestamp, identifier};
use crate::cronjobs::changes::NewCronJob;
use crate::cronjobs::entity::CronJob;
use crate::identity::route::read;

/// Of all kinds together.
const PARTS: usize = 50;
const INPUTS: usize = 20;
const DESCRIPTION: usize = 500;
const VERSION: usize = 40;
/// Characters of what is put in.
const INPUT: usize = 500;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PackFile {
    /// What it is called, in lower case: `welcome`. A tenant has one of each name.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    #[schemars(length(min = 1, max = 40))]
    pub version: String,
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub description: String,
    /// What whoever installs it says, by name: a text that is `{{input.NAME}}` and nothing else becomes it.
    #[serde(default)]
    pub inputs: BTreeMap<String, Asked>,
    #[serde(default)]
    pub roles: Vec<PackRole>,
    /// Each as `POST /actions` takes it, but that `runsAs` is the identifier of a role.
    #[serde(default)]
    pub actions: Vec<Map<String, Value>>,
    /// Each as `POST /cronjobs` takes it.
    #[serde(default)]
    pub cron_jobs: Vec<Map<String, Value>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PackInput")]
pub struct Asked {
    /// What it is for.
    pub about: String,
    /// Where nothing is said. Without one something has to be.
    #[serde(default)]
    pub default: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackRole {
    pub identifier: String,
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// What is said for each input.
pub type Inputs = BTreeMap<String, String>;

/// What a pack asks for, each part checked by itself.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    pub roles: Vec<PackRole>,
    pub actions: Vec<PackAction>,
    pub cron_jobs: Vec<CronJob>,
}

#[derive(Debug, Clone)]
pub struct PackAction {
    pub action: Action,
    /// By its identifier.
    pub runs_as: Option<String>,
}

impl Contents {
    /// For the comparison with what there is.
    pub fn parts(&self) -> Vec<Part> {
        let roles = self.roles.iter().map(|role| Part::role(&role.identifier, &role.permissions));
        let actions = self.actions.iter().map(|one| Part::action(&one.action, one.runs_as.as_deref()));
        let cron_jobs = self.cron_jobs.iter().map(Part::cron_job);
        roles.chain(actions).chain(cron_jobs).collect()
    }
}

impl PackFile {
    /// Refuses with `validator.error`: all that is wrong with it, at once.
    pub fn contents(&self, said: &Inputs, tenant: TenantId, now: Timestamp) -> Result<Contents> {
        let mut wrong = [self.wrong_words(), self.wrong_inputs(said)].concat();
        let mut contents = Contents { roles: self.roles.clone(), ..Contents::default() };
        let is_odd = |(_, role): &(usize, &PackRole)| !identifier::is_role(&role.identifier);
        for (at, _) in self.roles.iter().enumerate().filter(is_odd) {
            let detail = "Lower-case letters, digits, `-`, `_`, `.` and `:`; 64 at most.";
            wrong.push(fault(&format!("pack.roles[{at}].identifier"), "validator.pattern", detail));
        }
        for (at, written) in self.actions.iter().enumerate() {
            let read = self.action(written, said, (tenant, now));
            contents.actions.extend(kept(read, &format!("pack.actions[{at}]"), &mut wrong)?);
        }
        for (at, written) in self.cron_jobs.iter().enumerate() {
            let written = Value::Object(written.clone());
            let job = shaped::<NewCronJob>(self.filled(written, said)).and_then(|new| new.of(tenant, now));
            contents.cron_jobs.extend(kept(job, &format!("pack.cronJobs[{at}]"), &mut wrong)?);
        }
        wrong.extend(twins(&contents.parts()));
        if wrong.is_empty() { Ok(contents) } else { Err(INVALID.with(wrong)) }
    }

    fn action(
        &self,
        written: &Map<String, Value>,
        said: &Inputs,
        of: (TenantId, Timestamp),
    ) -> Result<PackAction> {
        let Value::Object(mut written) = self.filled(Value::Object(written.clone()), said) else {
            return Err(Error::internal("an object became something else"));
        };
        let runs_as = match written.remove("runsAs") {
            None | Some(Value::Null) => None,
            Some(Value::String(role)) => Some(role),
            Some(_) => {
                let detail = "The identifier of a role: one of the pack, or of the tenant.";
                return Err(INVALID.with(vec![fault("runsAs", "validator.type", detail)]));
            }
        };
        let action = shaped::<NewAction>(Value::Object(written))?.of(of.0, of.1);
        changes::checked(&action)?;
        Ok(PackAction { action, runs_as })
    }

    fn wrong_words(&self) -> Vec<FieldError> {
        let mut wrong = Vec::new();
        let is_line = |text: &str| text.trim() == text && !text.chars().any(char::is_control);
        if !identifier::is_role(&self.name) {
            let detail = "Lower-case letters, digits, `-`, `_`, `.` and `:`; 64 at most.";
            wrong.push(fault("pack.name", "validator.pattern", detail));
        }
        if self.version.is_empty() || self.version.chars().count() > VERSION || !is_line(&self.version) {
            wrong.push(fault("pack.version", "validator.length", "One line of 1 to 40 characters."));
        }
        if self.description.chars().count() > DESCRIPTION {
            wrong.push(fault("pack.description", "validator.length", "At most 500 characters."));
        }
        if self.roles.len() + self.actions.len() + self.cron_jobs.len() > PARTS {
            wrong.push(fault(
                "pack",
                "validator.length",
                "At most 50 roles, actions and cron jobs together.",
            ));
        }
        wrong
    }

    fn wrong_inputs(&self, said: &Inputs) -> Vec<FieldError> {
        let mut wrong = Vec::new();
        if self.inputs.len() > INPUTS || said.len() > INPUTS {
            wrong.push(fault("inputs", "validator.length", "At most 20 inputs."));
            return wrong;
        }
        for (name, asked) in &self.inputs {
            if asked.default.is_none() && !said.contains_key(name) {
                wrong.push(fault(
                    &format!("inputs.{name}"),
                    "validator.undefined",
                    "The pack asks for this.",
                ));
            }
        }
        for (name, text) in said {
            if !self.inputs.contains_key(name) {
                wrong.push(fault(
                    &format!("inputs.{name}"),
                    "validator.keys",
                    "The pack does not ask for this.",
                ));
            } else if text.chars().count() > INPUT {
                wrong.push(fault(&format!("inputs.{name}"), "validator.length", "At most 500 characters."));
            }
        }
        wrong
    }

    /// What is put in is text and stays text: it cannot become a rule, or a member of its own.
    fn filled(&self, written: Value, said: &Inputs) -> Value {
        match written {
            Value::String(text) => {
                let name = text.strip_prefix("{{input.").and_then(|rest| rest.strip_suffix("}}"));
                let default = |name| self.inputs.get(name).and_then(|asked| asked.default.as_ref());
                let told = name.and_then(|name| said.get(name).or_else(|| default(name)));
                json!(told.unwrap_or(&text))
            }
            Value::Array(list) => list.into_iter().map(|one| self.filled(one, said)).collect(),
            Value::Object(members) => {
                let filled = members.into_iter().map(|(name, value)| (name, self.filled(value, said)));
                Value::Object(filled.collect())
            }
            plain => plain,
        }
    }
}

fn fault(path: &str, key: &'static str, detail: &'static str) -> FieldError {
    FieldError::new(format!("$.{path}"), key, detail)
}

fn shaped<T: DeserializeOwned>(written: Value) -> Result<T> {
    read(written)
}

/// What is wrong with a part is told with its place in the pack.
fn kept<T>(read: Result<T>, place: &str, wrong: &mut Vec<FieldError>) -> Result<Option<T>> {
    match read {
        Ok(part) => Ok(Some(part)),
        Err(Error::Refused(refused)) if !refused.errors.is_empty() => {
            let within = |error: FieldError| {
                let path = error.path.strip_prefix('$').unwrap_or(&error.path);
                FieldError { path: format!("$.{place}{path}"), ..error }
            };
            wrong.extend(refused.errors.into_iter().map(within));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// One of each kind has a name.
fn twins(parts: &[Part]) -> Option<FieldError> {
    let is_twin = |(at, part): (usize, &Part)| {
        parts.iter().take(at).any(|other| (other.kind, &other.name) == (part.kind, &part.name))
    };
    let detail = "Two of a kind have the same name.";
    parts.iter().enumerate().any(is_twin).then(|| fault("pack", "validator.unique", detail))
}

impl Kind {
    /// Where the pack has its parts of this kind.
    pub fn place(self) -> &'static str {
        match self {
            Self::Role => "roles",
            Self::Action => "actions",
            Self::CronJob => "cronJobs",
        }
    }
}
