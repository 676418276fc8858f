//! What is shown of people.

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::{SessionId, Timestamp, UserId};
use crate::identity::{LoginType, Next};
use crate::permissions::answers::RoleShown;

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSummary {
    pub id: UserId,
    pub name: Option<String>,
    pub locale: Option<String>,
    /// The person's own to edit.
    pub profile: serde_json::Value,
    pub last_login: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_login: Option<PasswordLoginShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous_login: Option<AnonymousLoginShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digid_login: Option<DigidLoginShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keycloak_login: Option<KeycloakLoginShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totp_provider: Option<TotpShown>,
    /// Sorted by identifier.
    pub roles: Vec<RoleShown>,
    /// Of all roles in this tenant, sorted, each once.
    pub permissions: Vec<String>,
    pub is_active: bool,
    pub created_at: Timestamp,
    /// When they were switched off or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasswordLoginShown {
    pub email: String,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otp_enabled_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnonymousLoginShown {
    pub is_allowed_to_login: bool,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DigidLoginShown {
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeycloakLoginShown {
    pub email: Option<String>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TotpShown {
    pub enabled_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Me {
    pub session: MySession,
    pub user: UserSummary,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MySession {
    /// Always `user`: a login that still needs a factor is no session.
    pub r#type: &'static str,
    pub login_type: LoginType,
    pub next: Option<Next>,
    pub session_id: SessionId,
    pub user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonator_user_id: Option<UserId>,
    /// When they last showed who they are.
    pub authenticated_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Users {
    pub users: Vec<UserSummary>,
    /// Send it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct OneUser {
    pub user: UserSummary,
}
