//! What each setting is for, in a sentence; and from these the commented file that holds every default.

use std::fmt::Write;

use toml::Value;

use super::{Environment, load};

/// By dotted key. A test holds it against the settings: none is missing, none is of the past.
const SENTENCES: &[(&str, &str)] = &[
    ("environment", "development, test, acceptance or production. Better said by DOORWARD_ENV."),
    ("server.listen", "Where the API answers."),
    ("server.metrics_listen", "Where metrics are shown; never on the address of the API."),
    ("server.docs", "Show the API's documentation at /docs."),
    ("server.public_url", "The instance's own address. Required outside development and test."),
    (
        "server.drain_pause",
        "Seconds that a stopping server still answers while it says that it is not ready.",
    ),
    ("keys.master", "32 random bytes as base64 or hex. Give it by DOORWARD_MASTER_KEY_FILE, not here."),
    ("keys.rotate", "Seconds that a tenant's signing key signs before the next one does."),
    ("database.url", "sqlite://path, or postgres://user@host/name. Better said by DATABASE_URL."),
    ("database.pool", "Connections to PostgreSQL."),
    ("database.readers", "Reading connections to SQLite, which has one writer besides."),
    (
        "database.cache_kib",
        "Memory that each connection to SQLite keeps pages in; more of it where the file is large.",
    ),
    ("database.wait", "Seconds that a request waits for a connection before it is told to come back."),
    ("database.lock_wait", "Seconds that a statement waits for a lock."),
    ("mail.transport", "smtp, keep (looked at and never sent), or none, which closes sign-up and reset."),
    ("mail.host", "The mail server."),
    ("mail.port", "Its port."),
    ("mail.tls", "starttls, implicit or none."),
    ("mail.user", "The user at the mail server, together with mail.password."),
    ("mail.password", "Give it by DOORWARD_MAIL__PASSWORD_FILE, not here."),
    ("mail.from", "The sender, as in: Doorward <door@example.com>."),
    ("mail.allowed_domains", "Acceptance sends to these domains alone."),
    ("hashing.memory_kib", "Memory of one password hash. Production takes no less than 19456."),
    ("hashing.passes", "Passes of one password hash. Production takes no less than 2."),
    ("hashing.permits", "How many hashes run at once; by default one less than there are cores."),
    ("hashing.queue", "How many wait for their turn; the next is told to come back."),
    ("hashing.queue_wait", "Seconds that one waits."),
    ("lifetimes.access", "All lifetimes are in seconds. An access token."),
    ("lifetimes.refresh_idle", "A session that is not refreshed ends after this."),
    ("lifetimes.refresh_absolute", "Every session ends after this."),
    ("lifetimes.second_factor_idle", "As refresh_idle, for people with a second factor."),
    ("lifetimes.second_factor_absolute", "As refresh_absolute, for people with a second factor."),
    (
        "lifetimes.refresh_grace",
        "Two tabs of one browser that refresh within this get the same next token; a token younger than this is answered with itself.",
    ),
    (
        "lifetimes.idempotent_recovery",
        "Within this an Idempotency-Key gets back the answer of a lost refresh.",
    ),
    ("lifetimes.pending", "A login that waits for its second factor."),
    ("lifetimes.link", "A link in a mail."),
    ("lifetimes.code", "A typed code in a mail."),
    ("lifetimes.invitation", "An invitation."),
    ("lifetimes.sign_up", "A sign-up whose address nobody confirmed."),
    ("lifetimes.undo", "The undo of a change of address."),
    (
        "lifetimes.jwks",
        "How long others may keep our public keys; a new key is published twice as long before use.",
    ),
    (
        "lifetimes.jitter_percent",
        "Lifetimes are shortened by up to this share, so that not all sessions end at once.",
    ),
    ("limits.body", "Bytes of a JSON body."),
    ("limits.headers", "Bytes of all headers."),
    ("limits.url", "Bytes of a URL."),
    ("limits.address_per_minute", "Requests from one address."),
    ("limits.tenant_per_minute", "Requests to one tenant."),
    ("limits.sign_ups_per_address_per_hour", "Sign-ups from one address."),
    (
        "limits.mails_per_address_per_hour",
        "Mails of one kind that callers of one network (IPv6: /48) can cause to one mail address; all callers together four times as many.",
    ),
    ("limits.mails_per_tenant_per_day", "Mails that strangers can cause in one tenant."),
    ("limits.guesses_per_address_per_minute", "Logins and codes that are tried from one address."),
    ("limits.guesses_per_tenant_per_minute", "Logins and codes that are tried in one tenant."),
    ("guesses.delay_from", "Wrong passwords in a row after which each next one waits."),
    ("guesses.at_most", "Wrong passwords in a row after which none is looked at."),
    ("proxies.trusted", "Networks of your proxies. Forwarded headers count from these alone."),
    ("roles.serve", "This process answers requests."),
    ("roles.work", "This process carries mail and other jobs."),
    ("jobs.workers", "Jobs at once."),
    (
        "jobs.lease",
        "Seconds after which the job or the delivery of a silent worker is given to another; longer than ten, or deliveries are made twice.",
    ),
    ("jobs.poll", "Seconds between looks for work when nobody rings."),
    ("jobs.keep", "Seconds that a job which is done is kept. Dead ones are kept until they are replayed."),
    (
        "egress.allow",
        "Networks that tenants' webhooks may reach beside the public internet: [\"10.1.0.0/16\"].",
    ),
    ("events.recorder", "Bytes of memory for the trees of recent requests."),
    ("events.keep", "Seconds that domain events are kept."),
    ("log.format", "auto (readable in a terminal), json or text."),
    ("tenants.file", "What `doorward tenants` reads."),
    (
        "permissions.known",
        "Permissions of your applications, as in shop:order:refund. Every tenant's admin holds them; none is forgotten when it leaves this list.",
    ),
];

