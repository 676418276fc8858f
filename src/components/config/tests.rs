//! Where settings come from, which one wins, and how each is refused.

use std::fs;
use std::time::Duration;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;

struct Given {
    base: TempDir,
    variables: Variables,
    flags: Overrides,
}

impl Given {
    fn new(file: &str, variables: &[(&str, &str)]) -> Self {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("doorward.toml"), file).unwrap();
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { base, variables, flags: Overrides::default() }
    }

    fn load(&self) -> Result<Loaded, Vec<Problem>> {
        load(&self.flags, &self.variables, self.base.path())
    }

    /// The keys that were refused.
    fn refused(&self) -> Vec<String> {
        self.load().unwrap_err().into_iter().map(|problem| problem.key).collect()
    }
}

fn refused_file(file: &str) -> Vec<String> {
    Given::new(file, &[]).refused()
}

fn refused_variable(name: &str, value: &str) -> Vec<String> {
    Given::new("", &[(name, value)]).refused()
}

#[test]
fn nothing_set_is_development_with_its_defaults() {
    let config = Given::new("", &[]).load().unwrap().config;

    assert_eq!(config.environment, Environment::Development);
    assert_eq!(config.server.public_url.as_deref(), Some("http://localhost:3000"));
    assert_eq!(config.database.url.expose_secret(), "sqlite://data/doorward.db");
    assert_eq!(config.mail.transport, MailTransport::Keep);
    assert_eq!(config.lifetimes.undo, Duration::from_secs(72 * 3600));
    assert_eq!(config.limits.mails_per_address_per_hour.get(), 3);
    assert_eq!((config.mail.port.get(), config.guesses.delay_from.get()), (587, 5));
}

#[test]
fn a_flag_beats_a_variable_which_beats_the_file_which_beats_the_default() {
    let mut given = Given::new("[server]\nlisten = '127.0.0.1:1'", &[]);
    let port = |given: &Given| given.load().unwrap().config.server.listen.port();

    let file = port(&given);
    given.variables.insert("DOORWARD_SERVER__LISTEN".to_owned(), "127.0.0.1:2".to_owned());
    let variable = port(&given);
    given.flags.listen = Some("127.0.0.1:3".to_owned());

    assert_eq!((file, variable, port(&given)), (1, 2, 3));
}

