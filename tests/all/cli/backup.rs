//! Backups, made while the server writes and put on another machine, through the real program.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use diesel::prelude::*;
use doorward::base::Email;
use doorward::components::Clock;
use doorward::components::line::Code;
use doorward::components::mail::messages::LoginCode;
use doorward::components::post::{self, Letter};
use doorward::components::words::Locale;
use doorward::db::schema::{installation, users};
use doorward::db::{DbConn, Json};
use doorward::identity::Scope;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::ground::app::{App, Door, MASTER, config};
use crate::ground::binary::{Installation, Ran};
use crate::ground::people::{Holder, PASSWORD};
use crate::ground::smtp::Smtp;
use crate::ground::{Ground, Kind, on_both, run};

on_both!(on_production_the_doctor_asks_for_backups);

#[test]
fn dur_3_a_backup_under_writes_holds_what_was_acknowledged_and_restored_revives_nobody() {
    run(Kind::Sqlite, under_writes);
}

#[test]
fn a_backup_is_its_owners_alone_and_replaces_nothing_unasked() {
    run(Kind::Sqlite, unasked);
}

#[test]
fn on_postgresql_backup_and_restore_name_its_own_programs() {
    run(Kind::Postgres, elsewhere);
}

pub fn key() -> String {
    BASE64_STANDARD.encode(MASTER)
}

/// On the ground of an [`App`], with its key.
pub fn beside(ground: &Ground) -> Installation {
    Installation::on(ground).with("DOORWARD_MASTER_KEY", &key())
}

pub async fn town(ground: &Ground) -> (App, Door) {
    let mut settings = config(ground);
    settings.roles.work = false;
    let app = App::with_clock(ground.clone(), settings, Clock::real()).await;
    let door = app.native("a").await;
    (app, door)
}

/// A mail that is written and not yet carried.
pub async fn letter(app: &App, door: &Door) {
    let house = app.running.house.clone();
    let tenant = house.tenant(door.tenant).await.unwrap();
    let message = LoginCode { code: Code::parse("12345678").unwrap(), code_valid: Duration::from_secs(600) };
    let letter = Letter::new(Email::parse("ada@b.example").unwrap(), Locale::En, message);
    let scope = Scope::of_house(house.clone(), tenant);
    scope.write(move |tx| post::post(tx, &house.vault, &letter)).await.unwrap();
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

pub async fn holders(app: &App, door: &Door, number: usize) -> Vec<Holder> {
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
    let lines: Vec<&str> = restored.out.lines().collect();
    println!(
        "copied under writes, restored where nothing was, and {}: {}",
        verified.out.trim(),
        lines.join("; ")
    );
}

/// An empty folder on another machine, with a mail server.
pub fn elsewhere_with(smtp: &Smtp) -> Installation {
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
    for holder in holders {
        let refresh = json!({ "refreshToken": holder.refresh });
        assert_eq!(
            running.ask(door, "/auth/refresh-tokens", refresh).await,
            401,
            "an old refresh token is taken"
        );
        let me = http.get(format!("http://{}/auth/me", running.address)).bearer_auth(&holder.access);
        assert_eq!(me.header("host", &door.host).send().await.unwrap().status(), 401);
    }
    let login = json!({ "email": "p1@a.example", "password": PASSWORD });
    assert_eq!(running.ask(door, "/auth/password-based/login", login).await, 200);
    let keys =
        http.get(format!("http://{}/.well-known/jwks.json", running.address)).header("host", &door.host);
    let keys = keys.send().await.unwrap().text().await.unwrap();
    assert!(
        keys.contains("\"kid\"") && !keys.contains(&kid(&holders[0].access)),
        "an old key signs on: {keys}"
    );
    tokio::time::sleep(Duration::from_secs(3)).await;
    let twice = smtp.mails().iter().any(|mail| mail.to == ["ada@b.example"]);
    assert!(!twice, "a mail that waited in the copy was sent");
}

fn kid(token: &str) -> String {
    use base64::Engine;
    let header = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
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

pub fn open(file: &Path) -> DbConn {
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
