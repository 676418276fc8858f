//! Values that each are fine and together are not.

use std::time::Duration;

use super::{Config, Environment, MailTransport};
use crate::base::identifier::is_permission;

/// The key, and what is wrong with it.
pub fn check(config: &Config) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut demand = |holds: bool, key: &'static str, reason: &str| {
        if !holds {
            found.push((key, reason.to_owned()));
        }
    };
    let (server, lifetimes) = (&config.server, &config.lifetimes);
    let shared = server.listen == server.metrics_listen && server.listen.port() != 0;
    demand(!shared, "server.metrics_listen", "must be another listener than server.listen");
    match server.public_url.as_deref() {
        // What production lacks is told with the other reasons not to start.
        None => demand(
            config.environment == Environment::Production,
            "server.public_url",
            "is required outside development and test",
        ),
        Some(url) => demand(
            is_base(url),
            "server.public_url",
            "must be an absolute http(s) URL without query or fragment",
        ),
    }
    demand(
        lifetimes.refresh_idle <= lifetimes.refresh_absolute,
        "lifetimes.refresh_idle",
        "must not be longer than lifetimes.refresh_absolute",
    );
    demand(
        lifetimes.second_factor_idle <= lifetimes.second_factor_absolute,
        "lifetimes.second_factor_idle",
        "must not be longer than lifetimes.second_factor_absolute",
    );
    demand(lifetimes.jitter_percent <= 50, "lifetimes.jitter_percent", "must be from 0 to 50");
    demand(config.roles.serve || config.roles.work, "roles.serve", "a node must serve, work, or both");
    demand(
        config.guesses.delay_from <= config.guesses.at_most,
        "guesses.delay_from",
        "must not be more than guesses.at_most",
    );
    check_bounds(config, &mut demand);
    check_mail(config, &mut demand);
    check_permissions(&config.permissions.known, &mut demand);
    found
}

fn check_bounds(config: &Config, demand: &mut impl FnMut(bool, &'static str, &str)) {
    // argon2 itself refuses less than 8 KiB a lane.
    demand(config.hashing.memory_kib.get() >= 8, "hashing.memory_kib", "must be at least 8");
    let cache = config.database.cache_kib.get();
    demand(cache <= LARGEST_CACHE, "database.cache_kib", "must be at most 4194304, which is 4 GiB");
    for (key, wait) in waits(config) {
        demand(wait <= LONGEST_WAIT, key, "must be at most 30 seconds: no answer takes longer than 35");
    }
}

fn check_mail(config: &Config, demand: &mut impl FnMut(bool, &'static str, &str)) {
    let mail = &config.mail;
    demand(mail.user.is_some() == mail.password.is_some(), "mail.user", "goes together with mail.password");
    let production = config.environment == Environment::Production;
    let sends = mail.transport == MailTransport::Smtp;
    demand(!sends || production || mail.from.is_some(), "mail.from", "is required when mail is sent");
    demand(!sends || production || mail.host.is_some(), "mail.host", "is required when mail is sent");
    demand(!production || mail.allowed_domains.is_empty(), "mail.allowed_domains", "is not for production");
}

const MOST_PERMISSIONS: usize = 500;

fn check_permissions(known: &[String], demand: &mut impl FnMut(bool, &'static str, &str)) {
    let key = "permissions.known";
    demand(known.len() <= MOST_PERMISSIONS, key, "has at most 500");
    let wrong = known.iter().find(|identifier| !is_permission(identifier));
    demand(
        wrong.is_none(),
        key,
        "each is two to four parts of 1 to 32 of a-z, 0-9, - and _, apart by colons, as in shop:order:refund",
    );
    let mut sorted: Vec<&String> = known.iter().collect();
    sorted.sort();
    demand(sorted.windows(2).all(|pair| pair.first() != pair.last()), key, "names one of them twice");
}

const LARGEST_CACHE: u32 = 4 << 20;
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What a request may stand in line for, before it is told to come back.
fn waits(config: &Config) -> [(&'static str, Duration); 3] {
    [
        ("database.wait", config.database.wait),
        ("database.lock_wait", config.database.lock_wait),
        ("hashing.queue_wait", config.hashing.queue_wait),
    ]
}

fn is_base(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}
