//! What the house says to people, in each of its languages: flat files, looked up by key.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Datelike, Timelike};
use serde::{Deserialize, Serialize};

use crate::base::{Error, Result, Timestamp};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    #[default]
    En,
    Nl,
}

/// A browser names a handful of languages; whoever names thousands wants us to parse them.
const ACCEPT_LANGUAGE_LIMIT: usize = 256;

impl Locale {
    pub const ALL: [Self; 2] = [Self::En, Self::Nl];

    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Nl => "nl",
        }
    }

    /// The language's name in that language: what a person looks for who cannot read the page.
    pub fn endonym(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Nl => "Nederlands",
        }
    }

    /// `nl`, `nl-BE` and `NL_be` are all Dutch.
    pub fn parse(tag: &str) -> Option<Self> {
        let language = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|locale| locale.code().eq_ignore_ascii_case(language))
    }

    /// The person's own choice, else what the browser asks for, else the tenant's language.
    pub fn negotiate(user: Option<&str>, accept_language: Option<&str>, tenant: Option<&str>) -> Self {
        user.and_then(Self::parse)
            .or_else(|| accept_language.and_then(Self::preferred))
            .or_else(|| tenant.and_then(Self::parse))
            .unwrap_or_default()
    }

    fn preferred(accept_language: &str) -> Option<Self> {
        if accept_language.len() > ACCEPT_LANGUAGE_LIMIT {
            return None;
        }
        let mut best = None;
        for item in accept_language.split(',') {
            let mut parts = item.split(';');
            let Some(locale) = parts.next().and_then(Self::parse) else { continue };
            let weight = weight(parts.next());
            if weight > 0 && best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, locale));
            }
        }
        best.map(|(_, locale)| locale)
    }
}

