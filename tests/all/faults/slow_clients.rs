//! Clients that take their time over everything: heads, bodies, answers. Others are served as before, and in the end
//! the slow ones are gone.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::load::{SETTINGS, people};
use crate::ground::app::Door;
use crate::ground::chance::Chance;
use crate::ground::counters::memory_of;
use crate::ground::people::PASSWORD;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, Kind, run};

/// Of each manner.
const MANY: usize = 500;
/// A byte, a line, a glance.
const EACH: Duration = Duration::from_secs(1);
/// The longest that one may stay, and a machine that is busy.
const GONE_WITHIN: Duration = Duration::from_secs(100);
/// Beside twice as long as without them.
const SLACK: Duration = Duration::from_millis(10);
const GOOD: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Manner {
    Head,
    /// The head of a second request: the first was as good as anybody's.
    SecondHead,
    Body,
    /// What is asked for is large, and read byte by byte.
    Reading,
}

const MANNERS: [Manner; 4] = [Manner::Head, Manner::SecondHead, Manner::Body, Manner::Reading];

#[test]
#[ignore = "minutes long: `make faults` runs it"]
fn slow_clients_keep_nobody_waiting_and_are_dropped_in_the_end() {
    run(Kind::Sqlite, slow_clients);
}

async fn slow_clients(ground: Ground) {
    let (door, _) = people(&ground, 1, &mut Chance::seeded("SLOW_SEED")).await;
    let server = Spawned::under("ulimit -n 8192", &ground, SETTINGS);
    let (http, access) = log_in(&server, &door).await;
    let (usual, _) = served(&server, &door, (&http, &access), Duration::from_secs(10)).await;
    let (light, few) = (memory_of(server.id()), server.weight().1);

    let began = Instant::now();
    let slow = MANNERS.iter().flat_map(|manner| (0..MANY).map(|_| dawdle(&server.address, &door, *manner)));
    let slow: Vec<_> = slow.map(tokio::spawn).collect();
    sleep(Duration::from_secs(2)).await;
    let most = server.weight().1;
    let (beside, refused) = served(&server, &door, (&http, &access), Duration::from_secs(20)).await;
    let heavy = memory_of(server.id());
    while server.weight().1 > few + GOOD && began.elapsed() < GONE_WITHIN {
        sleep(Duration::from_millis(200)).await;
    }
    let (emptied, left) = (began.elapsed(), server.weight().1);
    let gone = join_all(slow).await.into_iter().map(Result::unwrap);

    let mut gone: Vec<(Manner, Option<Duration>)> = gone.collect();
    gone.sort_by_key(|(manner, took)| (*manner, *took));
    for (manner, took) in gone.chunks(MANY).map(|chunk| chunk[MANY - 1]) {
        println!("{MANY} slow ({manner:?}): hung up on within {took:?}");
    }
    println!(
        "beside {} slow clients: 99 of 100 good answers within {beside:?}, without them {usual:?}; {refused} refused; \
         {light:.0} MiB, then {heavy:.0}; descriptors {few}, then {most}, then {left} after {emptied:?}",
        gone.len()
    );
    assert_eq!(refused, 0);
    assert!(most >= few + MANY * MANNERS.len(), "they were never there: {most}");
    assert!(left <= few + GOOD, "{left} descriptors are still held after {emptied:?}");
    assert!(beside <= usual * 2 + SLACK, "{beside:?} instead of {usual:?}");
}

async fn log_in(server: &Spawned, door: &Door) -> (Client, String) {
    let http = Client::new();
    let login = http.post(format!("http://{}/api/v1/auth/password-based/login", server.address));
    let login = login.header("host", &door.host).header("doorward-client", &door.client);
    let answer = login.json(&json!({ "email": "p0@a.example", "password": PASSWORD })).send().await.unwrap();
    let pair: serde_json::Value = answer.json().await.unwrap();
    (http, pair["accessToken"].as_str().unwrap().to_owned())
}

/// For so long, each on a connection of its own now and then: the time that 99 of 100 took, and how many were refused.
async fn served(
    server: &Spawned,
    door: &Door,
    (_, access): (&Client, &str),
    lasting: Duration,
) -> (Duration, usize) {
    let url = format!("http://{}/api/v1/auth/me", server.address);
    let one = async || {
        let (mut took, mut refused, until) = (Vec::new(), 0, Instant::now() + lasting);
        while Instant::now() < until {
            let http = Client::new();
            for _ in 0..20 {
                let began = Instant::now();
                let answer = http.get(&url).header("host", &door.host).bearer_auth(access).send().await;
                took.push(began.elapsed());
                refused += usize::from(!answer.is_ok_and(|answer| answer.status() == 200));
            }
        }
        (took, refused)
    };
    let all = join_all((0..GOOD).map(|_| one())).await;
    let refused = all.iter().map(|(_, refused)| refused).sum();
    let mut took: Vec<Duration> = all.into_iter().flat_map(|(took, _)| took).collect();
    took.sort();
    (took[took.len() * 99 / 100], refused)
}

/// How long it took until the server had hung up. Who reads slowly does not see it: what is under way is still to be read.
fn dawdle(
    address: &str,
    door: &Door,
    manner: Manner,
) -> impl Future<Output = (Manner, Option<Duration>)> + Send + 'static {
    let (address, door) = (address.parse().unwrap(), door.clone());
    async move {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut wire = timeout(GONE_WITHIN, socket.connect(address)).await.unwrap().unwrap();
        let began = Instant::now();
        let ended = timeout(GONE_WITHIN, slowly(&mut wire, &door, manner)).await;
        (manner, ended.is_ok().then(|| began.elapsed()))
    }
}

/// Until the server closes.
async fn slowly(wire: &mut TcpStream, door: &Door, manner: Manner) {
    let Door { host, client, .. } = door;
    let me = format!("GET /api/v1/multitenant/current HTTP/1.1\r\nhost: {host}\r\n");
    let login = format!(
        "POST /api/v1/auth/password-based/login HTTP/1.1\r\nhost: {host}\r\ndoorward-client: {client}\r\n\
         content-type: application/json\r\ncontent-length: 9000\r\n\r\n"
    );
    let large = format!("GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let (first, drop_by_drop) = match manner {
        Manner::Head => (format!("{me}x-y: "), "z"),
        Manner::SecondHead => (format!("{me}\r\n{me}x-y: "), "z"),
        Manner::Body => (login, " "),
        Manner::Reading => (large, ""),
    };
    let mut is_there = wire.write_all(first.as_bytes()).await.is_ok();
    let mut glance = [0; 1];
    while is_there {
        sleep(EACH).await;
        is_there = drop_by_drop.is_empty() || wire.write_all(drop_by_drop.as_bytes()).await.is_ok();
        // Whoever writes looks only whether it was hung up on.
        is_there &= match manner {
            Manner::Reading => wire.read(&mut glance).await.is_ok_and(|read| read > 0),
            _ => !is_closed(wire).await,
        };
    }
}

/// What was answered is read, so that an end is seen.
async fn is_closed(wire: &mut TcpStream) -> bool {
    let mut answer = [0; 4096];
    loop {
        match timeout(Duration::from_millis(1), wire.read(&mut answer)).await {
            Ok(Ok(0) | Err(_)) => return true,
            Ok(Ok(_)) => {}
            Err(_) => return false,
        }
    }
}