/// Every setting with its default, commented out, so that the file can be taken as it is.
pub fn commented(environment: Environment) -> String {
    let table = load::defaults(environment);
    let (sections, plain): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| value.is_table());
    let mut text = format!(
        "# Every setting of Doorward with its default in {environment}. Take the # away before what you change.\n\
         # Each is also a variable: DOORWARD_SECTION__KEY, or DOORWARD_SECTION__KEY_FILE with a path to the value.\n"
    );
    for (key, value) in plain {
        line(&mut text, (key, key), value);
    }
    for (name, section) in sections {
        _ = writeln!(text, "\n[{name}]");
        section.as_table().into_iter().flatten().for_each(|(key, value)| {
            line(&mut text, (&format!("{name}.{key}"), key), value);
        });
    }
    text
}

fn line(text: &mut String, (path, key): (&str, &str), value: &Value) {
    let sentence = SENTENCES.iter().find(|(known, _)| *known == path).map_or("", |(_, sentence)| sentence);
    // As many permits as there are cores is no value to copy to another machine.
    let value = if path == "hashing.permits" { &Value::Integer(1) } else { value };
    _ = writeln!(text, "# {sentence}\n# {key} = {value}");
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;

    #[test]
    fn every_setting_has_a_sentence_and_no_sentence_is_left_over() {
        let known = load::leaves(&load::defaults(Environment::Production));
        let told: Vec<_> = SENTENCES.iter().map(|(key, _)| *key).collect();

        let silent: Vec<_> = known.keys().filter(|key| !told.contains(&key.as_str())).collect();
        let stale: Vec<_> = told.iter().filter(|key| !known.contains_key(**key)).collect();

        assert!(silent.is_empty() && stale.is_empty(), "silent {silent:?}, stale {stale:?}");
    }

    #[test]
    fn the_defaults_file_is_toml_whether_its_comments_are_taken_away_or_not() {
        let file = commented(Environment::Development);
        let bare: String = file.lines().filter(|line| !line.ends_with('.')).map(uncommented).collect();

        assert!(file.parse::<Table>().is_ok_and(|table| table.values().all(is_empty)));
        assert!(bare.parse::<Table>().is_ok_and(|table| table.len() > 10), "{bare}");
    }

    fn uncommented(line: &str) -> String {
        format!("{}\n", line.strip_prefix("# ").unwrap_or(line))
    }

    fn is_empty(section: &Value) -> bool {
        section.as_table().is_some_and(Table::is_empty)
    }
}
