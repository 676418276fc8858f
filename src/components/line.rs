//! Words that came from outside and are shown inside: one line, a link, a code.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use url::Url;
use zeroize::ZeroizeOnDrop;

use crate::base::shown::is_unseen;

/// One short line of text without control characters: it cannot start a second header, a second line of a mail, or
/// turn the reading direction of what follows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Line(String);

/// An address has at most 254 characters.
const LONGEST: usize = 254;

impl Line {
    pub fn new(text: &str) -> Self {
        let spaced: String = text.chars().take(LONGEST).map(|c| if is_unseen(c) { ' ' } else { c }).collect();
        Self(spaced.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

/// Where a button leads: `http` or `https` only, whatever case or blanks a `JavaScript:` hides behind. What is
/// written out is what the parser understood, not what came in. Holds a token, so it does not print.
#[derive(Clone, PartialEq, Eq, Serialize, ZeroizeOnDrop)]
pub struct Link(String);

impl Link {
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
        (plain && matches!(url.scheme(), "https" | "http")).then(|| Self(url.into()))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(…)")
    }
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a link to http or https"))
    }
}

/// Digits to be typed over. Does not print.
#[derive(Clone, PartialEq, Eq, Serialize, ZeroizeOnDrop)]
pub struct Code(String);

impl Code {
    pub fn parse(text: &str) -> Option<Self> {
        ((4..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| Self(text.to_owned()))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?)
            .ok_or_else(|| serde::de::Error::custom("not a code of digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_reads_in_one_direction() {
        let line = Line::new(" Ada\r\nBcc: eve@evil.example\0\u{2028}\u{202e}x\t ");

        assert_eq!(line.as_str(), "Ada Bcc: eve@evil.example x");
    }

    #[test]
    fn a_line_that_never_ends_is_cut() {
        assert_eq!(Line::new(&"é".repeat(10_000)).as_str().chars().count(), 254);
    }

    #[test]
    fn a_link_leads_to_the_web_and_nowhere_else() {
        assert_eq!(
            Link::parse("https://a.example/x?t=\"><i>").unwrap().expose(),
            "https://a.example/x?t=%22%3E%3Ci%3E"
        );
        for hostile in [
            "javascript:alert(1)",
            " JavaScript:alert(1)",
            "java\tscript:x",
            "data:text/html,x",
            "//e.example",
            "file://e.example/x",
        ] {
            assert_eq!(Link::parse(hostile), None, "{hostile}");
        }
        assert_eq!(Link::parse("https://bank.example@evil.example/"), None);
    }

    #[test]
    fn a_secret_does_not_print() {
        let link = Link::parse("https://a.example/?token=s3cret").unwrap();

        assert_eq!(format!("{link:?} {:?}", Code::parse("12345678").unwrap()), "Link(…) Code(…)");
    }
}
