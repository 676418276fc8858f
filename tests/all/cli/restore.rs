//! What a restore puts an end to, and what it refuses, through the real program.

use std::path::PathBuf;
use std::time::Duration;

use diesel::prelude::*;
use doorward::base::{ClientId, HashedToken, PendingLoginId, ProofId, ProofRequestId};
use doorward::components::database::close;
use doorward::db::schema::{audit_records, clients, installation, jobs, users};
use doorward::db::{DbConn, Json};
use doorward::identity::{Factors, LoginType, Next, PendingLogin};
use doorward::proofs::{Proof, Purpose};
use serde_json::json;

use super::backup::{beside, elsewhere_with, holders, letter, open, town};
use crate::ground::app::{App, Door};
use crate::ground::binary::Installation;
use crate::ground::people::Holder;
use crate::ground::smtp::Smtp;
use crate::ground::{Ground, Kind, on_both, run};

on_both!(dur_3_after_a_recovery_nobody_is_in_no_link_opens_and_no_mail_waits);

#[test]
fn a_restore_refuses_what_it_would_harm_or_what_no_server_could_start_on() {
    run(Kind::Sqlite, refusals);
}

#[test]
fn no_server_starts_while_a_backup_is_restored() {
    run(Kind::Sqlite, no_server);
}

#[test]
fn the_log_of_the_old_database_is_not_applied_to_the_restored_one() {
    run(Kind::Sqlite, old_log);
}

/// A link and a login that waits for its factor.
fn half_done(app: &App, door: &Door, holder: &Holder) {
    let (conn, now) = (&mut app.ground.connect(), app.clock.now());
    let known = clients::table.filter(clients::public_id.eq(&door.client)).select(clients::id);
    let client: ClientId = known.first(conn).unwrap();
    let (user, later) = (Some(holder.user), now + Duration::from_secs(600));
    let proof = Proof {
        id: ProofId::new(),
        tenant_id: door.tenant,
        purpose: Purpose::ResetPassword,
        token_hash: HashedToken(vec![1; 32]),
        code_mac: None,
        request_id: ProofRequestId::new(),
        address: "ada@a.example".into(),
        user_id: user,
        subject_id: None,
        client_id: Some(client),
        data: Json(json!({})),
        tries: 0,
        created_at: now,
        expires_at: later,
    };
    proof.insert(conn).unwrap();
    let pending = PendingLogin {
        id: PendingLoginId::new(),
        tenant_id: door.tenant,
        user_id: holder.user,
        client_id: client,
        user_epoch: 0,
        login_type: LoginType::Password,
        next: Next::Totp,
        factors: Json(Factors::default()),
        device: None,
        address: None,
        user_agent: None,
        created_at: now,
        expires_at: later,
    };
    pending.insert(conn).unwrap();
}

async fn dur_3_after_a_recovery_nobody_is_in_no_link_opens_and_no_mail_waits(ground: Ground) {
    let (app, door) = town(&ground).await;
    let user = app.person(&door, "ada@a.example").await;
    let holders = [app.session(&door, user).await, app.session(&door, user).await];
    letter(&app, &door).await;
    half_done(&app, &door, &holders[0]);
    drop(app.running.platform.stop().await);

    let installation = beside(&ground);
    let first = installation.run(&["restore", "--after-recovery"]);
    let second = installation.run(&["restore", "--after-recovery"]);

    let ended = "ended 2 sessions and 1 pending logins; 1 links and codes are void; 1 waiting mails";
    assert!(first.code == 0 && first.out.starts_with(ended), "{first:?}");
    assert!(first.out.ends_with("the database is sound\n"), "{first:?}");
    let ended = "ended 0 sessions and 0 pending logins; 0 links and codes are void; 0 waiting mails";
    assert!(second.code == 0 && second.out.starts_with(ended), "{second:?}");
    let again = app.beside().await;
    for holder in &holders {
        assert_eq!(again.refresh(&door, &holder.refresh).await.status, 401);
        assert_eq!(again.get_as(&door, &holder.access, "/auth/me").await.status, 401);
    }
    assert_told(&mut ground.connect(), 2);
}

/// The epoch, the record, and the mail that an operator may still send.
fn assert_told(conn: &mut DbConn, restores: i64) {
    let epoch: i64 = installation::table.select(installation::restore_epoch).first(conn).unwrap();
    let told = audit_records::table.filter(audit_records::action.eq("database.restore"));
    let told: i64 = told.count().get_result(conn).unwrap();
    let aside = jobs::table.select((jobs::state, jobs::last_error, jobs::sealed.is_not_null()));
    let aside: Vec<(String, Option<String>, bool)> = aside.load(conn).unwrap();
    assert_eq!((epoch, told), (restores, restores));
    assert_eq!(aside, [("dead".into(), Some("restored".into()), true)]);
}

