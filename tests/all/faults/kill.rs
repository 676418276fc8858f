//! `kill -9` at random moments while people refresh and log out: what was acknowledged is there, and nothing is half
//! written. The short form; the power cut is another test's.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use diesel::prelude::*;
use doorward::base::{SessionId, Timestamp};
use doorward::components::Clock;
use doorward::db::schema::{audit_records, domain_events, sessions};
use serde_json::json;

use crate::ground::app::{App, Door, MASTER, config};
use crate::ground::forge::claim;
use crate::ground::people::Holder;
use crate::ground::{Ground, on_both};

on_both!(after_kill_9_every_acknowledged_change_is_there_and_none_is_half_written);

/// What the client knows of one session: what it asked, and what it was told.
struct Known {
    refresh: String,
    /// Rotations that were acknowledged, and one perhaps that was asked and not answered.
    generation: i64,
    asked: bool,
    out: Out,
}

#[derive(Clone, Copy, PartialEq)]
enum Out {
    No,
    Asked,
    Acknowledged,
    /// A refresh went unanswered: the caller no longer knows its token, and calls no more.
    Doubtful,
}

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// The real binary, by its variables alone.
    async fn start(ground: &Ground, folder: &std::path::Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.env_clear().current_dir(folder);
        let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, MASTER);
        command.env("DOORWARD_ENV", "test").env("DATABASE_URL", ground.url()).env("DOORWARD_MASTER_KEY", key);
        command.env("DOORWARD_SERVER__LISTEN", format!("127.0.0.1:{port}"));
        command.env("DOORWARD_SERVER__METRICS_LISTEN", "127.0.0.1:0");
        command
            .env("DOORWARD_LIFETIMES__REFRESH_GRACE", "1")
            .env("DOORWARD_LIMITS__ADDRESS_PER_MINUTE", "1000000");
        command.env("DOORWARD_LIMITS__TENANT_PER_MINUTE", "1000000");
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut server = Self { child, port };
        for _ in 0..300 {
            if reqwest::get(server.url("/health/ready")).await.is_ok_and(|reply| reply.status() == 200) {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server.kill();
        panic!("the server did not start: {}", std::fs::read_to_string(folder.join("log")).unwrap());
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// xorshift: a seed that is printed makes the same moments again.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

async fn after_kill_9_every_acknowledged_change_is_there_and_none_is_half_written(ground: Ground) {
    let seed = std::env::var("KILL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| Clock::real().now().0.unsigned_abs() | 1);
    println!("KILL_SEED={seed}");
    let mut chance = Chance(seed);
    let folder = tempfile::TempDir::with_prefix("doorward-test-").unwrap();
    let (door, mut known) = people(&ground).await;

    for round in 0..3 {
        let mut server = Server::start(&ground, folder.path()).await;
        let killed_after = Duration::from_millis(1300 + chance.next(1500));
        drive(&server, &door, &mut known, killed_after, &mut chance).await;
        server.kill();
        check(&ground, &mut known, seed, round);
    }
    assert!(known.values().any(|one| one.generation > 2), "nothing was refreshed: this proves nothing");
}

/// Sessions made before the server starts, on the same database and under the same key, in the real time.
async fn people(ground: &Ground) -> (Door, BTreeMap<SessionId, Known>) {
    let app = App::with_clock(ground.clone(), config(ground), Clock::real()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let mut known = BTreeMap::new();
    for _ in 0..24 {
        let Holder { access, refresh, .. } = app.session(&door, user).await;
        let one = Known { refresh, generation: 1, asked: false, out: Out::No };
        known.insert(claim(&access, "session").parse().unwrap(), one);
    }
    drop(app.running.platform.stop().await);
    (door, known)
}

/// Every session is one caller's: it refreshes, now and then logs out, until the server is killed under it.
async fn drive(
    server: &Server,
    door: &Door,
    known: &mut BTreeMap<SessionId, Known>,
    until: Duration,
    chance: &mut Chance,
) {
    let http = reqwest::Client::new();
    let pid = server.child.id();
    let killing = async {
        tokio::time::sleep(until).await;
        let killed = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        assert!(killed.success());
    };
    let callers = known.values_mut().map(|one| {
        let leaves_after = chance.next(80);
        call(&http, server, door, (one, leaves_after))
    });
    tokio::join!(killing, futures_util::future::join_all(callers));
}

async fn call(http: &reqwest::Client, server: &Server, door: &Door, (one, leaves_after): (&mut Known, u64)) {
    for at in 0.. {
        if one.out != Out::No {
            return;
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
        let leaves = at == leaves_after;
        let path = if leaves { "/auth/logout" } else { "/auth/refresh-tokens" };
        let request =
            http.post(server.url(path)).header("host", &door.host).header("doorward-client", &door.client);
        if leaves {
            one.out = Out::Asked;
        } else {
            one.asked = true;
        }
        let Ok(sent) = request.json(&json!({ "refreshToken": one.refresh })).send().await else { return };
        let status = sent.status().as_u16();
        let Ok(text) = sent.text().await else { return };
        assert_eq!(status, 200, "{text}");
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        if leaves {
            one.out = Out::Acknowledged;
        } else {
            let token = json["refreshToken"].as_str().unwrap().to_owned();
            // A fresh token is answered with itself.
            one.generation += i64::from(token != one.refresh);
            (one.refresh, one.asked) = (token, false);
        }
    }
}

/// Past the server, row by row. Whoever is in doubt about their token is out of the next round.
fn check(ground: &Ground, known: &mut BTreeMap<SessionId, Known>, seed: u64, round: u32) {
    let conn = &mut ground.connect();
    type Row = (SessionId, i64, Option<Timestamp>);
    let rows: Vec<Row> = sessions::table
        .select((sessions::id, sessions::generation, sessions::revoked_at))
        .load(conn)
        .unwrap();
    assert_eq!(rows.len(), known.len());
    for (id, generation, ended) in rows {
        let one = known.get_mut(&id).unwrap();
        let at_most = one.generation + i64::from(one.asked);
        assert!(
            (one.generation..=at_most).contains(&generation),
            "KILL_SEED={seed}, round {round}: {id} is at {generation}, acknowledged {}",
            one.generation
        );
        match one.out {
            Out::No | Out::Doubtful => assert_eq!(ended, None, "KILL_SEED={seed}"),
            Out::Acknowledged => {
                assert!(ended.is_some(), "KILL_SEED={seed}, round {round}: an acknowledged logout is lost")
            }
            Out::Asked => one.out = if ended.is_some() { Out::Acknowledged } else { Out::No },
        }
        // A session's end, its audit record and its event are one transaction: all three or none.
        let told = audit_records::table.filter(audit_records::action.eq("session.end"));
        let told = told.filter(audit_records::target_id.eq(doorward::base::RecordId::of(id.0)));
        let told: i64 = told.count().get_result(conn).unwrap();
        let thrown =
            domain_events::table.filter(domain_events::trigger_name.eq("doorward.session.post.delete"));
        let thrown = thrown.filter(domain_events::subject_id.eq(doorward::base::RecordId::of(id.0)));
        let thrown: i64 = thrown.count().get_result(conn).unwrap();
        assert_eq!(
            (told, thrown),
            (i64::from(ended.is_some()), i64::from(ended.is_some())),
            "KILL_SEED={seed}"
        );
    }
    known.values_mut().filter(|one| one.asked && one.out == Out::No).for_each(|one| one.out = Out::Doubtful);
}
