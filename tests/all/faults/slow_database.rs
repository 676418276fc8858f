//! PostgreSQL behind a network that is slow, silent or torn: everybody is answered, nothing grows, and all heals.

use std::time::{Duration, Instant};

use doorward::db::DbConn;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::caller::{Caller, Town};
use super::ledger::check;
use super::load::{SETTINGS, people, under_load, until_done};
use super::proxy::{Mode, Proxy};
use crate::ground::app::{Door, Reply};
use crate::ground::chance::Chance;
use crate::ground::people::PASSWORD;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, Kind, run};

/// As many as the pool has connections, and a few more.
const POOL: usize = 4;
/// Of one person's logins no more are looked at at once.
const IN_FLIGHT: usize = 2;
/// A connection is waited for two seconds; the rest is the machine's.
const AT_ONCE: Duration = Duration::from_millis(4500);

#[test]
fn a_database_that_is_far_away_is_slow_and_the_work_goes_on() {
    run(Kind::Postgres, far);
}

#[test]
fn while_the_database_is_silent_callers_are_told_so_and_nothing_grows() {
    run(Kind::Postgres, |ground| silent(ground, 6));
}

#[test]
#[ignore = "a minute long: `make faults` runs it"]
fn while_the_database_is_silent_for_long_nobody_waits_for_ever() {
    run(Kind::Postgres, |ground| silent(ground, 50));
}

#[test]
#[ignore = "a minute long: `make faults` runs it"]
fn who_is_alone_with_a_silent_database_is_told_within_35_seconds() {
    run(Kind::Postgres, alone);
}

#[test]
fn connections_torn_in_the_middle_of_their_work_lose_nothing_that_was_acknowledged() {
    run(Kind::Postgres, |ground| torn(ground, 6));
}

#[test]
#[ignore = "minutes long: `make faults` runs it"]
fn connections_torn_very_often_lose_nothing_that_was_acknowledged() {
    run(Kind::Postgres, |ground| torn(ground, 4 * super::rounds()));
}

#[test]
#[ignore = "half a minute long: `make faults` runs it"]
fn a_server_ends_though_its_database_is_silent() {
    run(Kind::Postgres, ends);
}

#[test]
fn whoever_connects_to_silence_is_told_and_idle_connections_are_looked_after() {
    run(Kind::Postgres, connects);
}

struct Behind {
    proxy: Proxy,
    server: Spawned,
    door: Door,
    callers: Vec<Caller>,
}

fn through(ground: &Ground, proxy: &Proxy) -> String {
    let url = ground.url();
    let name = url.rsplit('/').next().unwrap();
    format!("postgres://doorward@{}/{name}", proxy.address)
}

async fn proxy(ground: &Ground) -> Proxy {
    let url = url::Url::parse(&ground.url()).unwrap();
    Proxy::before(url.port().unwrap()).await
}

async fn behind(ground: &Ground, (count, connections): (usize, usize), chance: &mut Chance) -> Behind {
    let (door, callers) = people(ground, count, chance).await;
    let proxy = proxy(ground).await;
    let (url, pool) = (through(ground, &proxy), connections.to_string());
    let own = [("DATABASE_URL", url.as_str()), ("DOORWARD_DATABASE__POOL", &pool)];
    let server = Spawned::with(ground, &[SETTINGS, &own].concat());
    Behind { proxy, server, door, callers }
}

async fn login(town: &Town<'_>) -> Reply {
    let body = json!({ "email": "p0@a.example", "password": PASSWORD });
    Reply::of(town.request(Method::POST, "/auth/password-based/login").json(&body)).await
}

async fn get(town: &Town<'_>, path: &str, access: &str) -> (Reply, Duration) {
    let began = Instant::now();
    let reply = Reply::of(town.request(Method::GET, path).bearer_auth(access)).await;
    (reply, began.elapsed())
}

/// Once the network is well, so is the server: at once, and it stays so.
async fn assert_healed(town: &Town<'_>) {
    let began = Instant::now();
    while login(town).await.status != 200 {
        assert!(began.elapsed() < Duration::from_secs(5), "it does not heal");
    }
    for _ in 0..POOL {
        let logins = join_all((0..IN_FLIGHT).map(|_| login(town))).await;
        for reply in logins {
            assert_eq!(reply.status, 200, "it heals in part: {}", reply.text);
        }
    }
}

