//! Every reason why a server with these settings must not start, in one list.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use toml::{Table, Value};
use url::Url;

use super::{Config, Environment, MailTls, MailTransport, database_url, load, master_key};

/// The setting that is to blame, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub setting: String,
    pub why: String,
}

/// What stands around the settings and can make them insecure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// Files that a secret was read from.
    pub secret_files: &'a [PathBuf],
    /// Every origin that a client of any tenant may call from.
    pub origins: &'a [String],
}

/// Texts from manuals, examples and compose files, which are as good as no secret.
const EXAMPLES: [&str; 15] = [
    "admin",
    "changeit",
    "changeme",
    "default",
    "demo",
    "doorward",
    "dummy",
    "example",
    "letmein",
    "password",
    "placeholder",
    "postgres",
    "root",
    "secret",
    "test",
];

/// Bits that a network of proxies says at least: 10.0.0.0/8 is the widest that anybody owns.
const NARROWEST: u8 = 8;

pub fn insecure_reasons(config: &Config, around: &Surroundings<'_>) -> Vec<Reason> {
    let mut reasons = Reasons(Vec::new());
    reasons.master_key(config);
    reasons.secret_files(around.secret_files);
    reasons.public_url(config);
    reasons.broken_headers(config);
    match config.environment {
        Environment::Development => reasons.development(config),
        Environment::Production => {
            reasons.proxies(config);
            reasons.origins(around.origins);
            reasons.database(config);
            reasons.mail(config);
            reasons.hashing(config);
        }
        Environment::Acceptance => reasons.proxies(config),
        Environment::Test => {}
    }
    reasons.0
}

struct Reasons(Vec<Reason>);

impl Reasons {
    fn when(&mut self, insecure: bool, setting: &str, why: impl Into<String>) {
        if insecure {
            self.0.push(Reason { setting: setting.to_owned(), why: why.into() });
        }
    }

    fn master_key(&mut self, config: &Config) {
        let key = config.keys.master.as_ref();
        self.when(key.is_none(), "keys.master", "there is no master key; set DOORWARD_MASTER_KEY_FILE");
        if let Some(Err(weakness)) = key.map(|key| master_key::parse(key.expose_secret())) {
            self.when(true, "keys.master", weakness);
        }
    }

    fn secret_files(&mut self, files: &[PathBuf]) {
        for file in files.iter().filter(|file| others_may_read(file)) {
            let why = "holds a secret and can be read by others than its owner; chmod 600 it";
            self.when(true, &file.display().to_string(), why);
        }
    }

    fn public_url(&mut self, config: &Config) {
        let lacks = config.server.public_url.is_none() && config.environment == Environment::Production;
        self.when(lacks, "server.public_url", "is required: links in mails begin with it");
        let Some(url) = config.server.public_url.as_deref().and_then(|url| Url::parse(url).ok()) else {
            return;
        };
        let named = !url.username().is_empty() || url.password().is_some();
        self.when(named, "server.public_url", "holds a user name or password, which every link would carry");
        let plain = url.scheme() != "https" && !url.host_str().is_some_and(is_loopback);
        self.when(plain, "server.public_url", "is not https and not of this machine");
    }

    /// A line break in a value that reaches a header would end the header and begin another.
    fn broken_headers(&mut self, config: &Config) {
        for (key, value) in load::leaves(&Table::try_from(config).unwrap_or_default()) {
            self.when(
                has_control(&value),
                &key,
                "holds a control character (line break, NUL), which would break a header",
            );
        }
        let secrets =
            [("database.url", Some(&config.database.url)), ("mail.password", config.mail.password.as_ref())];
        for (key, secret) in secrets {
            let broken = secret.is_some_and(|secret| secret.expose_secret().contains(char::is_control));
            self.when(broken && !self.0.iter().any(|r| r.setting == key), key, "holds a control character");
        }
    }

