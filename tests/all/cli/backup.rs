//! Backups and what is restored from them, through the real program.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use diesel::prelude::*;
use doorward::base::{Email, HashedToken, PendingLoginId, ProofId, ProofRequestId};
use doorward::components::Clock;
use doorward::components::line::Code;
use doorward::components::mail::messages::LoginCode;
use doorward::components::post::{self, Letter};
use doorward::components::words::Locale;
use doorward::db::schema::{audit_records, installation, jobs, users};
use doorward::db::{DbConn, Json};
use doorward::identity::pending::{Next, PendingLogin};
use doorward::identity::{Factors, LoginType, Scope};
use doorward::proofs::{Proof, Purpose};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::ground::app::{App, Door, MASTER, config};
use crate::ground::binary::{Installation, Ran};
use crate::ground::people::{Holder, PASSWORD};
use crate::ground::smtp::Smtp;
use crate::ground::{Ground, Kind, on_both, run};

on_both!(
    dur_3_after_a_recovery_nobody_is_in_no_link_opens_and_no_mail_waits,
    on_production_the_doctor_asks_for_backups,
);

#[test]
fn dur_3_a_backup_under_writes_holds_what_was_acknowledged_and_restored_revives_nobody() {
    run(Kind::Sqlite, under_writes);
}

#[test]
fn a_backup_is_its_owners_alone_and_replaces_nothing_unasked() {
    run(Kind::Sqlite, unasked);
}

#[test]
fn a_restore_refuses_what_it_would_harm_or_what_no_server_could_start_on() {
    run(Kind::Sqlite, refusals);
}

#[test]
fn the_log_of_the_old_database_is_not_applied_to_the_restored_one() {
    run(Kind::Sqlite, old_log);
}

#[test]
fn on_postgresql_backup_and_restore_name_its_own_programs() {
    run(Kind::Postgres, elsewhere);
}

pub fn key() -> String {
    BASE64_STANDARD.encode(MASTER)
}

/// On the ground of an [`App`], with its key.
fn beside(ground: &Ground) -> Installation {
    Installation::on(ground).with("DOORWARD_MASTER_KEY", &key())
}

async fn town(ground: &Ground) -> (App, Door) {
    let mut settings = config(ground);
    settings.roles.work = false;
    let app = App::with_clock(ground.clone(), settings, Clock::real()).await;
    let door = app.native("a").await;
    (app, door)
}

/// A mail that is written and not yet carried.
async fn letter(app: &App, door: &Door) {
    let house = app.running.house.clone();
    let tenant = house.tenant(door.tenant).await.unwrap();
    let message = LoginCode { code: Code::parse("12345678").unwrap(), code_valid: Duration::from_secs(600) };
    let letter = Letter::new(Email::parse("ada@b.example").unwrap(), Locale::En, message);
    let scope = Scope::of_house(house.clone(), tenant);
    scope.write(move |tx| post::post(tx, &house.vault, &letter)).await.unwrap();
}

