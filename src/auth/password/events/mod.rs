//! What happens by password: somebody logs in, types a mailed code, changes the password; an operator imports hashes.

mod change;
mod code;
mod import;
mod login;
mod own;

pub use change::{Change, update_password};
pub use code::{VerifyOtp, resend_otp, verify_otp};
pub use import::{AT_ONCE, Imported, Outcome, carry_over, import, known_among};
pub use login::{Login, login};
pub use own::{disable_otp, emails, enable_otp};

crate::refusals! {
    /// Unknown, wrong, switched off, blocked, without a password, of another tenant: nobody learns which.
    WRONG_LOGIN = 401 "authPasswordBased.login.invalidEmailPasswordCombination" "This address and password do not belong together here.";
    NOT_VERIFIED = 403 "authPasswordBased.login.emailNotVerified" "Confirm your address first; the link is in your mail.";
    WRONG_CODE = 401 "authPasswordBased.verifyOtp.invalid" "This code is wrong, used or expired.";
    CODE_NOT_DUE = 403 "authPasswordBased.verifyOtp.notEnabled" "This login does not wait for a mailed code.";
    WRONG_CURRENT = 403 "authPasswordBased.updatePassword.invalidPassword" "The current password is not right.";
    STEP_UP = 403 "auth.requireUser.stepUpRequired" "Send your current password, or log in again: this needs a login of the last ten minutes.";
    NOT_YOURS = 403 "auth.requireUser.incorrectLoginType" "Log in with your password, as yourself, to change this.";
    FACTOR_FIRST = 403 "auth.requireUser.incorrectSessionType" "Another factor comes before the new password.";
}
