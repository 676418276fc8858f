//! What a process refuses to start with, and what it says then.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;

use diesel::connection::SimpleConnection;

use crate::ground::Ground;
use crate::ground::binary::{Installation, KEY};
use crate::ground::on_both;

on_both!(
    cfg_1_no_weak_default_or_example_master_key_starts,
    cfg_1_a_key_file_that_others_may_read_refuses_the_start,
    cfg_2_production_refuses_every_insecure_setting_and_names_them_all_at_once,
    a_node_with_another_master_key_refuses_to_start_in_one_sentence,
    a_server_of_another_environment_refuses_to_start,
    a_migration_that_was_changed_after_it_ran_refuses_the_start_and_is_named,
);

/// Refused at the start itself, not only when asked.
fn refused(installation: &Installation) -> String {
    let started = installation.run(&["serve"]);
    assert_eq!(started.code, 1, "{started:?}");
    started.err
}

async fn cfg_1_no_weak_default_or_example_master_key_starts(ground: Ground) {
    let started = |key: &str| refused(&Installation::on(&ground).with("DOORWARD_MASTER_KEY", key));

    let examples = ["changeme", "secret", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="].map(started);
    let weak = ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "c2hvcnQ=", ""].map(started);
    let text = started("dGhpcyBpcyBhIHRleHQgb2YgMzIgY2hhcnMgbG9uZyE=");

    assert!(examples.iter().all(|said| said.contains("keys.master: is an example")), "{examples:?}");
    assert!(weak[0].contains("keys.master: is not random"), "{}", weak[0]);
    assert!(weak[1].contains("keys.master: must be 32 random bytes"), "{}", weak[1]);
    assert!(weak[2].contains("keys.master: there is no master key"), "{}", weak[2]);
    assert!(text.contains("keys.master: is not random"), "{text}");
}

async fn cfg_1_a_key_file_that_others_may_read_refuses_the_start(ground: Ground) {
    let mut installation = Installation::on(&ground).with("DOORWARD_MASTER_KEY_FILE", "key");
    installation.variables.retain(|(name, _)| name != "DOORWARD_MASTER_KEY");
    installation.write("key", KEY);
    let mode =
        |mode| std::fs::set_permissions(installation.path("key"), PermissionsExt::from_mode(mode)).unwrap();

    mode(0o644);
    let open = refused(&installation);
    mode(0o600);
    let closed = installation.run(&["config", "check"]);

    assert!(open.contains("holds a secret and can be read by others than its owner; chmod 600 it"), "{open}");
    assert_eq!(closed.code, 0, "{}", closed.err);
}

async fn cfg_2_production_refuses_every_insecure_setting_and_names_them_all_at_once(ground: Ground) {
    let bare = Installation::on(&ground).with("DOORWARD_ENV", "production");
    let bare = bare.with("DATABASE_URL", "postgres://door:changeme@db.example/door");
    let bare = bare.with("DOORWARD_SERVER__PUBLIC_URL", "http://door.example");
    let bare = bare.with("DOORWARD_MAIL__HOST", "smtp.example").with("DOORWARD_MAIL__TLS", "none");
    let installation = bare.with("DOORWARD_MAIL__FROM", "door@example.com");
    let tenants = "[[tenants]]\nname = 'a'\ndisplay_name = 'A'\npublic_url = { production = 'https://a.example' }\n\
        [[tenants.clients]]\npublic_id = 'a'\nname = 'a'\nkind = 'browser'\ndefault = true\n\
        [[tenants.clients]]\npublic_id = 'b'\nname = 'b'\nkind = 'native'\n\
        origins = { production = ['http://localhost:5173'] }\n";
    installation.write("config/tenants.toml", tenants);

    let said = refused(&installation);

    assert!(said.contains("server.public_url: is not https"), "{said}");
    assert!(said.contains("database.url: goes to another machine without TLS"), "{said}");
    assert!(said.contains("database.url: has a password from an example"), "{said}");
    assert!(said.contains("mail.tls: goes to another machine without TLS"), "{said}");
    assert!(said.contains("hashing: is weaker than"), "{said}");
    assert!(
        said.contains("origins: production would answer scripts from \"http://localhost:5173\""),
        "{said}"
    );
}

