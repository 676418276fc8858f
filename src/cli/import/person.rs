//! What a line says of a person, and what may be wrong with it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::auth::password::events::Imported;
use crate::base::Email;
use crate::base::shown::hides_something;
use crate::components::hasher::accept_import;
use crate::components::line::Line;
use crate::components::words::Locale;
use crate::http::strict;

/// As in every answer of the API about people.
const LONGEST_NAME: usize = 200;

/// Why a line is refused. What it holds is never part of it: lines hold hashes.
#[derive(Debug)]
pub struct Wrong {
    pub key: &'static str,
    words: Cow<'static, str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Row {
    email: String,
    name: Option<String>,
    locale: Option<String>,
    password_hash: Option<String>,
    #[serde(default)]
    verified: bool,
    #[serde(default)]
    must_change: bool,
}

/// The names of a row's members, as a head of CSV gives them.
pub const MEMBERS: [&str; 6] = ["email", "name", "locale", "passwordHash", "verified", "mustChange"];

impl Wrong {
    pub fn new(key: &'static str, words: impl Into<Cow<'static, str>>) -> Self {
        Self { key, words: words.into() }
    }

    pub fn hash(why: &'static str) -> Self {
        Self::new("import.passwordHash.refused", format!("its password hash is refused: {why}"))
    }

    /// One line: number, key, whose, and a sentence.
    pub fn told(&self, line: u64, email: Option<&str>) -> String {
        let whose = email.map(|email| format!("{email}: ")).unwrap_or_default();
        format!("line {line}: {}: {whose}{}", self.key, self.words)
    }
}

impl Row {
    pub fn of_json(line: &str) -> Result<Self, Wrong> {
        let unreadable = |error: serde_json::Error| {
            Wrong::new("import.line.json", format!("is not readable as JSON at column {}", error.column()))
        };
        let value = strict::parse(line.as_bytes()).map_err(unreadable)?;
        if !value.is_object() {
            return Err(Wrong::new("import.line.json", "is no JSON object"));
        }
        serde_path_to_error::deserialize(value).map_err(|error| misfit(&error))
    }

    /// Under a head of CSV: what is empty is absent.
    pub fn of_fields(head: &[&'static str], fields: Vec<String>) -> Result<Self, Wrong> {
        if head.len() != fields.len() {
            let words = format!("has {} fields under a head of {}", fields.len(), head.len());
            return Err(Wrong::new("import.line.fields", words));
        }
        let given = head.iter().zip(fields).filter(|(_, field)| !field.is_empty());
        let typed = given.map(|(name, field)| {
            let value = match (*name, field.as_str()) {
                ("verified" | "mustChange", "true") => Value::Bool(true),
                ("verified" | "mustChange", "false") => Value::Bool(false),
                _ => Value::String(field),
            };
            ((*name).to_owned(), value)
        });
        serde_path_to_error::deserialize(Value::Object(typed.collect())).map_err(|error| misfit(&error))
    }

    pub fn person(self) -> Result<Imported, Wrong> {
        let email = Email::parse(&self.email)
            .map_err(|wrong| Wrong::new("import.email.invalid", lowered(&wrong.detail)))?;
        if let Some(Err(why)) = self.password_hash.as_deref().map(accept_import) {
            return Err(Wrong::hash(why));
        }
        Ok(Imported {
            email,
            name: self.name.map(plain).transpose()?,
            locale: self.locale.map(|tag| language(&tag)).transpose()?,
            password_hash: self.password_hash,
            is_verified: self.verified,
            must_change: self.must_change,
        })
    }
}

fn plain(name: String) -> Result<String, Wrong> {
    let trimmed = name.trim();
    let fits = (1..=LONGEST_NAME).contains(&trimmed.chars().count());
    if !fits || hides_something(trimmed) {
        return Err(Wrong::new("import.name.invalid", "its name is not one line of 1 to 200 characters"));
    }
    Ok(trimmed.to_owned())
}

fn language(tag: &str) -> Result<String, Wrong> {
    let unknown = || Wrong::new("import.locale.unknown", "its locale is none of en and nl; leave it out");
    Locale::parse(tag).map(|locale| locale.code().to_owned()).ok_or_else(unknown)
}

/// serde names what it expected and found; a value that it found may be a hash, so only names are handed on.
fn misfit(error: &serde_path_to_error::Error<serde_json::Error>) -> Wrong {
    let (path, words) = (error.path().to_string(), error.inner().to_string());
    if words.starts_with("missing field") {
        return Wrong::new("import.email.missing", "has no email");
    }
    if words.starts_with("unknown field") {
        let known = MEMBERS.join(", ");
        let told = format!("has a member {}; there are {known}", Line::new(&path));
        return Wrong::new("import.line.member", told);
    }
    Wrong::new("import.line.type", format!("{} has another type", Line::new(&path)))
}

fn lowered(sentence: &str) -> String {
    let mut letters = sentence.trim_end_matches('.').chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(line: &str) -> &'static str {
        Row::of_json(line).and_then(Row::person).map_or_else(|wrong| wrong.key, |_| "fine")
    }

    #[test]
    fn each_fault_has_its_key_and_none_repeats_what_the_line_holds() {
        assert_eq!(key(r#"{"email":"ada@example.com","name":"Ada","verified":true}"#), "fine");
        assert_eq!(key("{"), "import.line.json");
        assert_eq!(key("[]"), "import.line.json");
        assert_eq!(key(r#"{"email":"a@b.example","email":"c@d.example"}"#), "import.line.json");
        assert_eq!(key(r#"{"name":"Ada"}"#), "import.email.missing");
        assert_eq!(key(r#"{"email":"ada"}"#), "import.email.invalid");
        assert_eq!(key(r#"{"email":"a@b.example","admin":true}"#), "import.line.member");
        assert_eq!(key(r#"{"email":"a@b.example","verified":"$2b$"}"#), "import.line.type");
        assert_eq!(key(r#"{"email":"a@b.example","name":" "}"#), "import.name.invalid");
        assert_eq!(key(r#"{"email":"a@b.example","locale":"tlh"}"#), "import.locale.unknown");
        assert_eq!(key(r#"{"email":"a@b.example","passwordHash":"$1$x"}"#), "import.passwordHash.refused");
        let wrong = Row::of_json(r#"{"email":"a@b.example","verified":"s3cret"}"#).unwrap_err();
        assert_eq!(wrong.told(3, None), "line 3: import.line.type: verified has another type");
    }

    #[test]
    fn fields_under_a_head_say_the_same_as_members() {
        let row = |fields: [&str; 3]| {
            Row::of_fields(&["email", "verified", "name"], fields.map(String::from).to_vec())
        };

        let person = row(["Ada@Example.com", "true", ""]).and_then(Row::person).unwrap();

        assert_eq!((person.email.as_str(), person.is_verified, person.name), ("ada@example.com", true, None));
        assert_eq!(row(["a@b.example", "yes", ""]).unwrap_err().key, "import.line.type");
        assert_eq!(Row::of_fields(&["email"], vec![]).unwrap_err().key, "import.line.fields");
    }
}
