//! The ceilings: actix-web answering a constant or one row, argon2id in a loop, and commits with nothing around them.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use tokio::sync::oneshot;

use super::cluster;

diesel::table! {
    ceiling (id) {
        id -> Integer,
        email -> Text,
    }
}

const ROWS: i32 = 10_000;
/// As long as the part of an access token that is signed.
const SIGNED_WORDS: &[u8] = &[b'.'; 600];
static SIGNED: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let signature = key.sign(&SystemRandom::new(), SIGNED_WORDS).unwrap();
    (key.public_key().as_ref().to_vec(), signature.as_ref().to_vec())
});

/// With PostgreSQL also `/row`: one select by its primary key on a connection of the worker's own, which nothing with a
/// pool between can beat; `/proven-row`: the same after the signature of a token. With a folder `/commit`: one row
/// changed, as durably as ours, with whoever waits at the time.
pub fn serve(port: u16, place: Option<String>) {
    let (url, folder): (Vec<_>, Vec<_>) = place.into_iter().partition(|place| place.starts_with("postgres"));
    let (url, gathering) = (url.into_iter().next(), folder.first().map(|folder| gather(Path::new(folder))));
    let app = move || {
        let constant =
            || async { HttpResponse::Ok().content_type("application/json").body(r#"{"ok":true}"#) };
        let own =
            web::Data::new(RefCell::new(url.as_deref().map(|url| PgConnection::establish(url).unwrap())));
        App::new()
            .app_data(own)
            .app_data(web::Data::new(gathering.clone()))
            .route("/", web::get().to(constant))
            .route("/row", web::get().to(row))
            .route("/proven-row", web::get().to(proven_row))
            .route("/commit", web::get().to(commit))
    };
    let server = HttpServer::new(app);
    let workers = std::thread::available_parallelism().unwrap().get();
    let running = server.workers(workers).bind(("127.0.0.1", port)).unwrap().run();
    tokio::runtime::Runtime::new().unwrap().block_on(running).unwrap();
}

async fn row(own: web::Data<RefCell<Option<PgConnection>>>) -> HttpResponse {
    let wanted = i32::try_from(std::process::id() % 100).unwrap() * 97 % ROWS;
    let mut own = own.borrow_mut();
    let found = ceiling::table.filter(ceiling::id.eq(wanted)).select(ceiling::email);
    let email: String = found.get_result(own.as_mut().unwrap()).unwrap();
    HttpResponse::Ok().json(serde_json::json!({ "id": wanted, "email": email }))
}

/// Whoever sees a token for the first time cannot do less: its signature is looked at, and its row.
async fn proven_row(own: web::Data<RefCell<Option<PgConnection>>>) -> HttpResponse {
    let (key, signature) = &*SIGNED;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(SIGNED_WORDS, signature).unwrap();
    row(own).await
}

type Waiting = oneshot::Sender<()>;

async fn commit(gathering: web::Data<Option<mpsc::Sender<Waiting>>>) -> HttpResponse {
    let (waiting, done) = oneshot::channel();
    gathering.as_ref().as_ref().unwrap().send(waiting).unwrap();
    done.await.unwrap();
    HttpResponse::Ok().content_type("application/json").body(r#"{"ok":true}"#)
}

/// The thread that writes: one commit for all that wait.
fn gather(folder: &Path) -> mpsc::Sender<Waiting> {
    let (sender, receiver) = mpsc::channel::<Waiting>();
    let mut conn = opened(folder);
    std::thread::spawn(move || {
        let mut next = 0;
        while let Ok(first) = receiver.recv() {
            let all: Vec<Waiting> = std::iter::once(first).chain(receiver.try_iter()).collect();
            change(&mut conn, all.len(), &mut next);
            all.into_iter().for_each(|one| one.send(()).unwrap_or_default());
        }
    });
    sender
}

/// With as many rows as there are sessions in the bench, and as wide.
fn opened(folder: &Path) -> SqliteConnection {
    let path = folder.join(format!("bare-{}.db", std::process::id()));
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute(&format!(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; DROP TABLE IF EXISTS ceiling; \
         CREATE TABLE ceiling (id integer PRIMARY KEY, email text NOT NULL, wide text NOT NULL); \
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) \
         INSERT INTO ceiling SELECT i, 'u' || i || '@x.example', hex(randomblob(200)) FROM n"
    ))
    .unwrap();
    conn
}

/// One commit, of rows that lie apart.
fn change(conn: &mut SqliteConnection, rows: usize, next: &mut i32) {
    conn.batch_execute("BEGIN IMMEDIATE").unwrap();
    for _ in 0..rows {
        *next = (*next + 7919) % ROWS;
        let row = diesel::update(ceiling::table.find(*next)).set(ceiling::email.eq("v@x.example"));
        row.execute(conn).unwrap();
    }
    conn.batch_execute("COMMIT").unwrap();
}

pub fn fill(url: &str) {
    let made = format!(
        "CREATE TABLE ceiling (id integer PRIMARY KEY, email text NOT NULL); \
         INSERT INTO ceiling SELECT i, 'u' || i || '@x.example' FROM generate_series(0, {ROWS}) i; \
         CREATE TABLE inserted (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now()); ANALYZE"
    );
    PgConnection::establish(url).unwrap().batch_execute(&made).unwrap();
}

/// Rows a second, each committed durably on its own by one of as many connections: PostgreSQL's own driver.
pub fn inserts(url: &str, lasting: Duration) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("insert.sql");
    std::fs::write(&script, "INSERT INTO inserted DEFAULT VALUES;\n").unwrap();
    let clients = super::CONNECTIONS.to_string();
    let mut pgbench = Command::new(cluster::program("pgbench"));
    pgbench.args([
        "-n",
        "-M",
        "prepared",
        "-j",
        "1",
        "-c",
        &clients,
        "-T",
        &lasting.as_secs().to_string(),
        "-f",
    ]);
    let told = pgbench.arg(&script).arg(url).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let line = told.lines().find_map(|line| line.strip_prefix("tps = "));
    line.and_then(|line| line.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("pgbench said: {told}"))
}

/// Rows a second on SQLite, durable like ours: as many in one commit as there are callers that could wait for it.
pub fn commits(folder: &Path, lasting: Duration) -> f64 {
    let (mut conn, mut next) = (opened(folder), 0);
    let (began, mut done) = (Instant::now(), 0_u32);
    while began.elapsed() < lasting {
        change(&mut conn, super::CONNECTIONS, &mut next);
        done += u32::try_from(super::CONNECTIONS).unwrap();
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}

/// As many threads as the hasher has permits: the processors less one.
pub fn hashes(lasting: Duration) -> f64 {
    let threads = (std::thread::available_parallelism().unwrap().get() - 1).max(1);
    let began = Instant::now();
    let each = |_| {
        std::thread::spawn(move || {
            let argon =
                Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19456, 2, 1, None).unwrap());
            let (mut done, mut out) = (0_u32, [0; 32]);
            while began.elapsed() < lasting {
                argon
                    .hash_password_into(b"violet-kettle-orbit-47-lantern", b"sixteen bytes!!!", &mut out)
                    .unwrap();
                done += 1;
            }
            done
        })
    };
    let running: Vec<_> = (0..threads).map(each).collect();
    let done: u32 = running.into_iter().map(|thread| thread.join().unwrap()).sum();
    f64::from(done) / began.elapsed().as_secs_f64()
}
