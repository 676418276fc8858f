//! What an action can do: the handlers, and the configuration of each.

use std::time::Duration;

use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::claims;
use crate::base::WebhookId;
use crate::permissions::known::{PERMISSION_MANAGE, USER_LIST, USER_MANAGE};
use crate::triggers::catalogue::is_own;

/// Characters of a reason.
const REASON: usize = 200;
/// Seconds that a trigger may wait. What it follows from is kept for longer, and says what may follow.
const LATEST: u64 = 28 * 24 * 3600;
/// Characters of what is said in a chat.
const SAID: usize = 2000;

crate::choice! {
    Kind {
        AddClaims = "addClaims",
        Ask = "ask",
        AssignRole = "assignRole",
        Chat = "chat",
        Deny = "deny",
        DisableUser = "disableUser",
        EndSessions = "endSessions",
        Mail = "mail",
        TakeRole = "takeRole",
        Throw = "throw",
        ThrowLater = "throwLater",
        Webhook = "webhook",
    }
}

/// A handler with its configuration read.
#[derive(Debug, PartialEq)]
pub enum Doing {
    AssignRole(String),
    TakeRole(String),
    EndSessions,
    DisableUser,
    Throw(String, Value),
    ThrowLater(Duration, String, Value),
    Webhook(WebhookId),
    Chat(WebhookId, String),
    /// Says no, in the tenant's words or in ours.
    Deny(Option<String>),
    Ask(Asked),
    AddClaims(Map<String, Value>),
    Mail(Notice),
}

impl Doing {
    /// Whom it has to know.
    pub fn webhook(&self) -> Option<WebhookId> {
        match self {
            Self::Ask(asked) => Some(asked.webhook),
            Self::Webhook(webhook) | Self::Chat(webhook, _) => Some(*webhook),
            _ => None,
        }
    }

    /// Whether it decides what stands in tokens, which a tenant's backends take for rights.
    pub fn adds_claims(&self) -> bool {
        match self {
            Self::AddClaims(_) => true,
            Self::Ask(asked) => !asked.claims.is_empty(),
            _ => false,
        }
    }
}

/// A mail in the tenant's own words. `{{user.name}}` stands for what is told of what happened.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// `person`: whom it concerns. `role:admin`: everybody who has that role, 20 at most.
    #[schemars(length(max = 70), regex(pattern = r"^(person|role:.+)$"))]
    pub to: String,
    #[schemars(length(min = 1, max = 120))]
    pub subject: String,
    /// Lines of at most 250 characters.
    #[schemars(length(min = 1, max = 4000))]
    pub text: String,
}

impl Notice {
    /// The role whose holders get it, unless it goes to the person.
    pub fn role(&self) -> Option<&str> {
        self.to.strip_prefix("role:")
    }

