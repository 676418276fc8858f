//! What happens to people: they look at themselves and edit what is theirs; admins list, rename, switch off and on.

mod admin;
mod own;

pub use admin::{Found, end_membership, end_session, list, set_active, show, start_reset, update};
pub use own::{edit_me, me};

crate::refusals! {
    UNKNOWN_USER = 404 "auth.getUser.invalidUser" "This tenant has no such user.";
    NOT_AT_HOME = 403 "auth.user.notAtHome" "This account belongs to another tenant, whose admins manage it.";
    AT_HOME = 409 "users.endMembership.atHome" "Whoever is at home here belongs here. Switch the account off instead.";
    LAST_ADMIN = 409 "auth.setUserActive.lastAdmin" "This is the tenant's last active admin.";
    NO_PASSWORD_LOGIN = 409 "auth.user.noPasswordLogin" "This user does not log in with a password.";
    NOT_YOURS_TO_EDIT = 403 "auth.requireUser.incorrectLoginType" "Log in at your home tenant, as yourself, to change this.";
}
