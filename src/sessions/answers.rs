//! What logins and the session routes answer.

use schemars::JsonSchema;
use serde::Serialize;

use super::device::Platform;
use crate::base::{ProofRequestId, SessionId, Timestamp};
use crate::identity::{LoginType, Next};

/// The answer to every login and refresh.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenPair {
    pub access_token: String,
    /// Browsers get theirs as a cookie instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Seconds that the access token lives.
    pub expires_in: u64,
    /// When the session ends if it is not refreshed. Absent while a factor is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_expires_at: Option<Timestamp>,
    pub session: SessionState,
    /// Send it with the next login from this device, so that strangers' guesses cannot keep you out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_device: Option<String>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionState {
    /// `user`, or `checkTwoStep` and `passwordBasedUpdatePassword` while `next` says what is due.
    pub r#type: &'static str,
    pub login_type: LoginType,
    /// The factor that is still due, if any.
    pub next: Option<Next>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// To be sent with the code that was mailed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<ProofRequestId>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Sessions {
    pub sessions: Vec<Listed>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ListedSession")]
pub struct Listed {
    pub session_id: SessionId,
    pub is_current_session: bool,
    pub login_type: LoginType,
    pub created_at: Timestamp,
    /// To the minute.
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<ListedDevice>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct ListedDevice {
    pub name: String,
    pub platform: Platform,
}
