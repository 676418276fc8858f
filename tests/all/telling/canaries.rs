//! Secrets that are unlike anything else go in everywhere, and come out nowhere.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use doorward::components::Clock;
use doorward::components::config::{Config, MailTls, MailTransport};
use serde_json::Value;

use super::record;
use super::search::{holds, rows_with};
use super::tour::{CANARY, MEMBER, Tour};
use crate::ground::app::{App, MASTER, SECRET, config};
use crate::ground::people::PASSWORD;
use crate::ground::smtp::Smtp;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, Kind, on_both};

on_both!(log_1_no_secret_is_in_log_recorder_rows_metrics_or_refusals);

pub const MAIL_PASSWORD: &str = "Canary-of-the-mail-server-83";
const DATABASE_PASSWORD: &str = "Canary-of-the-database-62";

async fn log_1_no_secret_is_in_log_recorder_rows_metrics_or_refusals(ground: Ground) {
    let smtp = Smtp::with_login("doorward", MAIL_PASSWORD).await;
    let app = App::with_clock(ground.clone(), settings(&ground, &smtp), Clock::real()).await;
    record(&app);
    let spawned = spawn(&ground, &smtp);
    let mut here = Tour::of(&app, &smtp, (app.url(""), "here")).await;
    let mut there = Tour::of(&app, &smtp, (format!("http://{}", spawned.address), "there")).await;

    here.walk().await;
    there.walk().await;
    tokio::time::sleep(Duration::from_millis(1500)).await;

    let metrics = reqwest::get(format!("http://{}/metrics", spawned.metrics())).await.unwrap();
    let recorder = app.running.house.recorder.latest(usize::MAX);
    let recorded: Vec<_> = recorder.iter().map(|tree| tree.json().to_string()).collect();
    let refusals = [&here, &there].map(|tour| tour.refusals.join("\n")).join("\n");
    let log = spawned.text();
    let places =
        [("log", log), ("recorder", recorded.join("\n")), ("metrics", metrics.text().await.unwrap())];
    let mut secrets = own_secrets();
    secrets.extend(here.secrets.into_iter().chain(there.secrets));
    every_route_was_walked(&spawned);
    every_place_tells(&places);
    for secret in &secrets {
        let tell = places.iter().find(|(_, text)| holds(text.as_bytes(), secret));
        assert!(tell.is_none(), "{secret} stands in the {}", tell.unwrap().0);
        assert!(secret == MEMBER || !holds(refusals.as_bytes(), secret), "{secret} was answered: {refusals}");
        assert_eq!(rows_with(&ground, secret), Vec::<String>::new(), "{secret} stands in a row");
    }
}

/// What the server itself is told in confidence.
fn own_secrets() -> BTreeSet<String> {
    let hex: String = MASTER.iter().map(|byte| format!("{byte:02x}")).collect();
    let own = [
        CANARY,
        MEMBER,
        PASSWORD,
        SECRET,
        MAIL_PASSWORD,
        DATABASE_PASSWORD,
        &BASE64_STANDARD.encode(MASTER),
        &hex,
    ];
    own.into_iter().map(str::to_owned).collect()
}

/// A password that PostgreSQL here does not ask for, and would be sent.
fn url(ground: &Ground) -> String {
    ground.url().replace("doorward@", &format!("doorward:{DATABASE_PASSWORD}@"))
}

pub fn settings(ground: &Ground, smtp: &Smtp) -> Config {
    let mut config = config(ground);
    config.database.url = url(ground).into();
    config.mail.transport = MailTransport::Smtp;
    config.mail.host = Some("127.0.0.1".into());
    config.mail.port = smtp.address.port().try_into().unwrap();
    config.mail.tls = MailTls::None;
    config.mail.user = Some("doorward".into());
    config.mail.password = Some(MAIL_PASSWORD.to_owned().into());
    config.limits.mails_per_address_per_hour = 1_000_000.try_into().unwrap();
    config
}

fn spawn(ground: &Ground, smtp: &Smtp) -> Spawned {
    let (url, port) = (url(ground), smtp.address.port().to_string());
    let own = [
        ("RUST_LOG", "trace"),
        ("DATABASE_URL", url.as_str()),
        ("DOORWARD_MAIL__TRANSPORT", "smtp"),
        ("DOORWARD_MAIL__HOST", "127.0.0.1"),
        ("DOORWARD_MAIL__PORT", port.as_str()),
        ("DOORWARD_MAIL__TLS", "none"),
        ("DOORWARD_MAIL__USER", "doorward"),
        ("DOORWARD_MAIL__PASSWORD", MAIL_PASSWORD),
        ("DOORWARD_MAIL__FROM", "door@a.example"),
        ("DOORWARD_HASHING__MEMORY_KIB", "64"),
        ("DOORWARD_HASHING__PASSES", "1"),
        ("DOORWARD_LIMITS__ADDRESS_PER_MINUTE", "1000000"),
        ("DOORWARD_LIMITS__TENANT_PER_MINUTE", "1000000"),
        ("DOORWARD_LIMITS__GUESSES_PER_ADDRESS_PER_MINUTE", "1000000"),
        ("DOORWARD_LIMITS__GUESSES_PER_TENANT_PER_MINUTE", "1000000"),
        ("DOORWARD_LIMITS__SIGN_UPS_PER_ADDRESS_PER_HOUR", "1000000"),
        ("DOORWARD_LIMITS__MAILS_PER_ADDRESS_PER_HOUR", "1000000"),
    ];
    assert!(ground.kind == Kind::Sqlite || url.contains(DATABASE_PASSWORD));
    Spawned::with(ground, &own)
}

/// A route that no tour has walked with success may leak whatever it likes.
fn every_route_was_walked(spawned: &Spawned) {
    let told = spawned.told();
    let done =
        |line: &&Value| line["message"] == "answered" && line["status"].as_i64().is_some_and(|s| s < 300);
    let walked: BTreeSet<_> = told.iter().filter(done).filter_map(|line| line["event"].as_str()).collect();
    let ours = |name: &str| {
        ["password.", "account.", "sessions.", "users."].iter().any(|room| name.starts_with(room))
    };
    let routes = doorward::app::routes();
    let names = routes.iter().map(|route| route.name).filter(|name| ours(name));
    // Nobody can act as somebody else yet, so that nobody can stop it.
    let missed: Vec<_> =
        names.filter(|name| *name != "sessions.stop_impersonation" && !walked.contains(name)).collect();
    assert!(missed.is_empty(), "no tour leads through {missed:?}");
}

/// An empty log keeps every secret.
fn every_place_tells(places: &[(&str, String); 3]) {
    let [log, recorded, metrics] = places;
    for event in ["sessions.refresh", "password.login", "account.reset_password"] {
        assert!(log.1.contains(event) && recorded.1.contains(event), "{event} is not told");
    }
    assert!(metrics.1.contains("doorward_requests_total"), "{}", metrics.1);
}
