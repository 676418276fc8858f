//! One sample of each mail, for previews.

use std::time::Duration;

use super::messages::*;
use crate::base::Timestamp;
use crate::components::line::{Code, Line, Link};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const LINK_VALID: Duration = Duration::from_secs(30 * MINUTE);
const CODE_VALID: Duration = Duration::from_secs(10 * MINUTE);
const INVITATION_VALID: Duration = Duration::from_secs(7 * 24 * HOUR);
/// 22 November 2026, 14:03 UTC.
const AT: Timestamp = Timestamp(1_795_356_180_000_000);

/// Every mail once, in the order of `Message::NAMES`.
pub fn all() -> Vec<Message> {
    // Both parse: the values are constants, and a test counts what came out.
    link("verify").zip(Code::parse("40718263")).map(|(link, code)| with(&link, &code)).unwrap_or_default()
}

pub fn named(name: &str) -> Option<Message> {
    all().into_iter().find(|message| message.name() == name)
}

fn link(page: &str) -> Option<Link> {
    Link::parse(&format!(
        "https://login.example.com/{page}?token=dwp_1_Zm9yIHNob3cgb25seSwgbm90IGEgcmVhbCBwcm9vZg"
    ))
}

fn with(link: &Link, code: &Code) -> Vec<Message> {
    let (link_valid, code_valid) = (LINK_VALID, CODE_VALID);
    let (link, code) = (|| link.clone(), || code.clone());
    let device = Some(Line::new("Firefox 143 on Linux"));
    vec![
        VerifyAddress { link: link(), code: code(), link_valid, code_valid }.into(),
        AlreadyHaveAccount { reset: Some(link()), link_valid }.into(),
        LoginsHeld { at: AT, link: link(), link_valid }.into(),
        ResetPassword { link: link(), code: code(), link_valid, code_valid }.into(),
        PasswordChanged { at: AT, device: device.clone() }.into(),
        ConfirmEmail { link: link(), code: code(), link_valid, code_valid }.into(),
        EmailChanged {
            new_address: Line::new("ada@new.example.com"),
            at: AT,
            undo: link(),
            undo_valid: Duration::from_secs(72 * HOUR),
        }
        .into(),
        AccountDisabled { at: AT }.into(),
        LoginCode { code: code(), code_valid }.into(),
        RefreshReused { at: AT, device: device.clone() }.into(),
        NewDevice { at: AT, device, address: Some(Line::new("203.0.113.7")) }.into(),
        Invitation { link: link(), link_valid: INVITATION_VALID, inviter: Some(Line::new("Grace Hopper")) }
            .into(),
        OwnerInvitation { link: link(), link_valid: INVITATION_VALID }.into(),
        Notice {
            subject: Line::new("Somebody from outside has signed up"),
            lines: ["Eve <eve@elsewhere.example> has an account now.", "", "She got the role of a visitor."]
                .map(Line::new)
                .to_vec(),
        }
        .into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_sample_of_every_mail() {
        let names: Vec<_> = all().iter().map(Message::name).collect();

        assert_eq!(names, Message::NAMES);
    }
}