async fn refusals(ground: Ground) {
    let (app, door) = town(&ground).await;
    holders(&app, &door, 1).await;
    let served = beside(&ground);
    assert_eq!(served.run(&["backup", "copy.db"]).code, 0);
    let copy = served.path("copy.db").display().to_string();
    let refused = |installation: &Installation, arguments: &[&str]| {
        let ran = installation.run(arguments);
        assert_eq!(ran.code, 1, "{ran:?}");
        ran.err
    };

    let running = [
        refused(&served, &["restore", &copy, "--force"]),
        refused(&served, &["restore", "--after-recovery"]),
    ];
    drop(app.running.platform.stop().await);
    let there = refused(&served, &["restore", &copy]);
    let smtp = Smtp::start().await;
    let other_key = refused(
        &elsewhere_with(&smtp).with("DOORWARD_MASTER_KEY", crate::ground::binary::KEY),
        &["restore", &copy],
    );
    let other_environment = refused(
        &elsewhere_with(&smtp).with("DOORWARD_ENV", "development").with("DOORWARD_MAIL__TRANSPORT", "keep"),
        &["restore", &copy],
    );
    let keyless = Installation::bare();
    let no_key = refused(&keyless, &["restore", &copy]);
    let mut bytes = std::fs::read(&copy).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&copy, bytes).unwrap();
    let changed = refused(&elsewhere_with(&smtp), &["restore", &copy]);

    assert!(running.iter().all(|said| said.contains("a server runs on it; stop that first")), "{running:?}");
    assert!(there.contains("there is a database already; --force"), "{there}");
    assert!(other_key.contains("was sealed under another master key"), "{other_key}");
    assert!(
        other_environment.contains("it belongs to test, the settings say development"),
        "{other_environment}"
    );
    assert!(no_key.contains("there is no master key at") && no_key.contains("data/master.key"), "{no_key}");
    assert!(!keyless.path("data").exists(), "a key was made that opens nothing");
    assert!(changed.contains("it is not what was backed up"), "{changed}");
}

/// Its file is about to be another.
async fn no_server(ground: Ground) {
    let installation = Installation::on(&ground);
    let file = PathBuf::from(ground.url().replace("sqlite://", ""));

    let closed = close(&file).unwrap();
    let refused = installation.run(&["serve"]);
    drop(closed);
    let running = installation.serve().await;

    assert!(refused.code == 1 && refused.err.contains("a backup is being restored to it"), "{refused:?}");
    assert_eq!(running.status("/health/ready").await, Some(200));
}

/// A server that was killed leaves its last writes in the log beside the file.
async fn old_log(ground: Ground) {
    let (app, door) = town(&ground).await;
    holders(&app, &door, 3).await;
    let installation = beside(&ground);
    assert_eq!(installation.run(&["backup", "copy.db"]).code, 0);
    let later = app.person(&door, "later@a.example").await;
    let served = ground.url().replace("sqlite://", "");
    let [file, log] = ["", "-wal"].map(|ending| std::fs::read(format!("{served}{ending}")).unwrap());
    let killed = installation.path("doorward.db");
    let installation = installation.with("DATABASE_URL", &format!("sqlite://{}", killed.display()));
    let restore = |file: &[u8]| {
        std::fs::write(&killed, file).unwrap();
        std::fs::write(installation.path("doorward.db-wal"), &log).unwrap();
        let restored = installation.run(&["restore", "copy.db", "--force"]);
        assert_eq!(restored.code, 0, "{restored:?}");
        assert!(!installation.path("doorward.db-wal").exists(), "the old log lies beside the new file");
        let people: i64 = users::table.count().get_result(&mut open(&killed)).unwrap();
        assert_eq!(people, 3);
        let aside = restored.out.lines().find_map(|line| line.strip_prefix("what was there is kept as "));
        PathBuf::from(aside.unwrap())
    };

    let aside = restore(&file);
    restore(&[b"no database at all".as_slice(), &file[18..]].concat());

    let kept: i64 = users::table.find(later).count().get_result(&mut open(&aside)).unwrap();
    assert_eq!(kept, 1, "what the log held is lost to the old database");
}