async fn far(ground: Ground) {
    let mut chance = Chance::seeded("NETWORK_SEED");
    let Behind { proxy, server, door, mut callers } = behind(&ground, (12, 24), &mut chance).await;
    let town = Town::at(&server.address, &door);

    under_load(&town, &mut callers, async {
        proxy.turn(Mode::Delay(Duration::from_millis(200)));
        until_done(&town.done, [0; 5], 12, "200 ms away").await;
    })
    .await;

    check(&ground, &mut callers, "200 ms away");
    let (done, refused) = (town.done.each(), town.refusals());
    println!("200 ms away: {done:?} acknowledged, {refused} told to come back");
    // The server's own tasks take connections too: on a busy machine now and then a caller waits too long for one.
    assert!(10 * u64::try_from(refused).unwrap() <= done.iter().sum(), "{refused} of {done:?}");
}

async fn silent(ground: Ground, seconds: u64) {
    let mut chance = Chance::seeded("NETWORK_SEED");
    let Behind { proxy, server, door, .. } = behind(&ground, (1, POOL), &mut chance).await;
    let town = Town::at(&server.address, &door);
    let warm = join_all((0..IN_FLIGHT).map(|_| login(&town))).await;
    let access = warm[0].says("accessToken").to_owned();
    let (before, connections) = (server.weight(), proxy.connections());
    for path in ["/api/v1/auth/me", "/.well-known/jwks.json"] {
        assert_eq!(get(&town, path, &access).await.0.status, 200, "{path}");
    }

    proxy.turn(Mode::Blackhole);
    let since = Instant::now();
    let known = remembered(&town, &access).await;
    tokio::time::sleep(Duration::from_millis(2100).saturating_sub(since.elapsed())).await;
    let script = async {
        let refused = refusals(&town, &access, since + Duration::from_secs(seconds)).await;
        let grown = server.weight();
        proxy.turn(Mode::Pass);
        (refused, grown)
    };
    let stuck = join_all((0..POOL).map(|_| get(&town, "/api/v1/auth/me", &access)));
    let (stuck, (refused, grown)) = tokio::join!(stuck, script);

    assert_healed(&town).await;
    let (after, healed) = (server.weight(), proxy.connections());
    println!(
        "silent for {seconds} s: {known} answers from memory, {refused} refused; threads and descriptors {before:?}, then \
         {grown:?}, then {after:?}; connections {connections:?}, then {healed:?}"
    );
    assert_bounded(&stuck, seconds);
    assert!(known > 0 && refused > 0);
    for (least, most) in [(before, grown), (before, after)] {
        assert!(most.0 <= least.0 + 2 * POOL && most.1 <= least.1 + 8 * POOL, "{least:?} grew to {most:?}");
    }
}

/// With connections to spare: what the refusal itself looks up must not wait for the silence to end.
async fn alone(ground: Ground) {
    let mut chance = Chance::seeded("NETWORK_SEED");
    let Behind { proxy, server, door, .. } = behind(&ground, (1, 4 * POOL), &mut chance).await;
    let town = Town::at(&server.address, &door);
    // Each fills a connection of its own.
    join_all((0..2 * POOL).map(|_| town.request(Method::GET, "/multitenant/current").send())).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    proxy.turn(Mode::Blackhole);

    let asked = |path: &'static str, origin: &'static str| {
        let (request, began) = (town.request(Method::GET, path).header("origin", origin), Instant::now());
        async move { (path, Reply::of(request).await.status.as_u16(), began.elapsed()) }
    };
    let known = asked("/multitenant/current", "http://localhost:5173");
    let unknown = asked("/auth/me", "https://nobody.example");
    let nowhere = asked("/nowhere", "https://nobody.example");
    let answers = tokio::join!(known, unknown, nowhere);

    println!("alone with a silent database: {answers:?}");
    for (path, status, took) in [answers.0, answers.1, answers.2] {
        assert!(status != 200 && took < Duration::from_secs(36), "{path}: {status} after {took:?}");
    }
}

/// What is known for less than two seconds still counts: a session, and the keys to verify one by.
async fn remembered(town: &Town<'_>, access: &str) -> usize {
    let mut known = 0;
    for path in ["/api/v1/auth/me", "/.well-known/jwks.json"] {
        let (reply, took) = get(town, path, access).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        assert!(took < Duration::from_secs(1), "{path}: {took:?}");
        known += 1;
    }
    known
}

/// Until then, one after another: what is not known any more is refused, and in time.
async fn refusals(town: &Town<'_>, access: &str, until: Instant) -> usize {
    // Those that hold the pool's connections came first.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut refused = 0;
    while Instant::now() < until {
        for path in ["/api/v1/auth/me", "/auth/password-based/login"] {
            let began = Instant::now();
            let reply = match path {
                "/api/v1/auth/me" => get(town, path, access).await.0,
                _ => login(town).await,
            };
            assert_eq!(reply.status, 503, "{path}: {}", reply.text);
            assert!(reply.headers.contains_key("retry-after"));
            assert!(began.elapsed() < AT_ONCE, "{path}: {:?}", began.elapsed());
            refused += 1;
        }
    }
    refused
}