async fn a_node_with_another_master_key_refuses_to_start_in_one_sentence(ground: Ground) {
    let first = Installation::on(&ground);
    let mut running = first.serve().await;
    running.signal(libc::SIGTERM);
    let ended = running.ended().await;

    let other = Installation::on(&ground).with(
        "DOORWARD_MASTER_KEY",
        "4Fz8yTq1mB7sVxJc9RkLpDn3HgWaEo6uYi0QfZrXbN5=".replace("N5=", "N4=").as_str(),
    );
    let said = refused(&other);

    assert_eq!(ended.0, Some(0), "{}", ended.1);
    assert!(said.contains("this database was sealed under another master key than keys.master"), "{said}");
}

async fn a_server_of_another_environment_refuses_to_start(ground: Ground) {
    let installation = Installation::on(&ground).with("DOORWARD_ENV", "development");

    let said = refused(&installation);

    assert!(said.contains("this database belongs to the environment \"test\""), "{said}");
}

async fn a_migration_that_was_changed_after_it_ran_refuses_the_start_and_is_named(ground: Ground) {
    let installation = Installation::on(&ground);
    let changed = "UPDATE migration_checksums SET checksum = 'another'";
    ground.connect().batch_execute(changed).unwrap();

    let said = refused(&installation);
    let migrate = installation.run(&["migrate"]);
    let check = installation.run(&["migrate", "--check"]);

    let told = "migration 00000000000001_init was changed after it ran here";
    assert!(said.contains(told), "{said}");
    assert!(migrate.code == 1 && migrate.err.contains(told), "{migrate:?}");
    assert!(check.code == 1 && check.err.contains(told), "{check:?}");
}

#[test]
fn development_opens_with_a_table_of_links_that_all_answer_and_a_demo_tenant() {
    let installation = Installation::bare();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();

    let (code, printed) = runtime.block_on(async {
        let mut running = installation.serve().await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        running.signal(libc::SIGTERM);
        running.ended().await
    });

    assert_eq!(code, Some(0));
    let api = format!("  API          http://localhost:{}/api/v1\n", installation.address.port());
    assert!(printed.starts_with("\n  Doorward is open.\n\n") && printed.contains(&api), "{printed}");
    assert!(printed.contains("Demo tenant") && !printed.contains('\u{1b}'), "{printed}");
    assert!(
        printed.lines().filter(|line| !line.contains("token=")).all(|line| line.chars().count() <= 80),
        "{printed}"
    );
}

#[tokio::test]
async fn a_database_file_and_its_folder_are_their_owners_alone() {
    let installation = Installation::bare();
    let mode = |path: &str| std::fs::metadata(installation.path(path)).unwrap().permissions().mode() & 0o777;

    let server = installation.serve().await;

    assert_eq!(mode("data"), 0o700);
    for file in ["data/doorward.db", "data/doorward.db-wal", "data/doorward.db-shm"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    drop(server);
    std::fs::set_permissions(installation.path("data/doorward.db"), PermissionsExt::from_mode(0o644))
        .unwrap();
    let told = installation.run(&["doctor"]);
    assert!(told.out.contains("can be read by every user of this machine"), "{told:?}");
}

#[tokio::test]
async fn a_second_server_of_one_file_says_that_it_is_one() {
    let installation = Installation::bare();
    let server = installation.serve().await;

    let mut second =
        installation.begin(&["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
    let said = BufReader::new(second.stderr.take().unwrap()).lines().map_while(Result::ok);
    let told: Vec<String> = said.take_while(|line| !line.contains("started in")).collect();
    drop((second.kill(), second.wait()));
    drop(server);

    assert!(told.iter().any(|line| line.contains("another server serves this file")), "{told:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_and_a_folder_that_is_shut_are_told_with_what_to_do() {
    let installation = Installation::bare();
    let _server = installation.serve().await;
    let shut = Installation::bare().with("DATABASE_URL", "sqlite:///proc/nowhere/door.db");

    let (taken, shut) = (refused(&installation), refused(&shut));

    assert!(taken.contains("Choose another with --listen"), "{taken}");
    assert!(shut.contains("/proc/nowhere/door.db: ") && shut.contains("the folder must be there"), "{shut}");
}
