//! One refusal for each reason, and none for a server that is well set up.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::components::config::{Overrides, Variables, load};

/// Production as it should be, with these variables on top; the settings that are to blame come back.
fn blamed(changes: &[(&str, &str)]) -> Vec<String> {
    let good = [
        ("DOORWARD_ENV", "production"),
        ("DOORWARD_MASTER_KEY", "Zk1v0yTqX3mWJr8sNcA5dPeL7hUbG2oKi9fQxYw4VtE="),
        ("DATABASE_URL", "postgres://door:v3ryL0ng@db/door?sslmode=verify-full"),
        ("DOORWARD_SERVER__PUBLIC_URL", "https://door.example.nl"),
        ("DOORWARD_SERVER__LISTEN", "0.0.0.0:3000"),
        ("DOORWARD_MAIL__HOST", "smtp.example.nl"),
        ("DOORWARD_MAIL__FROM", "Doorward <door@example.nl>"),
    ];
    let variables: Variables =
        good.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let base = tempfile::tempdir().unwrap();
    let loaded = load(&Overrides::default(), &variables, base.path()).unwrap();
    loaded.insecure_reasons(&[]).into_iter().map(|reason| reason.setting).collect()
}

#[test]
fn a_server_that_is_well_set_up_starts() {
    assert_eq!(blamed(&[]), [""; 0]);
}

#[test]
fn a_missing_or_weak_master_key_is_refused() {
    assert_eq!(blamed(&[("DOORWARD_MASTER_KEY", "")]), ["keys.master"]);
    assert_eq!(blamed(&[("DOORWARD_MASTER_KEY", "changeme")]), ["keys.master"]);
    assert_eq!(blamed(&[("DOORWARD_MASTER_KEY", "c2hvcnQ=")]), ["keys.master"]);
}

#[test]
fn a_public_url_must_be_https_outside_this_machine() {
    assert_eq!(blamed(&[("DOORWARD_SERVER__PUBLIC_URL", "http://door.example.nl")]), ["server.public_url"]);
    assert_eq!(
        blamed(&[("DOORWARD_SERVER__PUBLIC_URL", "http://localhost.example.nl")]),
        ["server.public_url"]
    );
    assert_eq!(blamed(&[("DOORWARD_SERVER__PUBLIC_URL", "http://127.0.0.1:3000")]), [""; 0]);
    assert_eq!(blamed(&[("DOORWARD_SERVER__PUBLIC_URL", "http://[::1]:3000")]), [""; 0]);
}

#[test]
fn a_public_url_with_a_user_in_it_is_refused() {
    assert_eq!(
        blamed(&[("DOORWARD_SERVER__PUBLIC_URL", "https://a:b@door.example.nl")]),
        ["server.public_url"]
    );
    assert_eq!(
        blamed(&[("DOORWARD_SERVER__PUBLIC_URL", "https://a@door.example.nl")]),
        ["server.public_url"]
    );
}

#[test]
fn a_value_that_would_break_a_header_is_refused() {
    assert_eq!(blamed(&[("DOORWARD_MAIL__FROM", "a\r\nBcc: b@example.nl")]), ["mail.from"]);
    assert_eq!(
        blamed(&[("DOORWARD_SERVER__PUBLIC_URL", "https://door.example.nl/\n")]),
        ["server.public_url"]
    );
    assert_eq!(blamed(&[("DOORWARD_MAIL__HOST", "smtp\0")]), ["mail.host"]);
}

#[test]
fn a_remote_database_without_tls_or_with_an_example_password_is_refused() {
    assert_eq!(blamed(&[("DATABASE_URL", "postgres://door:v3ryL0ng@db/door")]), ["database.url"]);
    assert_eq!(blamed(&[("DATABASE_URL", "postgres://p:postgres@db/d?sslmode=require")]), ["database.url"]);
    assert_eq!(blamed(&[("DATABASE_URL", "postgres://p:Change-Me1@localhost/d")]), ["database.url"]);
    assert_eq!(blamed(&[("DATABASE_URL", "sqlite://data/door.db")]), [""; 0]);
}

