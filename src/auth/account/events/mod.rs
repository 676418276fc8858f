//! What happens to an account before and beside its logins.

pub mod address;
pub mod asking;
pub mod invitation;
mod redeeming;
pub mod reset;
pub mod verify;

crate::refusals! {
    SIGN_UP_CLOSED = 403 "authPasswordBased.signUp.closed" "Nobody can sign up here by themselves. Ask the organisation for an invitation.";
    MAIL_CLOSED = 403 "authPasswordBased.mail.closed" "This server sends no mail, so nothing can be proven by mail.";
    INVALID_VERIFY_TOKEN = 401 "authPasswordBased.verifyEmail.invalidVerifyToken" "This link or code does not confirm an address. It is wrong, used or expired; ask for a new one.";
    INVALID_RESET_TOKEN = 401 "authPasswordBased.resetPassword.invalidResetToken" "This link or code does not set a password. It is wrong, used or expired; ask for a new one.";
    INVALID_CONFIRM_TOKEN = 401 "authPasswordBased.confirmEmail.invalidToken" "This link or code does not confirm a new address. It is wrong, used or expired; change the address again.";
    INVALID_UNDO_TOKEN = 401 "authPasswordBased.undoEmail.invalidToken" "This link does not take a change back. It is wrong, used or expired.";
    PASSWORD_REQUIRED = 403 "authPasswordBased.updateEmail.passwordRequired" "Send the current password too, or log in again: your login is older than ten minutes.";
    WRONG_PASSWORD = 401 "authPasswordBased.updateEmail.invalidPassword" "The current password is not right.";
    NOT_AT_HOME = 403 "authPasswordBased.account.notAtHome" "Only your own login at your home tenant changes your account.";
    INVALID_INVITATION = 401 "authInvitation.accept.invalidToken" "This invitation does not work. It is wrong, used, revoked or expired; ask for a new one.";
    SIGN_IN_FIRST = 401 "authInvitation.accept.signInRequired" "You already have an account with this address. Log in, and accept with that login.";
    ANOTHER_PERSON = 403 "authInvitation.accept.anotherPerson" "The invitation is for another address than the one of your login.";
    MAY_NOT_GRANT = 403 "authInvitation.create.mayNotGrant" "You can give only roles whose permissions you hold yourself.";
    UNKNOWN_INVITATION = 404 "authInvitation.revoke.unknown" "There is no open invitation with this id.";
}
