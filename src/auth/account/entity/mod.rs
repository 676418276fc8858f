//! What this room keeps: password logins and the addresses that mean them, sign-ups, invitations.

pub mod invitation;
pub mod login;
pub mod sign_up;

pub use invitation::Invitation;
pub use login::Login;
pub use sign_up::SignUpRow;
