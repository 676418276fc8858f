//! Commands that look: settings, components, mails, health.

use crate::ground::Ground;
use crate::ground::binary::Installation;
use crate::ground::on_both;

on_both!(
    the_settings_are_checked_and_shown_without_secrets,
    the_graph_can_be_sorted_and_everything_is_declared,
    a_migration_that_is_pending_is_told_and_changes_nothing,
    without_a_server_health_says_no,
);

async fn the_settings_are_checked_and_shown_without_secrets(ground: Ground) {
    let installation = Installation::on(&ground).with("DOORWARD_MAIL__USER", "post");
    let installation = installation.with("DOORWARD_MAIL__PASSWORD", "thistle-of-the-post");

    let (check, show) = (installation.run(&["config", "check"]), installation.run(&["config", "show"]));
    let wrong = installation.with("DOORWARD_JOBS__WORKERS", "none").run(&["config", "check"]);

    assert_eq!((check.code, check.out.as_str()), (0, "the settings are right, for test\n"), "{}", check.err);
    assert!(show.out.contains("master = \"[redacted]\" # environment DOORWARD_MASTER_KEY"), "{}", show.out);
    assert!(!show.out.contains(crate::ground::binary::KEY) && !show.out.contains("thistle"), "{}", show.out);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("jobs.workers (environment DOORWARD_JOBS__WORKERS): must be a whole number"));
}

async fn the_graph_can_be_sorted_and_everything_is_declared(ground: Ground) {
    let installation = Installation::on(&ground);

    let graph = installation.run(&["components", "--graph"]);
    let table = installation.run(&["components"]);
    let json = installation.run(&["components", "--json"]);

    assert!(graph.out.lines().any(|line| line == "api house"), "{}", graph.out);
    assert!(graph.out.lines().all(|line| line.split(' ').count() == 2), "{}", graph.out);
    assert!(
        table.out.starts_with("COMPONENT ") && table.out.contains(" STATE     IF IT FAILS "),
        "{}",
        table.out
    );
    assert!(table.out.lines().skip(1).all(|line| line.contains("  declared  ")), "{}", table.out);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert!(json.as_array().unwrap().iter().all(|one| one["state"] == "declared"));
    assert!(!installation.path("data").exists(), "looking at the graph made something");
}

async fn a_migration_that_is_pending_is_told_and_changes_nothing(ground: Ground) {
    let migrated = Installation::on(&ground);
    let fresh = Installation::bare().with("DOORWARD_ENV", "test");

    let done = (migrated.run(&["migrate", "--check"]), migrated.run(&["migrate"]));
    let before = fresh.run(&["migrate", "--check"]);
    let nothing = Installation::bare().with("DOORWARD_ENV", "development");
    let verified = nothing.run(&["verify"]);
    let made = fresh.run(&["migrate"]);

    assert_eq!((done.0.code, done.0.out.as_str()), (0, "the database is up to date\n"), "{}", done.0.err);
    assert_eq!(done.1.out, "nothing to do: the database is up to date\n");
    assert_eq!((before.code, before.out.as_str()), (5, "there is no database yet\n"), "{}", before.err);
    assert_eq!(
        (verified.code, nothing.path("data").exists()),
        (1, false),
        "looking made something: {}",
        verified.err
    );
    let versions = doorward::db::migrate::TEXTS.iter().filter_map(|(name, ..)| name.split('_').next());
    let applied: String = versions.map(|version| format!("applied {version}\n")).collect();
    assert_eq!((made.code, made.out), (0, applied), "{}", made.err);
    assert_eq!(fresh.run(&["migrate", "--check"]).code, 0);
}

async fn without_a_server_health_says_no(ground: Ground) {
    let installation = Installation::on(&ground);

    let alone = installation.run(&["health"]);
    let _running = installation.serve().await;
    let served = installation.run(&["health"]);

    assert_eq!(alone.code, 5);
    assert!(alone.err.starts_with("doorward: nobody answers at 127.0.0.1:"), "{}", alone.err);
    assert_eq!((served.code, served.out.as_str()), (0, "ready\n"));
}

#[test]
fn every_mail_can_be_looked_at_in_both_languages_and_an_unknown_one_is_named() {
    let installation = Installation::bare();

    let names = installation.run(&["mail", "preview"]);
    let dutch = installation.run(&["mail", "preview", "password/verify_address", "--locale", "nl"]);
    let html = installation.run(&["mail", "preview", "password/verify_address", "--html"]);
    let wrong = installation.run(&["mail", "preview", "password/poetry"]);

    assert_eq!(names.out.lines().count(), 14, "{}", names.out);
    assert!(dutch.out.starts_with("Subject: ") && dutch.out.contains("Hallo Ada"), "{}", dutch.out);
    assert!(
        html.out.starts_with("<!doctype html>") || html.out.starts_with("<!DOCTYPE html>"),
        "{}",
        html.out
    );
    assert_eq!(wrong.code, 1);
    assert_eq!(
        wrong.err,
        "doorward: there is no mail \"password/poetry\"; `doorward mail preview` names them\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_mail_goes_to_the_mail_server_and_its_refusal_is_told_in_its_words() {
    let smtp = crate::ground::smtp::Smtp::start().await;
    let plain = Installation::bare().with("DOORWARD_ENV", "test");
    let unset = plain.run(&["mail", "send-test", "ada@example.com"]);
    let plain = plain.with("DOORWARD_MAIL__TRANSPORT", "smtp").with("DOORWARD_MAIL__HOST", "127.0.0.1");
    let plain = plain.with("DOORWARD_MAIL__TLS", "none");
    let installation = plain.with("DOORWARD_MAIL__PORT", &smtp.address.port().to_string());

    let sent = installation.run(&["mail", "send-test", "ada@example.com"]);
    smtp.fail(crate::ground::smtp::Stage::Recipient, crate::ground::smtp::Fault::Say(550, "no such person"));
    let refused = installation.run(&["mail", "send-test", "bob@example.com"]);

    assert!(unset.err.contains("mail.transport is not smtp"), "{}", unset.err);
    assert_eq!(sent.out, "the mail server took a mail to ada@example.com\n", "{}", sent.err);
    assert_eq!((smtp.mails().len(), refused.code), (1, 1));
    assert!(refused.err.contains("no such person"), "{}", refused.err);
}

#[test]
fn the_defaults_file_is_whole_and_a_server_takes_it_as_it_is() {
    let installation = Installation::bare();

    let file = installation.run(&["config", "defaults"]);
    installation.write("doorward.toml", &file.out);

    assert!(file.out.contains("# An access token") || file.out.contains("An access token.\n# access = 300"));
    assert_eq!(installation.run(&["config", "check"]).code, 0);
}
