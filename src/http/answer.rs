//! What a handler gives back, before a transport turns it into its own words.

use serde::Serialize;
use serde_json::Value;

use super::Streaming;

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Content,
    pub headers: Vec<(&'static str, String)>,
    pub cookies: Vec<Cookie>,
}

#[derive(Debug, Clone)]
pub enum Content {
    Json(Value),
    /// The media type and the bytes.
    Raw(&'static str, Vec<u8>),
    /// The media type, and what follows.
    Streaming(&'static str, Streaming),
    Empty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    Strict,
    Lax,
}

/// Always HttpOnly, `Path=/`, without `Domain`.
#[derive(Debug, Clone)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    pub secure: bool,
    pub same_site: SameSite,
    /// Zero takes the cookie away.
    pub max_age: u64,
}

impl Cookie {
    /// RFC 6265, section 4.1.1: a `;` would begin an attribute, a line end another header.
    pub fn is_plain(&self) -> bool {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let octet = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
        !self.name.is_empty() && self.name.bytes().all(token) && self.value.bytes().all(octet)
    }

    pub fn header(&self) -> String {
        let site = match self.same_site {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
        };
        let secure = if self.secure { "; Secure" } else { "" };
        format!(
            "{}={}; Path=/; HttpOnly; SameSite={site}; Max-Age={}{secure}",
            self.name, self.value, self.max_age
        )
    }
}

impl Answer {
    pub fn new(status: u16, body: Content) -> Self {
        Self { status, body, headers: Vec::new(), cookies: Vec::new() }
    }

    pub fn html(status: u16, page: String) -> Self {
        Self::new(status, Content::Raw("text/html; charset=utf-8", page.into_bytes()))
    }

    pub fn see_other(location: String) -> Self {
        Self::new(303, Content::Empty).header("location", location)
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What an event's result becomes.
pub trait Reply {
    fn into_answer(self, status: u16) -> Answer;
    /// The shape for the API document; none where the answer is no JSON.
    fn schema(generator: &mut schemars::SchemaGenerator) -> Option<schemars::Schema>;
}

impl<T: Serialize + schemars::JsonSchema> Reply for T {
    fn into_answer(self, status: u16) -> Answer {
        // Our own types, without maps of odd keys: they always serialise.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        Answer::new(status, Content::Raw("application/json", body))
    }

    fn schema(generator: &mut schemars::SchemaGenerator) -> Option<schemars::Schema> {
        Some(generator.subschema_for::<T>())
    }
}

impl Reply for Answer {
    fn into_answer(self, _: u16) -> Answer {
        self
    }

    fn schema(_: &mut schemars::SchemaGenerator) -> Option<schemars::Schema> {
        None
    }
}

/// A JSON answer that also sets or takes away cookies.
pub struct WithCookies<T>(pub T, pub Vec<Cookie>);

impl<T: Reply> Reply for WithCookies<T> {
    fn into_answer(self, status: u16) -> Answer {
        let mut answer = self.0.into_answer(status);
        answer.cookies.extend(self.1);
        answer
    }

    fn schema(generator: &mut schemars::SchemaGenerator) -> Option<schemars::Schema> {
        T::schema(generator)
    }
}