/// `q=0.8` in thousandths; no weight means the most.
fn weight(parameter: Option<&str>) -> u16 {
    let Some(text) = parameter.and_then(|p| p.trim().strip_prefix("q=")) else { return 1000 };
    match text.parse::<f32>() {
        Ok(share) if (0.0..=1.0).contains(&share) => (share * 1000.0) as u16,
        _ => 0,
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

type Table = BTreeMap<String, String>;

pub struct Words {
    en: Table,
    nl: Table,
}

impl Words {
    pub fn embedded() -> Result<Self> {
        let read = |text| toml::from_str::<Table>(text).map_err(Error::internal);
        Ok(Self {
            en: read(include_str!("../../languages/en.toml"))?,
            nl: read(include_str!("../../languages/nl.toml"))?,
        })
    }

    pub fn has(&self, locale: Locale, key: &str) -> bool {
        self.table(locale).contains_key(key)
    }

    /// The sentence under `key` with its `{placeholders}` filled. A missing key or value is our fault, never a gap
    /// in somebody's mail. Values are put in as they are: escaping is the template's, by the form that it writes.
    pub fn say(&self, locale: Locale, key: &str, args: &[(&str, &str)]) -> Result<String> {
        let sentence = self
            .table(locale)
            .get(key)
            .ok_or_else(|| Error::internal(format!("no words for `{key}` in {locale}")))?;
        let mut said = String::with_capacity(sentence.len() + 32);
        for piece in pieces(sentence) {
            match piece {
                Piece::Text(text) => said.push_str(text),
                Piece::Placeholder(name) => {
                    let value = args.iter().find(|(given, _)| *given == name).ok_or_else(|| {
                        Error::internal(format!("`{key}` in {locale} needs a value for {{{name}}}"))
                    })?;
                    said.push_str(value.1);
                }
            }
        }
        Ok(said)
    }

    /// `22 November 2026, 14:03 UTC`: UTC, since nobody told us where the reader lives.
    pub fn moment(&self, locale: Locale, at: Timestamp) -> Result<String> {
        let Some(at) = DateTime::from_timestamp_micros(at.0) else { return Ok(at.to_string()) };
        let month = self.say(locale, &format!("month.{}", at.month()), &[])?;
        Ok(format!("{} {month} {}, {:02}:{:02} UTC", at.day(), at.year(), at.hour(), at.minute()))
    }

    /// `30 minutes`: the largest unit that says it exactly.
    pub fn lasting(&self, locale: Locale, seconds: u64) -> Result<String> {
        // Up to three days are said in hours: "72 hours" is a deadline, "3 days" is a feeling.
        let (count, unit) = match seconds {
            s if s >= 4 * 86_400 && s % 86_400 == 0 => (s / 86_400, "day"),
            s if s >= 3600 && s % 3600 == 0 => (s / 3600, "hour"),
            s if s >= 60 && s % 60 == 0 => (s / 60, "minute"),
            s => (s, "second"),
        };
        let number = if count == 1 { "one" } else { "many" };
        self.say(locale, &format!("lasting.{unit}.{number}"), &[("count", &count.to_string())])
    }

    fn table(&self, locale: Locale) -> &Table {
        match locale {
            Locale::En => &self.en,
            Locale::Nl => &self.nl,
        }
    }
}

enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

fn pieces(sentence: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = sentence;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((name, after)) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            rest = after;
            return Some(Piece::Placeholder(name));
        }
        let (text, after) = rest.split_at(rest.find('{').filter(|at| *at > 0).unwrap_or(rest.len()));
        rest = after;
        Some(Piece::Text(text))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn shape(table: &Table) -> BTreeSet<(&str, BTreeSet<&str>)> {
        let names = |sentence| {
            pieces(sentence).filter_map(|piece| match piece {
                Piece::Placeholder(name) => Some(name),
                Piece::Text(_) => None,
            })
        };
        table.iter().map(|(key, sentence)| (key.as_str(), names(sentence).collect())).collect()
    }

    #[test]
    fn both_languages_have_the_same_keys_and_placeholders() {
        let words = Words::embedded().unwrap();

        let only_one: Vec<_> = shape(&words.en)
            .symmetric_difference(&shape(&words.nl))
            .map(|(key, _)| key.to_string())
            .collect();

        assert_eq!(only_one, Vec::<String>::new());
    }

    #[test]
    fn what_a_value_holds_is_never_read_as_a_placeholder() {
        let words = Words { en: Table::from([("k".into(), "Dear {a}, {b}".into())]), nl: Table::new() };

        let said = words.say(Locale::En, "k", &[("a", "{b}"), ("b", "bye")]).unwrap();

        assert_eq!(said, "Dear {b}, bye");
    }

    #[test]
    fn a_missing_key_or_value_is_an_error_and_not_a_gap() {
        let words = Words { en: Table::from([("k".into(), "Dear {a}".into())]), nl: Table::new() };

        assert!(words.say(Locale::En, "k", &[]).is_err());
        assert!(words.say(Locale::Nl, "k", &[("a", "x")]).is_err());
    }

    #[test]
    fn the_person_wins_over_the_browser_and_the_browser_over_the_tenant() {
        assert_eq!(Locale::negotiate(Some("nl"), Some("en"), Some("en")), Locale::Nl);
        assert_eq!(Locale::negotiate(None, Some("fr, en;q=0.5, nl-BE;q=0.9"), Some("en")), Locale::Nl);
        assert_eq!(Locale::negotiate(None, Some("fr, nl;q=0"), Some("en")), Locale::En);
        assert_eq!(Locale::negotiate(Some("tlh"), None, Some("nl")), Locale::Nl);
    }

    #[test]
    fn of_languages_with_one_weight_the_first_named_wins() {
        assert_eq!(Locale::negotiate(None, Some("nl, en"), None), Locale::Nl);
        assert_eq!(Locale::negotiate(None, Some("en, nl"), Some("nl")), Locale::En);
    }

    #[test]
    fn an_endless_accept_language_is_not_read_at_all() {
        let endless = format!("{}nl", "fr,".repeat(100_000));

        assert_eq!(Locale::negotiate(None, Some(&endless), None), Locale::En);
    }

    #[test]
    fn a_length_of_time_is_said_in_the_unit_that_fits() {
        let words = Words::embedded().unwrap();

        assert_eq!(words.lasting(Locale::En, 1).unwrap(), "1 second");
        assert_eq!(words.lasting(Locale::Nl, 1800).unwrap(), "30 minuten");
        assert_eq!(words.lasting(Locale::En, 259_200).unwrap(), "72 hours");
        assert_eq!(words.lasting(Locale::Nl, 604_800).unwrap(), "7 dagen");
    }
}