    fn development(&mut self, config: &Config) {
        let server = &config.server;
        for (key, listen) in
            [("server.listen", server.listen), ("server.metrics_listen", server.metrics_listen)]
        {
            self.when(
                !listen.ip().is_loopback(),
                key,
                "development listens on loopback only; set DOORWARD_ENV",
            );
        }
    }

    /// Whoever is in a trusted network chooses the address that limits and audit go by.
    fn proxies(&mut self, config: &Config) {
        for network in config.proxies.trusted.iter().filter(|network| network.prefix_len() < NARROWEST) {
            let why = format!("{network} is half the world: everybody in it could claim any address");
            self.when(true, "proxies.trusted", why);
        }
    }

    fn origins(&mut self, origins: &[String]) {
        for origin in origins {
            let https = origin.starts_with("https://") && !origin.contains('*');
            let local = Url::parse(origin).is_ok_and(|url| url.host_str().is_some_and(is_loopback));
            self.when(!https || local, "origins", format!("production would answer scripts from {origin:?}"));
        }
    }

    fn database(&mut self, config: &Config) {
        let url = config.database.url.expose_secret();
        let why = "goes to another machine without TLS; add sslmode=verify-full";
        self.when(database_url::is_remote_without_tls(url), "database.url", why);
        let example = database_url::password(url).is_some_and(|password| is_example(&password));
        self.when(example, "database.url", "has a password from an example");
    }

    fn mail(&mut self, config: &Config) {
        let mail = &config.mail;
        let kept = mail.transport == MailTransport::Keep;
        self.when(
            kept,
            "mail.transport",
            "would keep all mail and send none; use smtp, or none to do without mail",
        );
        if mail.transport == MailTransport::Smtp {
            let why = "SMTP is not configured; set it, or mail.transport = \"none\", which closes sign-up and reset";
            self.when(mail.host.is_none(), "mail.host", why);
            self.when(mail.from.is_none(), "mail.from", "is required when mail is sent");
            let remote = mail.host.as_deref().is_some_and(|host| !is_loopback(host));
            self.when(remote && mail.tls == MailTls::None, "mail.tls", "goes to another machine without TLS");
            let example = mail.password.as_ref().is_some_and(|password| is_example(password.expose_secret()));
            self.when(example, "mail.password", "is from an example");
        }
    }

    fn hashing(&mut self, config: &Config) {
        let weak = config.hashing.memory_kib.get() < 19_456 || config.hashing.passes.get() < 2;
        self.when(weak, "hashing", "is weaker than memory_kib = 19456, passes = 2");
    }
}

/// A name, an address, or an address in brackets.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let named = bare == "localhost" || bare.ends_with(".localhost");
    named || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Compared without what people put around: `Change-Me!` is `changeme`, `secret123` is `secret`.
fn is_example(secret: &str) -> bool {
    let letters: String = secret.chars().filter(char::is_ascii_alphabetic).collect();
    let digits_alone = letters.is_empty() && secret.len() < 16;
    digits_alone || EXAMPLES.contains(&letters.to_ascii_lowercase().as_str())
}

/// For a secret that must be random: no longer word of the list may stand anywhere in it.
pub(super) fn holds_example(secret: &str) -> bool {
    let lower = secret.to_ascii_lowercase();
    is_example(secret) || EXAMPLES.iter().any(|example| example.len() > 5 && lower.contains(example))
}

fn has_control(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(char::is_control),
        Value::Array(items) => items.iter().any(has_control),
        _ => false,
    }
}

#[cfg(unix)]
pub fn others_may_read(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub fn others_may_read(_: &Path) -> bool {
    false
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.setting, self.why)
    }
}

impl super::Loaded {
    /// Of these settings, their files, and the origins that the tenants allow.
    pub fn insecure_reasons(&self, origins: &[String]) -> Vec<Reason> {
        insecure_reasons(&self.config, &Surroundings { secret_files: &self.secret_files, origins })
    }
}

#[cfg(test)]
mod tests;