#[test]
fn variables_take_the_type_of_their_setting() {
    let variables = [
        ("DOORWARD_LIMITS__BODY", "1024"),
        ("DOORWARD_ROLES__WORK", "false"),
        ("DOORWARD_PROXIES__TRUSTED", "10.0.0.0/8, ::1"),
        ("DOORWARD_MAIL__ALLOWED_DOMAINS", "example.nl"),
        ("DOORWARD_TENANTS__FILE", "other.toml"),
        ("PATH", "/bin"),
    ];

    let config = Given::new("", &variables).load().unwrap().config;

    assert_eq!((config.limits.body.get(), config.roles.work), (1024, false));
    assert_eq!(config.proxies.trusted, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    assert_eq!(config.mail.allowed_domains, ["example.nl"]);
    assert_eq!(config.tenants.file.to_str(), Some("other.toml"));
}

#[test]
fn every_lifetime_takes_one_second_and_none_takes_zero() {
    let names: Vec<String> = load::leaves(&load::defaults(Environment::Development))
        .into_keys()
        .filter(|key| key.starts_with("lifetimes.") && key != "lifetimes.jitter_percent")
        .collect();
    let file = |seconds: u32| names.iter().map(|name| format!("{name} = {seconds}\n")).collect::<String>();

    assert_eq!(names.len(), 14);
    assert!(Given::new(&file(1), &[]).load().is_ok());
    assert_eq!(refused_file(&file(0)).len(), names.len());
}

#[test]
fn a_value_may_come_from_a_file() {
    let given = Given::new("", &[("DATABASE_URL_FILE", "url"), ("DOORWARD_MAIL__FROM_FILE", "from")]);
    fs::write(given.base.path().join("url"), "postgres://u:p@db/d\n").unwrap();
    fs::write(given.base.path().join("from"), "a@example.nl\r\n").unwrap();

    let loaded = given.load().unwrap();

    assert_eq!(loaded.config.database.url.expose_secret(), "postgres://u:p@db/d");
    assert_eq!(loaded.config.mail.from.as_deref(), Some("a@example.nl"));
    assert_eq!(loaded.secret_files, [given.base.path().join("url")]);
}

#[test]
fn a_value_file_that_is_not_there_is_refused() {
    assert_eq!(refused_variable("DOORWARD_MASTER_KEY_FILE", "gone"), ["keys.master"]);
}

#[test]
fn a_setting_said_twice_in_the_environment_is_refused() {
    let long = ("DOORWARD_DATABASE__URL", "sqlite://b");
    let file = ("DOORWARD_MASTER_KEY_FILE", "key");

    assert_eq!(Given::new("", &[("DATABASE_URL", "sqlite://a"), long]).refused(), ["database.url"]);
    assert_eq!(Given::new("", &[("DOORWARD_MASTER_KEY", "x"), file]).refused(), ["keys.master"]);
}

#[test]
fn an_unknown_key_is_refused_wherever_it_stands() {
    assert_eq!(refused_file("nonsense = 1"), ["nonsense"]);
    assert_eq!(refused_file("[nonsense]"), ["nonsense"]);
    assert_eq!(refused_file("[nonsense]\na = 1"), ["nonsense"]);
    assert_eq!(refused_file("[limits]\nbodies = 1"), ["limits.bodies"]);
    assert_eq!(refused_variable("DOORWARD_LIMITS__BODIES", "1"), ["DOORWARD_LIMITS__BODIES"]);
    assert_eq!(refused_variable("DOORWARD_NONSENSE", "1"), ["DOORWARD_NONSENSE"]);
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    assert_eq!(refused_file("lifetimes = 3"), ["lifetimes"]);
    assert_eq!(refused_file("[limits]\nbody = 'much'"), ["limits.body"]);
    assert_eq!(refused_file("[limits]\nbody = 0"), ["limits.body"]);
    assert_eq!(refused_file("environment = 'prod'"), ["environment"]);
    assert_eq!(refused_variable("DOORWARD_LIMITS__BODY", "much"), ["limits.body"]);
    assert_eq!(refused_variable("DOORWARD_ROLES__WORK", "perhaps"), ["roles.work"]);
    assert_eq!(refused_variable("DATABASE_URL", "mysql://db"), ["database.url"]);
    assert_eq!(refused_variable("DOORWARD_SERVER__LISTEN", "3000"), ["server.listen"]);
}

#[test]
fn a_bad_proxy_network_is_refused() {
    assert_eq!(refused_variable("DOORWARD_PROXIES__TRUSTED", "10.0.0.0/33"), ["proxies.trusted"]);
    assert_eq!(refused_file("[proxies]\ntrusted = ['proxy']"), ["proxies.trusted"]);
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    assert_eq!(refused_file("[lifetimes]\nrefresh_absolute = 60"), ["lifetimes.refresh_idle"]);
    assert_eq!(refused_file("[lifetimes]\nsecond_factor_absolute = 60"), ["lifetimes.second_factor_idle"]);
    assert_eq!(refused_file("[lifetimes]\njitter_percent = 51"), ["lifetimes.jitter_percent"]);
    assert_eq!(refused_file("[server]\nlisten = '127.0.0.1:3001'"), ["server.metrics_listen"]);
    assert_eq!(refused_file("[roles]\nserve = false\nwork = false"), ["roles.serve"]);
    assert_eq!(refused_file("[guesses]\ndelay_from = 101"), ["guesses.delay_from"]);
    assert_eq!(refused_file("[hashing]\nmemory_kib = 7"), ["hashing.memory_kib"]);
    assert_eq!(refused_file("[database]\nwait = 31"), ["database.wait"]);
    assert_eq!(refused_file("[database]\nlock_wait = 31"), ["database.lock_wait"]);
    assert_eq!(refused_file("[hashing]\nqueue_wait = 31"), ["hashing.queue_wait"]);
    assert_eq!(refused_file("[mail]\nuser = 'a'"), ["mail.user"]);
    assert_eq!(refused_file("[mail]\ntransport = 'smtp'"), ["mail.host"]);
}

#[test]
fn outside_development_and_test_a_public_url_is_required() {
    let silent = "environment = 'acceptance'\n[mail]\ntransport = 'none'";
    assert_eq!(refused_file(silent), ["server.public_url", "keys.master"]);
    assert_eq!(refused_file("[server]\npublic_url = 'door.example.nl'"), ["server.public_url"]);
    assert_eq!(refused_file("[server]\npublic_url = 'https://a.nl?b'"), ["server.public_url"]);
}

#[test]
fn what_is_not_right_and_what_is_not_safe_are_told_in_one_breath() {
    let told = refused_file(
        "environment = 'production'\n[database]\nurl = 'postgres://door:changeme@db.example/door'\n[mail]\nuser = 'a'",
    );

    for key in ["mail.user", "keys.master", "server.public_url", "database.url"] {
        assert!(told.contains(&key.to_owned()), "{key}: {told:?}");
    }
}

#[test]
fn all_problems_come_at_once_each_with_its_source() {
    let given = Given::new("[limits]\nbody = 0\n[mail]\nhots = 'a'", &[("DOORWARD_LIFETIMES__CODE", "0")]);

    let problems = given.load().unwrap_err();

    let file = Source::File(given.base.path().join("doorward.toml"));
    let found: Vec<_> =
        problems.iter().map(|problem| (problem.key.as_str(), problem.source.clone())).collect();
    let variable = Source::Variable("DOORWARD_LIFETIMES__CODE".to_owned());
    assert_eq!(found, [("lifetimes.code", variable), ("limits.body", file.clone()), ("mail.hots", file)]);
}

#[test]
fn a_named_file_must_be_there_and_the_usual_one_need_not() {
    let mut given = Given::new("", &[]);
    fs::remove_file(given.base.path().join("doorward.toml")).unwrap();
    assert!(given.load().is_ok());

    given.flags.config = Some("other.toml".into());

    assert_eq!(given.refused(), ["--config"]);
}

#[test]
fn no_refusal_quotes_a_secret() {
    let wrong_type = Given::new("[keys]\nmaster = 8675309\n[mail]\npassword = 8675309", &[]).load();
    let syntax = Given::new("[mail]\npassword = '8675309", &[]).load();
    let url = Given::new("", &[("DATABASE_URL", "mysql://u:8675309@db")]).load();

    let told = format!("{:?}{:?}{:?}", wrong_type.unwrap_err(), syntax.unwrap_err(), url.unwrap_err());

    assert!(!told.contains("8675309"), "{told}");
}

#[test]
fn the_whole_configuration_is_shown_with_sources_and_without_secrets() {
    let variables = [("DOORWARD_MASTER_KEY", "hunter1"), ("DATABASE_URL", "postgres://u:hunter2@db/d")];
    let mail = "[mail]\nuser = 'door'\npassword = 'hunter3'";
    let mut given = Given::new(mail, &variables);
    given.flags.log_format = Some("json".to_owned());

    let shown = show(&given.load().unwrap());

    let file = format!("file {}", given.base.path().join("doorward.toml").display());
    assert!(!shown.contains("hunter"), "{shown}");
    assert!(shown.contains("master = \"[redacted]\" # environment DOORWARD_MASTER_KEY\n"), "{shown}");
    assert!(shown.contains("url = \"postgres://u@db/d\" # environment DATABASE_URL\n"), "{shown}");
    assert!(shown.contains(&format!("password = \"[redacted]\" # {file}\n")), "{shown}");
    assert!(shown.contains("format = \"json\" # flag --log-format\n"), "{shown}");
    assert!(shown.contains("access = 300 # default\n"), "{shown}");
}

#[test]
fn what_is_shown_can_be_read_again_and_is_whole() {
    let shown = show(&Given::new("", &[]).load().unwrap());

    let read: toml::Table = shown.parse().unwrap();

    assert_eq!(read, load::defaults(Environment::Development));
    assert!(Given::new(&shown, &[]).load().is_ok());
}

#[test]
fn settings_do_not_print_their_secrets() {
    let loaded =
        Given::new("", &[("DOORWARD_MASTER_KEY", "hunter1"), ("DATABASE_URL", "postgres://u:hunter2@db/d")]);

    assert!(!format!("{:?}", loaded.load().unwrap()).contains("hunter"));
}