/// A link and a login that waits for its factor.
fn half_done(app: &App, door: &Door, holder: &Holder) {
    let (conn, now) = (&mut app.ground.connect(), app.clock.now());
    let client: doorward::base::ClientId = {
        use doorward::db::schema::clients;
        clients::table.filter(clients::public_id.eq(&door.client)).select(clients::id).first(conn).unwrap()
    };
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

/// Somebody who changes their profile again and again, and what they were told of it.
#[derive(Default)]
struct Writing {
    sent: AtomicI64,
    told: AtomicI64,
}

async fn write(app: &App, door: &Door, (holder, writing): (&Holder, &Writing), enough: &AtomicBool) {
    while !enough.load(Ordering::SeqCst) {
        let at = 1 + writing.sent.fetch_add(1, Ordering::SeqCst);
        let request = app.request(door, Method::PATCH, "/api/v1/auth/me").bearer_auth(&holder.access);
        let answer = request.json(&json!({ "profile": { "at": at } })).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        writing.told.store(at, Ordering::SeqCst);
    }
}

async fn holders(app: &App, door: &Door, number: usize) -> Vec<Holder> {
    let mut holders = Vec::new();
    for at in 0..number {
        let user = app.person(door, &format!("p{at}@a.example")).await;
        holders.push(app.session(door, user).await);
    }
    holders
}

/// Backs up while everybody writes; what each of them had been told before it began.
async fn back_up(app: &App, door: &Door, holders: &[Holder], to: &Path) -> (Ran, Vec<(i64, i64)>) {
    let writings: Vec<Writing> = holders.iter().map(|_| Writing::default()).collect();
    let enough = AtomicBool::new(false);
    let everybody = holders.iter().zip(&writings).map(|who| write(app, door, (who.0, who.1), &enough));
    let backing_up = async {
        while writings.iter().any(|writing| writing.told.load(Ordering::SeqCst) < 5) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let told: Vec<i64> = writings.iter().map(|writing| writing.told.load(Ordering::SeqCst)).collect();
        let (installation, to) = (beside(&app.ground), to.display().to_string());
        let ran = tokio::task::spawn_blocking(move || installation.run(&["backup", &to])).await.unwrap();
        enough.store(true, Ordering::SeqCst);
        (ran, told)
    };
    let ((ran, told), _) = tokio::join!(backing_up, join_all(everybody));
    let sent = writings.iter().map(|writing| writing.sent.load(Ordering::SeqCst));
    (ran, told.into_iter().zip(sent).collect())
}

async fn under_writes(ground: Ground) {
    let (app, door) = town(&ground).await;
    let holders = holders(&app, &door, 8).await;
    letter(&app, &door).await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");

    let (ran, bounds) = back_up(&app, &door, &holders, &copy).await;
    assert!(ran.code == 0 && ran.out.contains("it is sound and opens with this master key"), "{ran:?}");
    let out = app.post_as(&door, &holders[0].access, "/auth/logout", json!({})).await;
    assert_eq!(out.status, 200, "{}", out.text);
    let smtp = Smtp::start().await;
    let installation = elsewhere_with(&smtp);
    let restored = installation.run(&["restore", &copy.display().to_string()]);

    assert!(restored.code == 0 && restored.out.starts_with("ended 8 sessions"), "{restored:?}");
    assert!(restored.out.contains("1 waiting mails and errands are put aside"), "{restored:?}");
    let conn = &mut open(&database(&installation));
    for (holder, (told, sent)) in holders.iter().zip(bounds) {
        let profile: Json<serde_json::Value> =
            users::table.find(holder.user).select(users::profile).first(conn).unwrap();
        let at = profile.0["at"].as_i64().unwrap();
        assert!((told..=sent).contains(&at), "at {at}, acknowledged before the backup {told}, sent {sent}");
    }
    nobody_is_in(&installation, &door, (&holders, &smtp)).await;
    let verified = installation.run(&["verify"]);
    assert_eq!(verified.out, "the database is sound\n", "{verified:?}");
}

/// An empty folder on another machine, with a mail server.
fn elsewhere_with(smtp: &Smtp) -> Installation {
    let bare = Installation::bare().with("DOORWARD_ENV", "test").with("DOORWARD_MASTER_KEY", &key());
    let url = format!("sqlite://{}", database(&bare).display());
    let mail = bare.with("DATABASE_URL", &url).with("DOORWARD_MAIL__TRANSPORT", "smtp");
    mail.with("DOORWARD_MAIL__HOST", "127.0.0.1")
        .with("DOORWARD_MAIL__PORT", &smtp.address.port().to_string())
        .with("DOORWARD_MAIL__TLS", "none")
        .with("DOORWARD_MAIL__FROM", "door@house.example")
}

fn database(installation: &Installation) -> PathBuf {
    installation.path("new/doorward.db")
}

/// A server with a worker: it answers nobody of before, lets people in anew, and sends nothing that waited.
async fn nobody_is_in(installation: &Installation, door: &Door, (holders, smtp): (&[Holder], &Smtp)) {
    let running = installation.serve().await;
    let http = reqwest::Client::new();
    let ask = async |path: &str, body: serde_json::Value| {
        let request = http.post(format!("http://{}{path}", running.address)).json(&body);
        let request = request.header("host", &door.host).header("doorward-client", &door.client);
        request.send().await.unwrap().status().as_u16()
    };
    for holder in holders {
        let status = ask("/auth/refresh-tokens", json!({ "refreshToken": holder.refresh })).await;
        assert_eq!(status, 401, "an old refresh token is taken");
        let me = http.get(format!("http://{}/auth/me", running.address)).bearer_auth(&holder.access);
        assert_eq!(me.header("host", &door.host).send().await.unwrap().status(), 401);
    }
    let login = json!({ "email": "p1@a.example", "password": PASSWORD });
    assert_eq!(ask("/auth/password-based/login", login).await, 200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let twice = smtp.mails().iter().any(|mail| mail.to == ["ada@b.example"]);
    assert!(!twice, "a mail that waited in the copy was sent");
}

async fn unasked(ground: Ground) {
    let (app, door) = town(&ground).await;
    holders(&app, &door, 1).await;
    let installation = beside(&ground);
    let copy = installation.path("copy.db");

    let first = installation.run(&["backup", "copy.db"]);
    let second = installation.run(&["backup", "copy.db"]);
    let forced = installation.run(&["backup", "copy.db", "--force"]);
    let own = ground.url().replace("sqlite://", "");
    let itself = installation.run(&["backup", &own, "--force"]);

    assert_eq!((first.code, second.code, forced.code, itself.code), (0, 1, 0, 1), "{first:?} {forced:?}");
    assert!(second.err.contains("is there already; name another, or say --force"), "{second:?}");
    assert!(itself.err.contains("belongs to the database itself"), "{itself:?}");
    for file in [copy.clone(), installation.path("copy.db.sha256")] {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut sum = std::process::Command::new("sha256sum");
    let sum = sum.args(["-c", "copy.db.sha256"]).current_dir(&installation.folder);
    assert!(sum.output().unwrap().status.success());
    let names = std::fs::read_dir(&installation.folder).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["copy.db", "copy.db.sha256"]);
    let noted: Option<String> =
        installation::table.select(installation::backed_up_to).first(&mut ground.connect()).unwrap();
    assert_eq!(noted, Some(copy.canonicalize().unwrap().display().to_string()));
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
    assert!(changed.contains("it is not what was backed up"), "{changed}");
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

fn open(file: &Path) -> DbConn {
    DbConn::open(&file.display().to_string()).unwrap()
}

async fn elsewhere(ground: Ground) {
    let installation = beside(&ground);

    let backup = installation.run(&["backup", "copy.db"]);
    let restore = installation.run(&["restore", "copy.db"]);

    assert!(backup.code == 7 && backup.err.contains("pg_basebackup"), "{backup:?}");
    assert!(restore.code == 7 && restore.err.contains("restore --after-recovery"), "{restore:?}");
}

/// The words of one finding, with its word before it.
fn finding(installation: &Installation, what: &str) -> Vec<String> {
    let doctor = installation.run(&["doctor", "--json"]);
    let findings: Vec<serde_json::Value> = serde_json::from_str(&doctor.out).unwrap();
    let wanted = findings.iter().filter(|finding| finding["what"] == what);
    wanted
        .map(|finding| format!("{}: {}", finding["is"].as_str().unwrap(), finding["words"].as_str().unwrap()))
        .collect()
}

async fn on_production_the_doctor_asks_for_backups(ground: Ground) {
    let theirs = diesel::update(installation::table).set(installation::environment.eq("production"));
    theirs.execute(&mut ground.connect()).unwrap();
    let mut installation = beside(&ground)
        .with("DOORWARD_ENV", "production")
        .with("DOORWARD_HASHING__MEMORY_KIB", "19456")
        .with("DOORWARD_SERVER__PUBLIC_URL", "https://door.example.com")
        .with("DOORWARD_MAIL__TRANSPORT", "none");
    if ground.kind == Kind::Postgres {
        let said = finding(&installation, "backups");
        assert_eq!(said, ["warn: PostgreSQL archives no log, so a backup ends where it began"]);
        return;
    }
    let never = finding(&installation, "backups");
    let done = installation.run(&["backup", "copy.db"]);
    let fresh = finding(&installation, "backups");
    let old = Clock::real().now() - Duration::from_secs(25 * 3600);
    let aged = diesel::update(installation::table).set(installation::backed_up_at.eq(old));
    aged.execute(&mut ground.connect()).unwrap();
    let stale = finding(&installation, "backups");
    installation.variables.retain(|(name, _)| name != "DOORWARD_MASTER_KEY");
    installation.write("keys/master.key", &key());
    std::fs::set_permissions(installation.path("keys/master.key"), PermissionsExt::from_mode(0o600)).unwrap();
    let together = finding(&installation.with("DOORWARD_MASTER_KEY_FILE", "keys/master.key"), "master key");

    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(never, ["warn: there was never one"]);
    assert!(fresh[0].starts_with("ok: the last one is of 2"), "{fresh:?}");
    assert!(stale[0].starts_with("warn: the last one is of 2"), "{stale:?}");
    assert!(together[1].starts_with("warn: key kept beside the data"), "{together:?}");
    assert!(together[1].contains("and the last backup, "), "{together:?}");
}
