//! `/auth/permission`: roles and permissions as the original's clients know them, and the question whether somebody may.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::{OneRole, Permissions, Rights, Roles, Verdict};
use super::events::{
    self, DUPLICATE_IDENTIFIER, HAS_ROLE, HOLDS_MORE, LAST_ADMIN, MAY_NOT_GRANT, NOT_ASSIGNED, NOT_EDITABLE,
    ROLE_NOT_ASSIGNED, TOO_MANY_ROLES, UNKNOWN_PERMISSION, UNKNOWN_ROLE, UNKNOWN_USER,
};
use super::known::PERMISSION_MANAGE;
use crate::base::error::INVALID;
use crate::base::identifier::is_role;
use crate::base::{FieldError, Result, RoleId, UserId};
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, Method, Nothing, Route, SUCCESS, Scope, Success};

const MANAGES: Access = Access::Permission(PERMISSION_MANAGE);
/// Of one request.
const PERMISSIONS: usize = 500;

pub fn routes() -> Vec<Route> {
    let mut all = of_roles();
    all.extend(of_people());
    all
}

fn of_roles() -> Vec<Route> {
    let edits = [&UNKNOWN_ROLE, &NOT_EDITABLE, &MAY_NOT_GRANT, &DENIED, &UNANSWERED];
    vec![
        Route::new(Method::Get, "/auth/permission/permission/list", MANAGES, list_permissions)
            .named("permissions.list_permissions", "Every permission that this server knows.")
            .original(),
        Route::new(Method::Get, "/auth/permission/role/list", MANAGES, list_roles)
            .named("permissions.list_roles", "The tenant's roles, and what each holds.")
            .original(),
        Route::new(Method::Post, "/auth/permission/role", MANAGES, create_role)
            .named("permissions.create_role", "Make a role of the tenant's own. It holds nothing yet.")
            .refuses(&[&DUPLICATE_IDENTIFIER, &TOO_MANY_ROLES, &DENIED, &UNANSWERED])
            .original(),
        Route::new(Method::Delete, "/auth/permission/role/{role}", MANAGES, delete_role)
            .named("permissions.delete_role", "Delete a role. Whoever had it loses what it held, at once.")
            .refuses(&edits)
            .original(),
        Route::new(Method::Post, "/auth/permission/role/{role}/add-permissions", MANAGES, add_permissions)
            .named(
                "permissions.add_permissions",
                "Put permissions into a role: only such as you hold, and only into a role that holds no more than you.",
            )
            .refuses(&edits)
            .refuses(&[&UNKNOWN_PERMISSION])
            .original(),
        Route::new(
            Method::Post,
            "/auth/permission/role/{role}/remove-permissions",
            MANAGES,
            remove_permissions,
        )
        .named("permissions.remove_permissions", "Take permissions out of a role: all that you name, or none.")
        .refuses(&edits)
        .refuses(&[&UNKNOWN_PERMISSION, &NOT_ASSIGNED])
        .original(),
    ]
}

fn of_people() -> Vec<Route> {
    let grants = [&UNKNOWN_USER, &UNKNOWN_ROLE, &MAY_NOT_GRANT, &HOLDS_MORE];
    vec![
        Route::new(Method::Get, "/auth/permission/summary", Access::Session, summary)
            .named("permissions.summary", "Your roles and permissions in this tenant.")
            .original(),
        Route::new(Method::Get, "/auth/permission/check", Access::Session, check)
            .named("permissions.check", "Whether you hold a permission here, and if you ask, why.")
            .refuses(&[&UNKNOWN_PERMISSION]),
        Route::new(Method::Get, "/auth/permission/user/{user}/summary", MANAGES, user_summary)
            .named("permissions.user_summary", "Somebody's roles and permissions in this tenant.")
            .refuses(&[&UNKNOWN_USER])
            .original(),
        Route::new(Method::Get, "/auth/permission/user/{user}/check", MANAGES, check_user)
            .named("permissions.check_user", "Whether somebody holds a permission here, and why.")
            .refuses(&[&UNKNOWN_USER, &UNKNOWN_PERMISSION]),
        Route::new(Method::Post, "/auth/permission/user/{user}/assign-role", MANAGES, assign_role)
            .named("permissions.assign_role", "Give somebody a role that holds no more than you do.")
            .refuses(&grants)
            .refuses(&[&HAS_ROLE])
            .refuses(&[&DENIED, &UNANSWERED])
            .original(),
        Route::new(Method::Post, "/auth/permission/user/{user}/remove-role", MANAGES, remove_role)
            .named("permissions.remove_role", "Take a role from somebody. The last admin stays.")
            .refuses(&grants)
            .refuses(&[&ROLE_NOT_ASSIGNED, &LAST_ADMIN])
            .original(),
    ]
}

