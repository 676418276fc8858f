//! What an app says of the device it runs on.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::base::shown::{hides_something, is_unseen};
use crate::base::{SessionId, Timestamp};

crate::choice! {
    Platform { Apple = "apple", Android = "android", Desktop = "desktop", Other = "other" }
}

/// The `device` of a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Device {
    pub platform: Platform,
    #[serde(deserialize_with = "seen_whole")]
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub notification_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_push_information: Option<WebPush>,
}

/// People know their devices by this name alone.
fn seen_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if hides_something(&name) {
        let words = "validator.disallowedCharacters: A name is one line, and nothing in it is invisible.";
        return Err(D::Error::custom(words));
    }
    Ok(name)
}

/// A browser's push subscription (W3C Push API).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebPush {
    pub endpoint: String,
    pub keys: WebPushKeys,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebPushKeys {
    pub p256dh: String,
    pub auth: String,
}

/// How a device can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Push {
    #[schemars(length(min = 1, max = 4096))]
    pub notification_token: Option<String>,
    pub web_push_information: Option<WebPush>,
}

impl Push {
    /// Browsers have a push subscription, phones a token, and anything else whatever it has.
    pub fn fits(&self, platform: Platform) -> bool {
        let (token, web) = (self.notification_token.is_some(), self.web_push_information.is_some());
        match platform {
            Platform::Desktop => web && !token,
            Platform::Apple | Platform::Android => token && !web,
            Platform::Other => true,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub session: SessionId,
    pub at: Timestamp,
}

impl Device {
    /// The longest a list of devices has to show.
    pub fn shown_name(&self) -> String {
        self.name.chars().filter(|c| !is_unseen(*c)).take(200).collect()
    }
}
