//! What happens to rights: roles are made, filled, emptied and deleted; people get them and lose them.

mod people;
mod roles;

pub use people::{assign_role, check, check_user, remove_role, summary, user_summary};
pub use roles::{
    add_permissions, create_role, delete_role, list_permissions, list_roles, remove_permissions,
};

crate::refusals! {
    HOLDS_MORE = 403 "auth.user.holdsMore" "This user holds permissions that you do not.";
    MAY_NOT_GRANT = 403 "authPermission.mayNotGrant" "This role, or what you want to put into it, holds permissions that you do not.";
    UNKNOWN_USER = 404 "authPermission.requireUser.invalidUser" "This tenant has no such user.";
    UNKNOWN_ROLE = 404 "authPermission.requireRole.unknownRole" "This tenant has no such role.";
    NOT_EDITABLE = 409 "authPermission.requireRole.notEditable" "Every tenant has this role; it can be given and taken, but not changed or deleted.";
    DUPLICATE_IDENTIFIER = 409 "authPermission.createRole.duplicateIdentifier" "This tenant has a role of this name.";
    TOO_MANY_ROLES = 409 "authPermission.createRole.tooMany" "A tenant has at most 200 roles. Delete one that nobody needs.";
    UNKNOWN_PERMISSION = 422 "authPermission.roleAddPermissions.unknownPermission" "Send one or more permissions that this server knows, each once; GET /auth/permission/permission/list names them.";
    NOT_ASSIGNED = 409 "authPermission.roleRemovePermissions.permissionNotAssigned" "The role does not hold this permission.";
    HAS_ROLE = 409 "authPermission.userAssignRole.userHasRole" "This user has the role already.";
    ROLE_NOT_ASSIGNED = 409 "authPermission.userRemoveRole.roleNotAssigned" "This user does not have the role.";
    LAST_ADMIN = 409 "authPermission.userRemoveRole.lastAdmin" "This is the tenant's last active admin. Give the role to somebody else first.";
}
