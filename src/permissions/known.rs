//! The permissions that this program knows. `area:thing:verb`; none is ever deleted by a start.

pub const USER_LIST: &str = "auth:user:list";
pub const USER_MANAGE: &str = "auth:user:manage";
pub const PERMISSION_MANAGE: &str = "auth:permission:manage";
pub const TOTP_MANAGE: &str = "auth:totp:manage";
pub const OPENID_USER_CREATE: &str = "auth:keycloak:user:create";
pub const INVITATION_MANAGE: &str = "auth:invitation:manage";
pub const AUDIT_READ: &str = "tenant:audit:read";
pub const ACTION_MANAGE: &str = "tenant:action:manage";
pub const WEBHOOK_MANAGE: &str = "tenant:webhook:manage";
pub const CRONJOB_MANAGE: &str = "tenant:cronjob:manage";
pub const JOB_MANAGE: &str = "tenant:job:manage";
pub const PACK_MANAGE: &str = "tenant:pack:manage";

/// What the mandatory role `admin` of every tenant holds.
pub const OF_ADMIN: &[&str] = &[
    USER_LIST,
    USER_MANAGE,
    PERMISSION_MANAGE,
    TOTP_MANAGE,
    OPENID_USER_CREATE,
    INVITATION_MANAGE,
    AUDIT_READ,
    ACTION_MANAGE,
    WEBHOOK_MANAGE,
    CRONJOB_MANAGE,
    JOB_MANAGE,
    PACK_MANAGE,
];

pub use crate::base::identifier::ADMIN;