    fn is_well(&self) -> bool {
        let to = self.to == "person" || self.role().is_some_and(|role| !role.is_empty() && role.len() <= 64);
        let (subject, text) = (self.subject.chars().count(), self.text.chars().count());
        to && (1..=120).contains(&subject)
            && (1..=4000).contains(&text)
            && self.text.lines().all(|line| line.chars().count() <= 250)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum IfUnanswered {
    #[default]
    Deny,
    Allow,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Denial {
    /// Shown to whoever is refused.
    #[schemars(length(min = 1, max = 200))]
    reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "WhomToAsk")]
pub struct Asked {
    /// A webhook of this tenant, whatever it listens to. It answers `{"allow": true}`, or `{"allow": false, "reason": "…"}`.
    pub webhook: WebhookId,
    /// What counts when it gives no such answer within three seconds.
    #[serde(default)]
    pub if_unanswered: IfUnanswered,
    /// Where a token is about to be given: the claims that it may add, by `{"allow": true, "claims": {…}}`. Others are left out.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub claims: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Claims {
    /// By their names: each a value, or a rule in JSON Logic that is asked of what happens.
    claims: Map<String, Value>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhichRole {
    /// The role's identifier.
    #[schemars(length(min = 1, max = 64))]
    role: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Thrown {
    /// A trigger of your own: it begins with `x.`.
    #[schemars(length(max = 100), regex(pattern = r"^x(\.[A-Za-z0-9_-]+)+$"))]
    trigger: String,
    /// Told with it, beside whom it concerns.
    #[serde(default)]
    data: serde_json::Map<String, Value>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ThrownLater {
    /// Seconds from now; 28 days at most.
    #[schemars(range(min = 1, max = 2_419_200))]
    after: u64,
    /// A trigger of your own: it begins with `x.`.
    #[schemars(length(max = 100), regex(pattern = r"^x(\.[A-Za-z0-9_-]+)+$"))]
    trigger: String,
    /// Told with it, beside whom it concerns.
    #[serde(default)]
    data: Map<String, Value>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhichWebhook {
    /// A webhook of this tenant, whatever it listens to.
    webhook: WebhookId,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Said {
    /// A webhook of this tenant at the address that the chat gave for incoming messages.
    webhook: WebhookId,
    /// What is said there; `{{user.name}}` stands for what is told of what happened.
    #[schemars(length(min = 1, max = 2000))]
    text: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Kind {
    pub fn about(self) -> &'static str {
        match self {
            Self::Ask => "Before it is done: asks a webhook whether it may be.",
            Self::AddClaims => "Before a token is given: adds claims to it, below `ext`.",
            Self::Deny => "Before it is done: says no where the conditions hold.",
            Self::AssignRole => "Gives the person whom it concerns a role.",
            Self::Chat => "Says something in a chat (Slack, Mattermost, Teams), by a webhook of yours.",
            Self::DisableUser => "Switches the person's account off and ends their sessions.",
            Self::EndSessions => "Ends the person's sessions in this tenant.",
            Self::Mail => "Mails the person, or those who have a role, in your own words.",
            Self::TakeRole => "Takes a role from the person whom it concerns.",
            Self::Throw => "Throws a trigger of your own, to which other actions listen.",
            Self::ThrowLater => "Throws a trigger of your own after a while, if the action is still there.",
            Self::Webhook => "Tells a webhook of yours of what happened, whatever that listens to.",
        }
    }

    /// What the role that the action runs as has to hold.
    pub fn needs(self) -> Option<&'static str> {
        match self {
            Self::AssignRole | Self::TakeRole => Some(PERMISSION_MANAGE),
            Self::DisableUser | Self::EndSessions => Some(USER_MANAGE),
            Self::Mail => Some(USER_LIST),
            Self::Throw | Self::ThrowLater | Self::Webhook | Self::Chat => None,
            Self::Ask | Self::Deny | Self::AddClaims => None,
        }
    }

    /// Whether it is for what is not done yet.
    pub fn is_before(self) -> bool {
        matches!(self, Self::Ask | Self::Deny | Self::AddClaims)
    }

    /// JSON Schema of its configuration.
    pub fn schema(self) -> Value {
        let generator = SchemaGenerator::default();
        let schema = match self {
            Self::AssignRole | Self::TakeRole => generator.into_root_schema_for::<WhichRole>(),
            Self::DisableUser | Self::EndSessions => generator.into_root_schema_for::<Nothing>(),
            Self::Throw => generator.into_root_schema_for::<Thrown>(),
            Self::ThrowLater => generator.into_root_schema_for::<ThrownLater>(),
            Self::Webhook => generator.into_root_schema_for::<WhichWebhook>(),
            Self::Chat => generator.into_root_schema_for::<Said>(),
            Self::Mail => generator.into_root_schema_for::<Notice>(),
            Self::Ask => generator.into_root_schema_for::<Asked>(),
            Self::AddClaims => generator.into_root_schema_for::<Claims>(),
            Self::Deny => generator.into_root_schema_for::<Denial>(),
        };
        schema.to_value()
    }

    /// What is wrong with a configuration, in words, or what it means.
    pub fn read(self, configuration: &Value) -> Result<Doing, String> {
        Ok(match self {
            Self::AssignRole => Doing::AssignRole(shaped::<WhichRole>(configuration)?.role),
            Self::TakeRole => Doing::TakeRole(shaped::<WhichRole>(configuration)?.role),
            Self::DisableUser => shaped::<Nothing>(configuration).map(|_| Doing::DisableUser)?,
            Self::EndSessions => shaped::<Nothing>(configuration).map(|_| Doing::EndSessions)?,
            Self::Mail => Doing::Mail(notice(configuration)?),
            Self::Ask => {
                let asked: Asked = shaped(configuration)?;
                claims::are_names(asked.claims.iter())?;
                Doing::Ask(asked)
            }
            Self::AddClaims => {
                let Claims { claims } = shaped(configuration)?;
                claims::are_rules(&claims)?;
                Doing::AddClaims(claims)
            }
            Self::Deny => {
                let Denial { reason } = shaped(configuration)?;
                if reason.as_deref().is_some_and(|reason| !is_sentence(reason)) {
                    return Err("A reason is one line of 1 to 200 characters.".into());
                }
                Doing::Deny(reason)
            }
            Self::Throw => {
                let Thrown { trigger, data } = shaped(configuration)?;
                Doing::Throw(own(trigger)?, json!(data))
            }
            Self::ThrowLater => later(configuration)?,
            Self::Webhook => Doing::Webhook(shaped::<WhichWebhook>(configuration)?.webhook),
            Self::Chat => chat(configuration)?,
        })
    }
}

fn notice(configuration: &Value) -> Result<Notice, String> {
    let notice: Notice = shaped(configuration)?;
    if notice.is_well() {
        return Ok(notice);
    }
    Err("`to` is `person` or `role:IDENTIFIER`; a subject has 120 characters at most, a text 4,000, and each of its lines 250."
        .into())
}

fn later(configuration: &Value) -> Result<Doing, String> {
    let ThrownLater { after, trigger, data } = shaped(configuration)?;
    if !(1..=LATEST).contains(&after) {
        return Err("`after` is a number of seconds, 28 days (2,419,200) at most.".into());
    }
    Ok(Doing::ThrowLater(Duration::from_secs(after), own(trigger)?, json!(data)))
}

fn chat(configuration: &Value) -> Result<Doing, String> {
    let Said { webhook, text } = shaped(configuration)?;
    if text.trim().is_empty() || text.chars().count() > SAID {
        return Err("A text of 1 to 2,000 characters.".into());
    }
    Ok(Doing::Chat(webhook, text))
}

fn own(trigger: String) -> Result<String, String> {
    if is_own(&trigger) {
        Ok(trigger)
    } else {
        Err("A trigger of your own begins with `x.`: `x.welcome`.".into())
    }
}

/// What may be shown to a stranger as the reason.
pub fn is_sentence(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= REASON && !text.chars().any(char::is_control)
}

fn shaped<T: DeserializeOwned>(configuration: &Value) -> Result<T, String> {
    // What serde says of it names our types, and what was sent.
    T::deserialize(configuration)
        .map_err(|_| "This is not what the handler takes; GET /action-handlers gives its schema.".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_as_its_handler_says() {
        let read = |kind: Kind, configuration: Value| kind.read(&configuration);

        assert_eq!(read(Kind::AssignRole, json!({ "role": "guest" })), Ok(Doing::AssignRole("guest".into())));
        assert_eq!(read(Kind::EndSessions, json!({})), Ok(Doing::EndSessions));
        assert!(read(Kind::AssignRole, json!({})).is_err());
        assert!(read(Kind::AssignRole, json!({ "role": 1 })).is_err());
        assert!(read(Kind::EndSessions, json!({ "all": true })).is_err());
        assert!(read(Kind::Throw, json!({ "trigger": "doorward.user.post.create" })).is_err());
        assert!(read(Kind::ThrowLater, json!({ "after": 0, "trigger": "x.later" })).is_err());
        assert!(read(Kind::ThrowLater, json!({ "after": LATEST + 1, "trigger": "x.later" })).is_err());
        assert!(
            read(Kind::ThrowLater, json!({ "after": LATEST, "trigger": "doorward.user.post.create" }))
                .is_err()
        );
        assert!(read(Kind::Chat, json!({ "webhook": WebhookId::new(), "text": " " })).is_err());
    }

    #[test]
    fn every_handler_says_what_it_takes() {
        for kind in Kind::ALL {
            assert_eq!(kind.schema()["type"], "object", "{kind:?}");
            assert!(!kind.about().is_empty());
        }
    }
}
