//! Passwords on their way in: what a login sends, and what may become one.
//!
//! Both are brought to NFC and to nothing else: case, spaces and every other character count as typed.

use std::fmt;

use serde::{Deserialize, Deserializer};
use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::{Zeroize, ZeroizeOnDrop};
use zxcvbn::{Score, zxcvbn};

use super::{FieldError, common_passwords};

pub const LONGEST: usize = 1024;

/// The least minimum where a password is the only factor.
pub const ALONE: usize = 15;

/// zxcvbn's cost grows steeply with the length; a password that is strong in its first 100 characters is strong.
const JUDGED: usize = 100;

/// What a login sends. Bounded, so that the refusal of a long one costs nothing; never cut.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Password(String);

/// What is to become a password: `check` it against the tenant's policy before it is hashed.
#[derive(Clone, ZeroizeOnDrop)]
pub struct NewPassword(Password);

/// What a tenant asks of a new password. There are no composition rules, by intent.
pub struct Policy<'a> {
    /// In code points: 15 alone, 8 where a second factor is enforced.
    pub minimum: usize,
    /// Address, name and tenant of the person: what a guesser tries first.
    pub words: &'a [&'a str],
}

impl Policy<'_> {
    /// zxcvbn gives eight random characters a two: asking for three would raise the minimum of 8 in silence.
    fn strength(&self) -> Score {
        if self.minimum < ALONE { Score::Two } else { Score::Three }
    }
}

impl Password {
    /// Refuses with `validator.length` above 1,024 bytes and `validator.disallowedCharacters` for NUL.
    pub fn parse(mut text: String) -> Result<Self, FieldError> {
        let outcome = normalised(&text);
        match outcome {
            Ok(None) => Ok(Self(text)),
            Ok(Some(composed)) => {
                text.zeroize();
                Ok(Self(composed))
            }
            Err(error) => {
                text.zeroize();
                Err(error)
            }
        }
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// `None` when the text already is in its form. A decomposed spelling is measured by its composed one: what
/// could be set can be typed on any keyboard.
fn normalised(text: &str) -> Result<Option<String>, FieldError> {
    // NFC shrinks text threefold at most.
    if text.len() > 4 * LONGEST {
        return Err(too_long());
    }
    if text.contains('\0') {
        let detail = "A password cannot hold the character NUL.";
        return Err(FieldError::new("", "validator.disallowedCharacters", detail));
    }
    let composed = if is_nfc(text) {
        None
    } else {
        // Room from the start: growing would leave copies behind in freed memory.
        let mut composed = String::with_capacity(3 * text.len());
        composed.extend(text.nfc());
        Some(composed)
    };
    match composed {
        Some(mut long) if long.len() > LONGEST => {
            long.zeroize();
            Err(too_long())
        }
        None if text.len() > LONGEST => Err(too_long()),
        fitting => Ok(fitting),
    }
}

fn too_long() -> FieldError {
    FieldError::new("", "validator.length", "A password has at most 1,024 bytes.")
}

impl NewPassword {
    pub fn parse(text: String) -> Result<Self, FieldError> {
        Password::parse(text).map(Self)
    }

    pub fn as_password(&self) -> &Password {
        &self.0
    }

    /// Refuses with `validator.length`, `validator.password.personal`, `validator.password.common` or
    /// `validator.password.guessable`, in this order. Costs some milliseconds at worst.
    pub fn check(&self, policy: &Policy<'_>) -> Result<(), FieldError> {
        let text = self.0.expose();
        if text.chars().count() < policy.minimum {
            let detail =
                format!("Use at least {} characters; a few unrelated words do well.", policy.minimum);
            return Err(FieldError::new("", "validator.length", detail));
        }
        self.check_personal(policy.words)?;
        if common_passwords::covers(text) {
            let detail = "This is a common password, or one with a little added. Attackers try these first.";
            return Err(FieldError::new("", "validator.password.common", detail));
        }
        if strength(text, policy.words) < policy.strength() {
            let detail = "This is easy to guess: it follows a pattern. Add a few unrelated words.";
            return Err(FieldError::new("", "validator.password.guessable", detail));
        }
        Ok(())
    }
}

impl NewPassword {
    /// Refuses with `validator.password.personal`: what `check` asks of it, where more words come to be known later.
    pub fn check_personal(&self, words: &[&str]) -> Result<(), FieldError> {
        if !is_personal(self.0.expose(), words) {
            return Ok(());
        }
        let detail = "This is little more than your name, your address or the organisation's name.";
        Err(FieldError::new("", "validator.password.personal", detail))
    }
}

fn strength(text: &str, words: &[&str]) -> Score {
    let judged: String = text.chars().take(JUDGED).collect();
    let mut known = pieces(words);
    known.extend(words.iter().map(|word| word.to_lowercase()));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let score = zxcvbn(&judged, &known).score();
    zeroize::Zeroizing::new(judged);
    score
}

/// What is left when the person's own words are taken out must still be more than decoration.
fn is_personal(text: &str, words: &[&str]) -> bool {
    let mut left = text.to_lowercase();
    let mut known = pieces(words);
    known.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let whole = left.chars().count();
    for word in &known {
        left = left.replace(word.as_str(), "");
    }
    let rest = left.chars().filter(|c| c.is_alphanumeric()).count();
    let took = left.chars().count() < whole;
    left.zeroize();
    took && rest < 6
}

/// The words of an address, a name or a title, of three characters or more.
fn pieces(words: &[&str]) -> Vec<String> {
    let split = |word: &&str| {
        let lower = word.to_lowercase();
        lower.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>()
    };
    words.iter().take(16).flat_map(split).filter(|word| word.chars().count() >= 3).collect()
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(text).map_err(|e| serde::de::Error::custom(format_args!("{}: {}", e.key, e.detail)))
    }
}

impl<'de> Deserialize<'de> for NewPassword {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Password::deserialize(deserializer).map(Self)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(…)")
    }
}

macro_rules! password_schema {
    ($($name:ident),*) => {$(
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": "password", "maxLength": LONGEST })
            }
        }
    )*};
}

password_schema!(Password, NewPassword);

#[cfg(test)]
#[path = "password_tests.rs"]
mod tests;
