//! What admins write of a webhook, checked.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::entity::Webhook;
use crate::base::error::INVALID;
use crate::base::{FieldError, Result};
use crate::components::egress::Egress;
use crate::triggers::catalogue::is_pattern;

const URL: usize = 1000;
const DESCRIPTION: usize = 500;
const LISTENED: usize = 20;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewWebhook {
    /// Whom to tell: https, at port 443 or 8443.
    #[schemars(length(min = 1, max = 1000))]
    pub url: String,
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub description: String,
    /// Triggers, by their names; `*` stands for one word. None where it only serves actions.
    #[schemars(length(max = 20))]
    pub listens: Vec<String>,
    #[serde(default = "yes")]
    pub is_enabled: bool,
}

fn yes() -> bool {
    true
}

/// What is absent stays as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookChange {
    #[schemars(length(min = 1, max = 1000))]
    pub url: Option<String>,
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    #[schemars(length(max = 20))]
    pub listens: Option<Vec<String>>,
    pub is_enabled: Option<bool>,
}

impl WebhookChange {
    /// Which are given.
    pub fn members(&self) -> Vec<&'static str> {
        let members = [
            ("url", self.url.is_some()),
            ("description", self.description.is_some()),
            ("listens", self.listens.is_some()),
            ("isEnabled", self.is_enabled.is_some()),
        ];
        members.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

/// As it is called: what else an address may be written like is not what is shown.
pub fn normal(url: String) -> String {
    url.parse::<Url>().map_or(url, String::from)
}

/// All that is wrong with a webhook, at once. Whether its name means an address that may be called is asked at each sending.
pub fn checked(webhook: &Webhook, egress: &Egress) -> Result<()> {
    let mut wrong = Vec::new();
    let mut fault = |path: &str, key: &'static str, detail: String| {
        wrong.push(FieldError::new(format!("$.{path}"), key, detail));
    };
    match webhook.url.parse::<Url>() {
        Ok(url) if webhook.url.len() <= URL => {
            if let Err(why) = egress.check(&url) {
                fault("url", "validator.forbidden", why.words().to_owned());
            }
        }
        _ => fault("url", "validator.pattern", format!("An address of at most {URL} characters.")),
    }
    if webhook.description.chars().count() > DESCRIPTION {
        fault("description", "validator.length", format!("At most {DESCRIPTION} characters."));
    }
    let listens = &webhook.listens.0;
    if listens.len() > LISTENED {
        fault("listens", "validator.length", format!("At most {LISTENED} triggers."));
    }
    for (at, _) in listens.iter().enumerate().filter(|(_, pattern)| !is_pattern(pattern)).take(LISTENED) {
        let detail = "This can never happen; GET /triggers names what can.";
        fault(&format!("listens[{at}]"), "validator.pattern", detail.to_owned());
    }
    if wrong.is_empty() { Ok(()) } else { Err(INVALID.with(wrong)) }
}
