//! The mails, one struct for each folder of `mail-templates/`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::components::line::{Code, Line, Link};

/// Somebody signed up with this address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VerifyAddress {
    pub link: Link,
    pub code: Code,
    pub link_valid: Duration,
    pub code_valid: Duration,
}

/// Somebody signed up with the address of an account that exists: only its owner may learn that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlreadyHaveAccount {
    /// A way in for who forgot; none where no password opens the account.
    pub reset: Option<Link>,
    #[serde(default)]
    pub link_valid: Duration,
}

/// Somebody guessed at the password so often that further logins wait.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginsHeld {
    pub at: Timestamp,
    pub link: Link,
    pub link_valid: Duration,
}

/// Somebody asked for a new password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResetPassword {
    pub link: Link,
    pub code: Code,
    pub link_valid: Duration,
    pub code_valid: Duration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PasswordChanged {
    pub at: Timestamp,
    pub device: Option<Line>,
}

/// To the new address, before it counts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConfirmEmail {
    pub link: Link,
    pub code: Code,
    pub link_valid: Duration,
    pub code_valid: Duration,
}

/// To the old address, after it was replaced: its owner can still take the change back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EmailChanged {
    pub new_address: Line,
    pub at: Timestamp,
    pub undo: Link,
    pub undo_valid: Duration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginCode {
    pub code: Code,
    pub code_valid: Duration,
}

/// A refresh token was used twice, so one of the two users stole it; the session is over for both.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RefreshReused {
    pub at: Timestamp,
    pub device: Option<Line>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewDevice {
    pub at: Timestamp,
    pub device: Option<Line>,
    pub address: Option<Line>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitation {
    pub link: Link,
    pub link_valid: Duration,
    pub inviter: Option<Line>,
}

/// The first person of a new tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OwnerInvitation {
    pub link: Link,
    pub link_valid: Duration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountDisabled {
    pub at: Timestamp,
}

/// In a tenant's own words, from one of its actions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Notice {
    pub subject: Line,
    /// An empty one stands between paragraphs.
    pub lines: Vec<Line>,
}

/// Declares the sum of all mails, each with its folder.
macro_rules! messages {
    ($($folder:literal => $name:ident,)*) => {
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(tag = "mail", content = "values")]
        pub enum Message {
            $(#[serde(rename = $folder)] $name($name),)*
        }

        $(impl From<$name> for Message {
            fn from(message: $name) -> Self {
                Self::$name(message)
            }
        })*

        impl Message {
            pub const NAMES: &[&str] = &[$($folder),*];

            /// The folder of its templates, `room/name`.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $folder,)* }
            }

            pub(super) fn values(&self) -> minijinja::Value {
                match self { $(Self::$name(message) => $crate::components::templates::value(message),)* }
            }
        }
    };
}

messages! {
    "password/verify_address" => VerifyAddress,
    "password/already_have_account" => AlreadyHaveAccount,
    "password/logins_held" => LoginsHeld,
    "password/reset_password" => ResetPassword,
    "password/password_changed" => PasswordChanged,
    "users/confirm_email" => ConfirmEmail,
    "users/email_changed" => EmailChanged,
    "users/account_disabled" => AccountDisabled,
    "sessions/login_code" => LoginCode,
    "sessions/refresh_reused" => RefreshReused,
    "sessions/new_device" => NewDevice,
    "tenancy/invitation" => Invitation,
    "tenancy/owner_invitation" => OwnerInvitation,
    "actions/notice" => Notice,
}

impl Message {
    /// Where its buttons lead, told from the message itself: no test and no inbox has to dig in the HTML.
    pub fn links(&self) -> Vec<&Link> {
        match self {
            Self::VerifyAddress(m) => vec![&m.link],
            Self::AlreadyHaveAccount(m) => m.reset.iter().collect(),
            Self::LoginsHeld(m) => vec![&m.link],
            Self::ResetPassword(m) => vec![&m.link],
            Self::ConfirmEmail(m) => vec![&m.link],
            Self::EmailChanged(m) => vec![&m.undo],
            Self::Invitation(m) => vec![&m.link],
            Self::OwnerInvitation(m) => vec![&m.link],
            Self::PasswordChanged(_) | Self::AccountDisabled(_) | Self::LoginCode(_) => Vec::new(),
            Self::RefreshReused(_) | Self::NewDevice(_) | Self::Notice(_) => Vec::new(),
        }
    }

    pub fn code(&self) -> Option<&Code> {
        match self {
            Self::VerifyAddress(m) => Some(&m.code),
            Self::ResetPassword(m) => Some(&m.code),
            Self::ConfirmEmail(m) => Some(&m.code),
            Self::LoginCode(m) => Some(&m.code),
            _ => None,
        }
    }
}
