//! What admins write of an inbound webhook, checked.

use schemars::JsonSchema;
use serde::Deserialize;

use super::entity::{Inbound, Scheme};
use super::signing;
use crate::base::error::INVALID;
use crate::base::{FieldError, Result};
use crate::triggers::catalogue::is_own;

const NAME: usize = 80;
const DESCRIPTION: usize = 500;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewInbound {
    /// What it is called; one of a tenant's has each name.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub description: String,
    #[serde(default)]
    pub scheme: Scheme,
    /// A trigger of your own, which each message throws: it begins with `x.`.
    #[schemars(length(max = 100), regex(pattern = r"^x(\.[A-Za-z0-9_-]+)+$"))]
    pub trigger: String,
    /// By what the sender signs. Without one, one is made.
    #[schemars(length(min = 16, max = 200))]
    pub secret: Option<String>,
    #[serde(default = "yes")]
    pub is_enabled: bool,
}

fn yes() -> bool {
    true
}

/// What is absent stays as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboundChange {
    #[schemars(length(min = 1, max = 80))]
    pub name: Option<String>,
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    pub scheme: Option<Scheme>,
    #[schemars(length(max = 100), regex(pattern = r"^x(\.[A-Za-z0-9_-]+)+$"))]
    pub trigger: Option<String>,
    /// By what the sender signs from now on.
    #[schemars(length(min = 16, max = 200))]
    pub secret: Option<String>,
    pub is_enabled: Option<bool>,
}

impl InboundChange {
    /// Which are given.
    pub fn members(&self) -> Vec<&'static str> {
        let members = [
            ("name", self.name.is_some()),
            ("description", self.description.is_some()),
            ("scheme", self.scheme.is_some()),
            ("trigger", self.trigger.is_some()),
            ("secret", self.secret.is_some()),
            ("isEnabled", self.is_enabled.is_some()),
        ];
        members.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

/// All that is wrong with it, at once.
pub fn checked(inbound: &Inbound, secret: &str) -> Result<()> {
    let mut wrong = Vec::new();
    let mut fault = |path: &str, key: &'static str, detail: String| {
        wrong.push(FieldError::new(format!("$.{path}"), key, detail));
    };
    let is_line = |text: &str| text.trim() == text && !text.chars().any(char::is_control);
    if inbound.name.is_empty() || inbound.name.chars().count() > NAME || !is_line(&inbound.name) {
        fault("name", "validator.length", format!("One line of 1 to {NAME} characters."));
    }
    if inbound.description.chars().count() > DESCRIPTION {
        fault("description", "validator.length", format!("At most {DESCRIPTION} characters."));
    }
    if !is_own(&inbound.trigger_name) {
        fault("trigger", "validator.pattern", "A trigger of your own begins with `x.`: `x.paid`.".into());
    }
    if let Err(why) = signing::check(inbound.scheme, secret) {
        fault("secret", "validator.pattern", why.into());
    }
    if wrong.is_empty() { Ok(()) } else { Err(INVALID.with(wrong)) }
}
