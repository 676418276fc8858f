//! What is shown of roles and permissions.

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::{PermissionId, RoleId, Timestamp, UserId};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct RoleShown {
    pub identifier: String,
    pub id: RoleId,
}

/// What somebody may do in this tenant, and by which roles.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rights {
    /// Sorted by identifier.
    pub roles: Vec<RoleShown>,
    /// Of all these roles, sorted, each once.
    pub permissions: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Permission")]
pub struct PermissionShown {
    pub id: PermissionId,
    /// `area:thing:verb`.
    pub identifier: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Permissions {
    /// Sorted by identifier.
    pub permissions: Vec<PermissionShown>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedRole {
    pub id: RoleId,
    pub identifier: String,
    /// False for the roles that every tenant has.
    pub is_editable: bool,
    /// Sorted.
    pub permissions: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Roles {
    /// Sorted by identifier.
    pub roles: Vec<ListedRole>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct OneRole {
    pub role: RoleShown,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Verdict {
    pub permission: String,
    pub allowed: bool,
    /// Each role that allows it. Absent unless it was asked for; empty where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Vec<Reason>>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    pub role: RoleShown,
    /// Who gave them the role. Null: an operator, or the server by an invitation or a file.
    pub granted_by: Option<UserId>,
    pub granted_at: Timestamp,
}