/// Who held a connection when it fell silent gets their answer when it speaks again, or is told to come back.
fn assert_bounded(stuck: &[(Reply, Duration)], seconds: u64) {
    for (reply, took) in stuck {
        assert!(*took < Duration::from_secs(40), "{took:?}");
        assert!([200, 503].contains(&reply.status.as_u16()), "{}", reply.text);
    }
    let served = stuck.iter().filter(|(reply, _)| reply.status == 200).count();
    assert_eq!(served > 0, seconds < 30, "{served} of {} were answered after {seconds} s", stuck.len());
}

async fn torn(ground: Ground, times: u64) {
    let mut chance = Chance::seeded("NETWORK_SEED");
    let when = format!("NETWORK_SEED={}", chance.seed());
    let Behind { proxy, server, door, mut callers } = behind(&ground, (2 * POOL, POOL), &mut chance).await;
    let town = Town::at(&server.address, &door);

    under_load(&town, &mut callers, async {
        for _ in 0..times {
            let how = [Mode::Reset, Mode::HalfOpen, Mode::HalfClose, Mode::Drop];
            let before = town.done.each();
            proxy.turn(how[usize::try_from(chance.next(4)).unwrap()]);
            tokio::time::sleep(Duration::from_millis(chance.next(400))).await;
            proxy.turn(Mode::Pass);
            until_done(&town.done, before, 10 + chance.next(20), &when).await;
        }
    })
    .await;

    check(&ground, &mut callers, &when);
    assert_healed(&town).await;
    let (done, refused, connections) = (town.done.each(), town.refusals(), proxy.connections());
    println!(
        "torn {times} times: {done:?} acknowledged, {refused} told to come back, {connections:?} connections"
    );
    assert!(callers.iter().all(|caller| caller.unanswered == 0), "{when}: the server itself was gone");
    assert!(connections.0 > POOL && connections.1 <= POOL + 4, "{connections:?}");
}

async fn ends(ground: Ground) {
    let mut chance = Chance::seeded("NETWORK_SEED");
    let Behind { proxy, server, door, .. } = behind(&ground, (1, POOL), &mut chance).await;
    let town = Town::at(&server.address, &door);
    join_all((0..IN_FLIGHT).map(|_| login(&town))).await;

    proxy.turn(Mode::Blackhole);
    let asking = join_all((0..2 * POOL).map(|_| town.request(Method::GET, "/multitenant/current").send()));
    let asking = tokio::time::timeout(Duration::from_secs(3), asking);
    let _ = asking.await;
    let began = Instant::now();
    let ended = tokio::task::spawn_blocking(move || server.end(Duration::from_secs(45))).await.unwrap();

    println!("ended in {:?} while its database was silent", began.elapsed());
    assert!(ended, "it goes on");
}

/// By the kernel's own table: each connection of the server's has a timer that asks within ten seconds of silence.
async fn connects(ground: Ground) {
    let mut chance = Chance::seeded("NETWORK_SEED");
    let Behind { proxy, server, door, .. } = behind(&ground, (1, POOL), &mut chance).await;
    let town = Town::at(&server.address, &door);
    join_all((0..IN_FLIGHT).map(|_| login(&town))).await;
    let timers = timers_towards(proxy.address.port());

    proxy.turn(Mode::Blackhole);
    let (url, began) = (through(&ground, &proxy), Instant::now());
    let opened = tokio::task::spawn_blocking(move || DbConn::open(&url).is_ok());
    let opened = tokio::time::timeout(Duration::from_secs(15), opened).await;
    // A thread that still waits would keep this test from its end.
    proxy.turn(Mode::Reset);

    println!(
        "{} connections, asked after within {timers:?}; refused after {:?}",
        timers.len(),
        began.elapsed()
    );
    assert!(matches!(opened, Ok(Ok(false))), "whoever connects to silence waits for ever");
    assert!(!timers.is_empty() && timers.iter().all(|timer| *timer <= 1000), "{timers:?}");
}

/// In hundredths of a second, of each connection to this port: when the kernel next asks after the other side.
fn timers_towards(port: u16) -> Vec<u64> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let towards = format!(":{port:04X}");
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let standing = lines.filter(|words| words.len() > 5 && words[2].ends_with(&towards) && words[3] == "01");
    standing
        .map(|words| match words[5].split_once(':').unwrap() {
            ("02" | "01", when) => u64::from_str_radix(when, 16).unwrap(),
            _ => u64::MAX,
        })
        .collect()
}
