//! Every page that a person sees: typed inputs, and the answer with the policy that it needs.

pub mod development;
#[cfg(test)]
mod gallery;

use minijinja::{Value, context};
use serde::Serialize;

use super::assets;
use super::brand::Brand;
use super::line::{Line, Link};
use super::templates::{Templates, value};
use super::words::Locale;
use crate::base::{PlainToken, Result};

/// HTML and the `Content-Security-Policy` that belongs to it.
pub struct Rendered {
    pub html: String,
    pub policy: String,
}

/// For every page, beside its policy: links hold tokens, so nothing is kept and no referrer is told.
pub const HEADERS: [(&str, &str); 6] = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Vary", "Accept-Language, Cookie"),
];

/// What stands around a page.
pub struct Frame {
    pub tenant: Brand,
    pub locale: Locale,
    /// Fresh for each answer, at least 128 random bits as letters and digits.
    pub nonce: String,
    /// The page's own path, without query: its form posts there.
    pub path: String,
    pub token: Option<PlainToken>,
}

/// What a link in a mail was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    Verify,
    Reset,
    ConfirmEmail,
    UndoEmail,
    Invitation,
}

/// One button, since a GET changes nothing: mail scanners follow links too.
#[derive(Debug, Serialize)]
pub struct Ask {
    pub flow: Flow,
    pub address: Option<Line>,
    pub inviter: Option<Line>,
}

/// A new password: after a reset link, for a sign-up that was confirmed elsewhere, or with an invitation.
#[derive(Debug, Serialize)]
pub struct NewPassword {
    pub flow: Flow,
    pub address: Option<Line>,
    pub inviter: Option<Line>,
    /// `Some` asks for the name too, with what was filled in before.
    pub name: Option<Line>,
    pub minimum: usize,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    PasswordMissing,
    PasswordTooShort,
    PasswordTooLong,
    PasswordTooWeak,
    PasswordTooCommon,
    NameMissing,
    NameTooLong,
    TryLater,
}

#[derive(Debug, Serialize)]
pub struct Done {
    pub flow: Flow,
    /// Already compared with the client's list. A link, not a redirect: `form-action` would stop one to elsewhere.
    pub onward: Option<Link>,
}

/// Unknown, used and expired look alike.
#[derive(Debug, Serialize)]
pub struct DeadLink {
    pub flow: Flow,
}

#[derive(Debug, Serialize)]
pub struct Failure {
    pub status: u16,
    pub request_id: Option<Line>,
}

/// What stands at `/`: whose door this is, and in development where everything is.
#[derive(Debug, Serialize)]
pub struct Doorstep {
    pub rooms: Vec<Room>,
    /// The first thing to try, in a shell.
    pub command: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Room {
    /// Names its words, `page.doorstep.room.<name>`.
    pub name: &'static str,
    pub href: String,
}

pub trait Page: Serialize {
    const TEMPLATE: &'static str;
}

macro_rules! pages {
    ($($page:ty => $template:literal,)*) => { $(impl Page for $page { const TEMPLATE: &'static str = $template; })* };
}

pages! {
    Ask => "page/ask.html",
    NewPassword => "page/password.html",
    Done => "page/done.html",
    DeadLink => "page/refused.html",
    Failure => "page/error.html",
    Doorstep => "page/doorstep.html",
}

pub fn render<P: Page>(templates: &Templates, frame: &Frame, page: &P) -> Result<Rendered> {
    let html = templates.house(P::TEMPLATE, context! { page => value(page), ..frame.values() })?;
    Ok(Rendered { html, policy: policy(&frame.nonce) })
}

fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; form-action 'self'; \
         base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    )
}

impl Frame {
    fn values(&self) -> Value {
        context! {
            tenant => value(&self.tenant),
            locale => self.locale.code(),
            nonce => self.nonce.clone(),
            path => self.path.clone(),
            token => self.token.as_ref().map(PlainToken::expose),
            languages => self.languages(),
            stylesheet => assets::versioned("/assets/doorward.css"),
        }
    }

    /// The same page in the other languages. The token goes along, or the page would be lost by the choice.
    fn languages(&self) -> Vec<Value> {
        let others = Locale::ALL.into_iter().filter(|other| *other != self.locale);
        let link = |other: Locale| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            if let Some(token) = &self.token {
                query.append_pair("token", token.expose());
            }
            let href = format!("{}?{}", self.path, query.append_pair("lang", other.code()).finish());
            context! { code => other.code(), name => other.endonym(), href }
        };
        others.map(link).collect()
    }
}

impl Problem {
    /// The field to go to, where there is one.
    fn field(self) -> Option<&'static str> {
        match self {
            Self::NameMissing | Self::NameTooLong => Some("name"),
            Self::TryLater => None,
            _ => Some("password"),
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::PasswordMissing => "problem.password.missing",
            Self::PasswordTooShort => "problem.password.tooShort",
            Self::PasswordTooLong => "problem.password.tooLong",
            Self::PasswordTooWeak => "problem.password.tooWeak",
            Self::PasswordTooCommon => "problem.password.tooCommon",
            Self::NameMissing => "problem.name.missing",
            Self::NameTooLong => "problem.name.tooLong",
            Self::TryLater => "problem.tryLater",
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Problem", 2)?;
        fields.serialize_field("field", &self.field())?;
        fields.serialize_field("key", self.key())?;
        fields.end()
    }
}