async fn list_permissions(scope: Scope, _: Nothing) -> Result<Permissions> {
    Ok(Permissions { permissions: events::list_permissions(&scope).await? })
}

async fn list_roles(scope: Scope, _: Nothing) -> Result<Roles> {
    Ok(Roles { roles: events::list_roles(&scope).await? })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRole {
    /// 1 to 64 of `a-z`, `0-9`, `-`, `_`, `.` and `:`; a letter or digit first.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z0-9][a-z0-9._:-]*$"))]
    identifier: String,
}

impl CreateRole {
    pub(super) fn identifier(self) -> Result<String> {
        if is_role(&self.identifier) {
            return Ok(self.identifier);
        }
        let detail = "1 to 64 of a-z, 0-9, -, _, . and :, a letter or digit first.";
        Err(INVALID.with(vec![FieldError::new("$.identifier", "validator.pattern", detail)]))
    }
}

async fn create_role(scope: Scope, body: CreateRole) -> Result<OneRole> {
    Ok(OneRole { role: events::create_role(&scope, body.identifier()?).await? })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichRole {
    role: RoleId,
}

async fn delete_role(scope: Scope, which: WhichRole) -> Result<Success> {
    events::delete_role(&scope, which.role).await?;
    Ok(SUCCESS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RoleAndPermissions")]
pub struct Contents {
    role: RoleId,
    /// Identifiers, each once.
    #[schemars(length(min = 1, max = 500))]
    permissions: Vec<String>,
}

async fn add_permissions(scope: Scope, body: Contents) -> Result<Success> {
    let Contents { role, permissions } = few(body)?;
    events::add_permissions(&scope, role, permissions).await?;
    Ok(SUCCESS)
}

async fn remove_permissions(scope: Scope, body: Contents) -> Result<Success> {
    let Contents { role, permissions } = few(body)?;
    events::remove_permissions(&scope, role, permissions).await?;
    Ok(SUCCESS)
}

fn few(body: Contents) -> Result<Contents> {
    if body.permissions.len() <= PERMISSIONS {
        return Ok(body);
    }
    let detail = "At most 500 permissions in one request.";
    Err(INVALID.with(vec![FieldError::new("$.permissions", "validator.length", detail)]))
}

async fn summary(scope: Scope, _: Nothing) -> Result<Rights> {
    events::summary(&scope).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PermissionCheck")]
pub struct Check {
    permission: String,
    /// `true`: also by which role, who gave it, and when.
    #[serde(default)]
    why: Why,
}

#[derive(Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    True,
    #[default]
    False,
}

async fn check(scope: Scope, query: Check) -> Result<Verdict> {
    events::check(&scope, query.permission, query.why == Why::True).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OnePerson")]
pub struct Whom {
    user: UserId,
}

async fn user_summary(scope: Scope, whom: Whom) -> Result<Rights> {
    events::user_summary(&scope, whom.user).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckUser {
    user: UserId,
    permission: String,
}

async fn check_user(scope: Scope, query: CheckUser) -> Result<Verdict> {
    events::check_user(&scope, query.user, query.permission).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonAndRole {
    user: UserId,
    role: RoleId,
}

async fn assign_role(scope: Scope, body: PersonAndRole) -> Result<Success> {
    events::assign_role(&scope, body.user, body.role).await?;
    Ok(SUCCESS)
}

async fn remove_role(scope: Scope, body: PersonAndRole) -> Result<Success> {
    events::remove_role(&scope, body.user, body.role).await?;
    Ok(SUCCESS)
}
