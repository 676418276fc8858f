//! The settings, typed: what can be set, its name, and its default.

mod check;
mod database_url;
mod defaults;
pub mod explain;
mod gather;
pub mod insecure;
pub mod load;
pub mod master_key;
mod shapes;
pub mod show;

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub(super) use gather::shape;
pub use gather::{Problem, Source};
pub use insecure::{Reason, Surroundings, insecure_reasons, others_may_read};
pub use load::{Loaded, Overrides, Variables, load};
pub use show::show;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    Development,
    Test,
    Acceptance,
    Production,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub environment: Environment,
    pub server: Server,
    pub keys: Keys,
    pub database: Database,
    pub mail: Mail,
    pub hashing: Hashing,
    pub lifetimes: Lifetimes,
    pub limits: Limits,
    pub guesses: Guesses,
    pub proxies: Proxies,
    pub roles: Roles,
    pub jobs: Jobs,
    pub events: Events,
    pub egress: Egress,
    pub log: Log,
    pub tenants: Tenants,
    pub permissions: Permissions,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    #[serde(with = "shapes::text")]
    pub listen: std::net::SocketAddr,
    #[serde(with = "shapes::text")]
    pub metrics_listen: std::net::SocketAddr,
    /// The instance's own; a tenant may have another. Required outside development and test.
    #[serde(with = "shapes::maybe")]
    pub public_url: Option<String>,
    /// How long a server that was told to stop still answers while it says that it is not ready.
    #[serde(with = "shapes::pause")]
    pub drain_pause: Duration,
    /// Whether `/docs` shows the API as a page. The document itself is always there.
    pub docs: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// 32 random bytes as base64 or hex; several, apart by white space, while one replaces another: the
    /// first seals, all open.
    #[serde(with = "shapes::maybe_secret")]
    pub master: Option<SecretString>,
    /// How long a tenant's signing key signs before the next one does.
    #[serde(with = "shapes::seconds")]
    pub rotate: Duration,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    #[serde(with = "shapes::database_url")]
    pub url: SecretString,
    /// Connections to PostgreSQL.
    pub pool: NonZeroU32,
    /// Reading connections to SQLite, which has one writer besides.
    pub readers: NonZeroU32,
    /// Of an SQLite file's pages, what each connection keeps in memory.
    pub cache_kib: NonZeroU32,
    /// How long a request waits for a connection before it is refused as busy.
    #[serde(with = "shapes::seconds")]
    pub wait: Duration,
    #[serde(with = "shapes::seconds")]
    pub lock_wait: Duration,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    pub transport: MailTransport,
    #[serde(with = "shapes::maybe")]
    pub host: Option<String>,
    pub port: NonZeroU16,
    pub tls: MailTls,
    #[serde(with = "shapes::maybe")]
    pub user: Option<String>,
    #[serde(with = "shapes::maybe_secret")]
    pub password: Option<SecretString>,
    #[serde(with = "shapes::maybe")]
    pub from: Option<String>,
    /// Acceptance sends to these alone.
    pub allowed_domains: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTransport {
    Smtp,
    /// Closes sign-up and reset.
    None,
    /// Kept to be looked at, never sent.
    Keep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// From the first byte.
    Implicit,
    /// By STARTTLS, and not at all when the server does not offer it.
    Starttls,
    None,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hashing {
    pub memory_kib: NonZeroU32,
    pub passes: NonZeroU32,
    /// How many hashes run at once.
    pub permits: NonZeroUsize,
    /// How many wait; the next is refused as busy.
    pub queue: usize,
    #[serde(with = "shapes::seconds")]
    pub queue_wait: Duration,
}

/// Each in whole seconds, and each takes 1.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lifetimes {
    #[serde(with = "shapes::seconds")]
    pub access: Duration,
    #[serde(with = "shapes::seconds")]
    pub refresh_idle: Duration,
    #[serde(with = "shapes::seconds")]
    pub refresh_absolute: Duration,
    #[serde(with = "shapes::seconds")]
    pub second_factor_idle: Duration,
    #[serde(with = "shapes::seconds")]
    pub second_factor_absolute: Duration,
    #[serde(with = "shapes::seconds")]
    pub refresh_grace: Duration,
    #[serde(with = "shapes::seconds")]
    pub idempotent_recovery: Duration,
    #[serde(with = "shapes::seconds")]
    pub pending: Duration,
    #[serde(with = "shapes::seconds")]
    pub link: Duration,
    #[serde(with = "shapes::seconds")]
    pub code: Duration,
    #[serde(with = "shapes::seconds")]
    pub invitation: Duration,
    #[serde(with = "shapes::seconds")]
    pub sign_up: Duration,
    #[serde(with = "shapes::seconds")]
    pub undo: Duration,
    #[serde(with = "shapes::seconds")]
    pub jwks: Duration,
    pub jitter_percent: u8,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a JSON body.
    pub body: NonZeroUsize,
    pub headers: NonZeroUsize,
    pub url: NonZeroUsize,
    pub address_per_minute: NonZeroU32,
    pub tenant_per_minute: NonZeroU32,
    /// Passwords and codes that one address may try in one tenant.
    pub guesses_per_address_per_minute: NonZeroU32,
    pub guesses_per_tenant_per_minute: NonZeroU32,
    pub sign_ups_per_address_per_hour: NonZeroU32,
    pub mails_per_address_per_hour: NonZeroU32,
    pub mails_per_tenant_per_day: NonZeroU32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Guesses {
    pub delay_from: NonZeroU32,
    pub at_most: NonZeroU32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proxies {
    /// Forwarded headers count from these networks only.
    #[serde(with = "shapes::networks")]
    pub trusted: Vec<IpNet>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    pub serve: bool,
    pub work: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    pub workers: NonZeroUsize,
    #[serde(with = "shapes::seconds")]
    pub lease: Duration,
    #[serde(with = "shapes::seconds")]
    pub poll: Duration,
    /// How long a job that is done is kept.
    #[serde(with = "shapes::seconds")]
    pub keep: Duration,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// Networks that tenants' webhooks may reach beside the public internet, in the clear and at any port too.
    #[serde(with = "shapes::networks")]
    pub allow: Vec<IpNet>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// What the recorder in memory may hold, in bytes.
    pub recorder: usize,
    /// How long domain events are kept.
    #[serde(with = "shapes::seconds")]
    pub keep: Duration,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Readable in a terminal, JSON lines elsewhere.
    Auto,
    Json,
    Text,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tenants {
    pub file: PathBuf,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    /// Of the applications behind this server, beside its own: `area:thing:verb`.
    pub known: Vec<String>,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Test => "test",
            Self::Acceptance => "acceptance",
            Self::Production => "production",
        })
    }
}

#[cfg(test)]
mod tests;
