//! An e-mail address in the one form in which it is stored, compared and mailed to.
//!
//! The form: trimmed, NFC, the domain as lower-case A-labels by UTS-46, the local part in Unicode lower case.
//! Two spellings that could be taken for each other are the same address, or one of them is refused.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_security::{GeneralSecurityProfile, MixedScript, skeleton};

use super::FieldError;

const LONGEST: usize = 254;
const LONGEST_LOCAL: usize = 64;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// Refuses with `validator.length`, `validator.disallowedCharacters` or `validator.pattern`; the error
    /// has no path and never holds what was sent.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        // NFC shrinks text threefold at most: what is longer than this cannot become an address.
        if text.is_empty() || text.len() > 4 * LONGEST {
            return Err(too_long());
        }
        if text.chars().any(unseen) {
            return Err(disallowed("The address holds characters that cannot be seen."));
        }
        let composed: String = text.nfc().collect();
        let (local, domain) = composed.split_once('@').ok_or_else(not_an_address)?;
        let address = format!("{}@{}", canonical_local(local)?, canonical_domain(domain)?);
        if address.len() > LONGEST { Err(too_long()) } else { Ok(Self(address)) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Lower-case A-labels.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    pub fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// Equal for addresses that look alike to a person; for flagging, never for finding an account.
    pub fn skeleton(&self) -> String {
        let (domain, _) = idna::domain_to_unicode(self.domain());
        skeleton(self.local()).chain(['@']).chain(skeleton(&domain)).collect()
    }
}

/// Case is folded by Unicode lower case after NFC, then composed once more. One script only, and no
/// character outside ASCII that looks like one inside it (`ı`, `ɑ`, a Cyrillic `сосо`).
fn canonical_local(local: &str) -> Result<String, FieldError> {
    let local: String = local.to_lowercase().nfc().collect();
    if local.len() > LONGEST_LOCAL {
        return Err(too_long());
    }
    if local.is_empty() || local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(not_an_address());
    }
    // Quotes, comments, a second @ and brackets are outside this alphabet.
    if !local.chars().all(|c| if c.is_ascii() { ascii_atom(c) } else { c.identifier_allowed() }) {
        return Err(disallowed("The part before the @ holds characters that addresses here may not have."));
    }
    if !local.is_ascii() && imitates(&local) {
        return Err(disallowed("The part before the @ mixes scripts or imitates another address."));
    }
    Ok(local)
}

fn ascii_atom(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
}

/// The Unicode reset class: an address that a person, or a mail server that folds more than we do, takes for
/// another person's.
fn imitates(local: &str) -> bool {
    let has_latin = local.chars().any(|c| c.is_ascii_alphabetic());
    let looks_ascii = |c: char| {
        let mut prototype = [0_u8; 4];
        let mut shape = skeleton(c.encode_utf8(&mut prototype)).collect::<Vec<_>>().into_iter();
        !c.is_ascii() && shape.next().is_some_and(|c| c.is_ascii()) && shape.next().is_none()
    };
    !local.is_single_script()
        || skeleton(local).all(|c| c.is_ascii())
        || (has_latin && local.chars().any(looks_ascii))
        || marks_on_ascii(local)
}

/// After NFC a mark that still follows an ASCII character has no composed form; `i` + dot above is `i` to the eye.
fn marks_on_ascii(local: &str) -> bool {
    let pairs = local.chars().zip(local.chars().skip(1));
    pairs.into_iter().any(|(base, mark)| base.is_ascii() && canonical_combining_class(mark) != 0)
        || local.chars().next().is_some_and(|c| canonical_combining_class(c) != 0)
}

fn canonical_domain(domain: &str) -> Result<String, FieldError> {
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| not_an_address())?;
    let top = ascii.rsplit_once('.').map(|(_, top)| top).ok_or_else(not_an_address)?;
    // An IPv4 literal ends in a number; no top-level domain does.
    if top.len() < 2 || !top.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(not_an_address());
    }
    let (shown, outcome) = idna::domain_to_unicode(&ascii);
    if outcome.is_err() || !shown.split('.').all(|label| label.is_single_script()) {
        return Err(disallowed("A part of the domain mixes scripts."));
    }
    Ok(ascii)
}

/// Controls, NUL, zero-width, bidi and every other character that shows nothing.
fn unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
        || matches!(c, '\u{fff0}'..='\u{fffd}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn too_long() -> FieldError {
    FieldError::new("", "validator.length", "An address has 1 to 254 bytes, 64 of them before the @.")
}

fn disallowed(detail: &'static str) -> FieldError {
    FieldError::new("", "validator.disallowedCharacters", detail)
}

fn not_an_address() -> FieldError {
    FieldError::new("", "validator.pattern", "This is not an e-mail address such as ada@example.com.")
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Masked: a `{:?}` in a log line must not collect addresses.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.0.chars().next().unwrap_or('*');
        write!(f, "{first}***@{}", self.domain())
    }
}

impl std::str::FromStr for Email {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::parse(text)
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|e| serde::de::Error::custom(format_args!("{}: {}", e.key, e.detail)))
    }
}

impl schemars::JsonSchema for Email {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Email".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "email", "minLength": 3, "maxLength": 254 })
    }
}

#[cfg(test)]
#[path = "email_tests.rs"]
mod tests;
