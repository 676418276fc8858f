//! One error for the whole house: what the caller did, or what we did.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A way of saying no. Its `key` is the contract with callers; the texts may change.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub key: &'static str,
    pub detail: &'static str,
}

/// What was wrong with one member of the input: its path, a stable key and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FieldError {
    #[serde(skip)]
    #[schemars(skip)]
    pub path: String,
    pub key: Cow<'static, str>,
    pub detail: Cow<'static, str>,
}

#[derive(Debug, Clone)]
pub struct Refused {
    pub refusal: &'static Refusal,
    /// Takes the place of the refusal's own sentence. Never holds what the caller sent.
    pub detail: Option<Cow<'static, str>>,
    pub errors: Vec<FieldError>,
    pub retry_after: Option<u64>,
    /// What the caller goes on with.
    pub data: Option<serde_json::Value>,
    /// For the audit and the log only: why, in one word that must not reach the caller.
    pub reason: Option<&'static str>,
}

pub enum Error {
    Refused(Box<Refused>),
    /// What the gate saw of actor, session or tenant moved before the write began:
    /// the request is authenticated and authorised afresh and its event runs once more.
    Stale,
    /// Opaque outside, logged once at the edge.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    pub fn key(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.refusal.key,
            Self::Stale => STALE.key,
            Self::Internal(_) => INTERNAL.key,
        }
    }

    pub fn status(&self) -> u16 {
        match self {
            Self::Refused(refused) => refused.refusal.status,
            Self::Stale => STALE.status,
            Self::Internal(_) => INTERNAL.status,
        }
    }

    /// For operators, who must see what callers must not: the cause itself.
    pub fn words(&self) -> String {
        match self {
            Self::Internal(cause) => cause.to_string(),
            Self::Refused(refused) => {
                let plain = refused.detail.as_deref().unwrap_or(refused.refusal.detail);
                let each = refused.errors.iter().map(|error| format!("\n  {}: {}", error.path, error.detail));
                format!("{plain}{}", each.collect::<String>())
            }
            Self::Stale => STALE.detail.to_string(),
        }
    }

    /// The same, with the one word that audit and log get.
    pub fn because(self, reason: &'static str) -> Self {
        match self {
            Self::Refused(refused) => Self::Refused(Box::new(Refused { reason: Some(reason), ..*refused })),
            other => other,
        }
    }

    /// The same, for one more who asked.
    pub fn again(&self) -> Self {
        match self {
            Self::Refused(refused) => Self::Refused(refused.clone()),
            Self::Stale => Self::Stale,
            Self::Internal(cause) => Self::internal(cause.to_string()),
        }
    }

    pub fn is(&self, refusal: &'static Refusal) -> bool {
        self.key() == refusal.key
    }
}

impl Refusal {
    pub fn error(&'static self) -> Error {
        Error::Refused(Box::new(self.refused()))
    }

    /// The caller gets the plain refusal; audit and log also get the one-word reason.
    pub fn because(&'static self, reason: &'static str) -> Error {
        Error::Refused(Box::new(Refused { reason: Some(reason), ..self.refused() }))
    }

    pub fn saying(&'static self, detail: impl Into<Cow<'static, str>>) -> Error {
        Error::Refused(Box::new(Refused { detail: Some(detail.into()), ..self.refused() }))
    }

    pub fn retry_after(&'static self, seconds: u64) -> Error {
        Error::Refused(Box::new(Refused { retry_after: Some(seconds.max(1)), ..self.refused() }))
    }

    pub fn with(&'static self, errors: Vec<FieldError>) -> Error {
        Error::Refused(Box::new(Refused { errors, ..self.refused() }))
    }

    pub fn giving(&'static self, data: serde_json::Value) -> Error {
        Error::Refused(Box::new(Refused { data: Some(data), ..self.refused() }))
    }

    fn refused(&'static self) -> Refused {
        Refused {
            refusal: self,
            detail: None,
            errors: Vec::new(),
            retry_after: None,
            data: None,
            reason: None,
        }
    }
}

impl From<&'static Refusal> for Error {
    fn from(refusal: &'static Refusal) -> Self {
        refusal.error()
    }
}

impl FieldError {
    pub fn new(path: impl Into<String>, key: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { path: path.into(), key: key.into(), detail: detail.into() }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(r) => write!(
                f,
                "{} ({}){}",
                r.refusal.key,
                r.refusal.status,
                r.reason.map(|r| format!(": {r}")).unwrap_or_default()
            ),
            Self::Stale => f.write_str("stale"),
            Self::Internal(cause) => write!(f, "internal: {cause}"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// Declares a room's refusals as constants, and lists them in `ALL` for the generated docs/errors.md.
#[macro_export]
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $status:literal $key:literal $detail:literal;)*) => {
        $($(#[$doc])* pub static $name: $crate::base::Refusal =
            $crate::base::Refusal { status: $status, key: $key, detail: $detail };)*
        pub static ALL: &[&$crate::base::Refusal] = &[$(&$name),*];
    };
}

refusals! {
    INTERNAL = 500 "error.server.internal" "Something went wrong on our side. The request id finds it in the log.";
    STALE = 409 "error.server.conflict" "Something this request relied on changed while it ran. Send it again.";
    NOT_FOUND = 404 "error.server.notFound" "There is nothing here.";
    METHOD_NOT_ALLOWED = 405 "error.server.methodNotAllowed" "This path does not take this method.";
    UNPARSABLE = 400 "error.server.unsupportedBodyFormat" "The body could not be read as JSON.";
    UNSUPPORTED_MEDIA_TYPE = 415 "error.server.unsupportedMediaType" "Send the body as application/json in UTF-8.";
    TOO_LARGE = 413 "error.server.maxFieldSize" "The request is larger than this route takes.";
    URL_TOO_LONG = 414 "error.server.urlTooLong" "The URL is longer than this server takes.";
    TOO_SLOW = 408 "error.server.requestTimeout" "The body came too slowly. Send it again.";
    HEADERS_TOO_LARGE = 431 "error.server.headersTooLarge" "The headers of this request are larger than this server takes.";
    MALFORMED = 400 "error.server.malformedRequest" "The request is not formed as HTTP asks.";
    INVALID = 422 "validator.error" "Some members of the input are not valid; see `errors`.";
    INVALID_ENCODING = 400 "router.param.invalidEncoding" "The path or query holds characters that are not valid UTF-8 or percent-encoding.";
    INVALID_HEADER = 400 "router.header.invalid" "A header stands twice that may stand once, or holds characters other than ASCII.";
    RATE_LIMITED = 429 "server.internal.rateLimit" "Too many requests. Wait as long as Retry-After says.";
    STORAGE_FULL = 503 "error.server.storageFull" "The server has no room left to write. What is there can be read; try again after Retry-After seconds.";
    /// The connection was lost, or time was up, while a change was on its way to the disk.
    UNDECIDED = 503 "error.server.undecided" "The answer of the database is lost: the change may have been kept or not. Look before you ask for it again.";
    BUSY = 503 "error.server.busy" "The server is at its limit. Try again after Retry-After seconds.";
}