#[test]
fn production_without_smtp_is_refused_unless_it_says_so() {
    assert_eq!(blamed(&[("DOORWARD_MAIL__HOST", "")]), ["mail.host"]);
    assert_eq!(blamed(&[("DOORWARD_MAIL__FROM", "")]), ["mail.from"]);
    assert_eq!(blamed(&[("DOORWARD_MAIL__TRANSPORT", "keep")]), ["mail.transport"]);
    assert_eq!(blamed(&[("DOORWARD_MAIL__HOST", ""), ("DOORWARD_MAIL__TRANSPORT", "none")]), [""; 0]);
}

#[test]
fn a_remote_mail_server_without_tls_or_with_an_example_password_is_refused() {
    let user = ("DOORWARD_MAIL__USER", "door");

    assert_eq!(blamed(&[("DOORWARD_MAIL__TLS", "none")]), ["mail.tls"]);
    assert_eq!(blamed(&[("DOORWARD_MAIL__TLS", "none"), ("DOORWARD_MAIL__HOST", "localhost")]), [""; 0]);
    assert_eq!(blamed(&[user, ("DOORWARD_MAIL__PASSWORD", "password123")]), ["mail.password"]);
}

#[test]
fn weak_hashing_is_refused() {
    assert_eq!(blamed(&[("DOORWARD_HASHING__MEMORY_KIB", "1024")]), ["hashing"]);
    assert_eq!(blamed(&[("DOORWARD_HASHING__PASSES", "1")]), ["hashing"]);
}

#[test]
fn development_on_an_open_listener_is_refused() {
    let development = ("DOORWARD_ENV", "development");

    assert_eq!(blamed(&[development]), ["server.listen"]);
    assert_eq!(blamed(&[development, ("DOORWARD_SERVER__LISTEN", "127.0.0.1:3000")]), [""; 0]);
}

#[test]
fn permissive_origins_are_refused_in_production() {
    let mut config = Config::defaults(Environment::Production);
    config.keys.master = Some("Zk1v0yTqX3mWJr8sNcA5dPeL7hUbG2oKi9fQxYw4VtE=".into());
    config.mail.transport = MailTransport::None;
    config.server.public_url = Some("https://login.example.nl".into());
    let refused = |origin: &str| {
        let around = Surroundings { origins: &[origin.to_owned()], ..Surroundings::default() };
        insecure_reasons(&config, &around).len()
    };

    assert_eq!(["*", "null", "http://a.nl", "https://*.a.nl", "https://localhost:1"].map(refused), [1; 5]);
    assert_eq!(refused("https://app.example.nl"), 0);
}

#[test]
fn a_network_of_proxies_that_is_half_the_world_is_refused() {
    for network in ["0.0.0.0/0", "::/0", "128.0.0.0/1", "10.0.0.0/7"] {
        assert_eq!(blamed(&[("DOORWARD_PROXIES__TRUSTED", network)]), ["proxies.trusted"], "{network}");
    }
    assert!(blamed(&[("DOORWARD_PROXIES__TRUSTED", "10.0.0.0/8,172.16.0.0/12,fd00::/8")]).is_empty());
}

#[test]
fn a_secret_file_that_others_may_read_is_refused_in_every_environment() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("key");
    std::fs::write(&path, "Zk1v0yTqX3mWJr8sNcA5dPeL7hUbG2oKi9fQxYw4VtE=\n").unwrap();
    let variables = Variables::from([("DOORWARD_MASTER_KEY_FILE".to_owned(), "key".to_owned())]);
    let loaded = load(&Overrides::default(), &variables, base.path()).unwrap();
    let reasons = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        loaded.insecure_reasons(&[]).len()
    };

    assert_eq!([0o644, 0o640, 0o604, 0o600, 0o400].map(reasons), [1, 1, 1, 0, 0]);
}

#[test]
fn all_reasons_come_at_once() {
    let many = [
        ("DOORWARD_MASTER_KEY", "secret"),
        ("DOORWARD_SERVER__PUBLIC_URL", "http://door.example.nl"),
        ("DOORWARD_MAIL__TLS", "none"),
        ("DATABASE_URL", "postgres://db/door"),
    ];

    assert_eq!(blamed(&many), ["keys.master", "server.public_url", "database.url", "mail.tls"]);
}
