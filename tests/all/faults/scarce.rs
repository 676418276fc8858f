//! Too few descriptors, threads, memory or processor: the server refuses what it cannot do, does the rest, and is itself
//! again when there is enough.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Client, Method};
use serde_json::json;
use tokio::net::TcpStream;

use super::caller::Town;
use super::load::{SETTINGS, people};
use crate::ground::app::Door;
use crate::ground::cgroup::{Cgroup, Limit};
use crate::ground::chance::Chance;
use crate::ground::counters::memory_of;
use crate::ground::people::PASSWORD;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, on_both};

on_both!(
    #[ignore = "minutes long: `make faults` runs it"]
    a_server_out_of_descriptors_serves_those_it_has_and_comes_back,
    #[ignore = "minutes long: `make faults` runs it"]
    a_server_out_of_threads_serves_on_those_it_has,
    #[ignore = "minutes long: `make faults` runs it"]
    in_256_mib_a_storm_of_logins_and_large_bodies_kills_nobody,
);

const DESCRIPTORS: usize = 256;
const FLOOD: usize = 1_000;
const FLOODED: Duration = Duration::from_secs(8);
/// Of one processor: waiting costs next to nothing, turning in a circle all there is.
const IDLE: f64 = 0.25;
const BACK_WITHIN: Duration = Duration::from_secs(10);
const MEMORY_MIB: u64 = 256;
const STORM: Duration = Duration::from_secs(30);
const CALLERS: usize = 48;

struct Scene<'a> {
    door: &'a Door,
    server: Spawned,
    /// How often each status was answered; 0 is no answer.
    told: BTreeMap<u16, usize>,
}

impl Scene<'_> {
    fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.server.address)
    }

    async fn login(&self, http: &Client, at: usize) -> (u16, String) {
        let body = json!({ "email": format!("p{at}@a.example"), "password": PASSWORD });
        let login = http.post(self.url("/auth/password-based/login")).json(&body);
        let login = login.header("host", &self.door.host).header("doorward-client", &self.door.client);
        let Ok(answer) = login.send().await else { return (0, String::new()) };
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap_or_default());
        let pair: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        (status, pair["accessToken"].as_str().unwrap_or_default().to_owned())
    }

    async fn me(&self, http: &Client, access: &str) -> u16 {
        let me = http.get(self.url("/auth/me")).bearer_auth(access).header("host", &self.door.host);
        me.send().await.map_or(0, |answer| answer.status().as_u16())
    }
}

/// Whoever is connected is served; whoever comes waits; nobody turns in a circle meanwhile.
async fn a_server_out_of_descriptors_serves_those_it_has_and_comes_back(ground: Ground) {
    let (door, _) = people(&ground, 2, &mut Chance::seeded("SCARCE_SEED")).await;
    let server = Spawned::under(&format!("ulimit -n {DESCRIPTORS}"), &ground, SETTINGS);
    let scene = Scene { door: &door, server, told: BTreeMap::new() };
    let known = Client::new();
    let (status, access) = scene.login(&known, 0).await;
    assert_eq!(status, 200);
    let connect = || tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(&scene.server.address));
    let flood: Vec<_> =
        join_all((0..FLOOD).map(|_| connect())).await.into_iter().flatten().flatten().collect();

    let (began, before, mut served, mut descriptors) = (Instant::now(), scene.server.cpu(), 0, 0);
    while began.elapsed() < FLOODED {
        assert_eq!(scene.me(&known, &access).await, 200, "who was connected is not served");
        served += 1;
        descriptors = descriptors.max(scene.server.weight().1);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let busy = (scene.server.cpu() - before) / began.elapsed().as_secs_f64();
    let flooded = flood.len();
    drop(flood);
    let ended = Instant::now();
    while scene.login(&Client::new(), 1).await.0 != 200 {
        assert!(ended.elapsed() < BACK_WITHIN, "nobody new is served after {BACK_WITHIN:?}");
    }

    println!(
        "{flooded} connections at {descriptors} of {DESCRIPTORS} descriptors: {served} served who were there, {:.0} % of a \
         processor, back after {:?}",
        busy * 100.0,
        ended.elapsed()
    );
    assert!(descriptors > DESCRIPTORS * 9 / 10, "it never ran out: {descriptors}");
    assert!(busy < IDLE, "it spins: {busy:.2} of a processor");
}

async fn a_server_out_of_threads_serves_on_those_it_has(ground: Ground) {
    let (door, _) = people(&ground, 8, &mut Chance::seeded("SCARCE_SEED")).await;
    // What a server has that has let somebody in, and two more.
    let scene = Scene { door: &door, server: Spawned::with(&ground, SETTINGS), told: BTreeMap::new() };
    assert_eq!(scene.login(&Client::new(), 0).await.0, 200);
    let threads = scene.server.weight().0 as u64 + 2;
    scene.server.kill();
    let group = match Cgroup::with(&[Limit::Threads(threads)]) {
        Ok(group) => group,
        Err(why) => return println!("SKIPPED: {why}"),
    };
    let server = Spawned::under(&group.enter(), &ground, SETTINGS);
    let mut scene = Scene { door: &door, server, told: BTreeMap::new() };

    let began = Instant::now();
    while began.elapsed() < FLOODED {
        let http = Client::new();
        for (status, _) in join_all((0..CALLERS).map(|at| scene.login(&http, at % 8))).await {
            *scene.told.entry(status).or_default() += 1;
        }
    }

    let most = scene.server.weight().0;
    println!("at most {threads} threads, {most} at the end: {:?}", scene.told);
    assert!(scene.server.lives(), "it is gone: {}", scene.server.text());
    assert!(scene.told.get(&200).is_some_and(|served| *served > 0), "nobody was served");
    // More guesses at one person than may be in the air at a time are told to wait.
    assert!(scene.told.keys().all(|status| [200, 429, 503].contains(status)), "{:?}", scene.told);
    assert_eq!(scene.login(&Client::new(), 0).await.0, 200);
}

async fn in_256_mib_a_storm_of_logins_and_large_bodies_kills_nobody(ground: Ground) {
    let group = match Cgroup::with(&[Limit::MemoryMib(MEMORY_MIB)]) {
        Ok(group) => group,
        Err(why) => return println!("SKIPPED: {why}"),
    };
    let (door, _) = people(&ground, 8, &mut Chance::seeded("SCARCE_SEED")).await;
    let settings: Vec<_> = SETTINGS.iter().filter(|(name, _)| !name.contains("HASHING")).copied().collect();
    let server = Spawned::under(&group.enter(), &ground, &settings);
    let mut scene = Scene { door: &door, server, told: BTreeMap::new() };

    let (town, until) = (Town::at(&scene.server.address, &door), Instant::now() + STORM);
    let all = join_all((0..CALLERS).map(|at| storm(&scene, &town, at, until))).await;
    for (status, count) in all.into_iter().flatten() {
        *scene.told.entry(status).or_default() += count;
    }

    let (peak, killed) = (group.peak_mib(), group.killed());
    println!(
        "{MEMORY_MIB} MiB: peak {peak} MiB, {:.0} resident with what others use too, {killed} killed: {:?}",
        memory_of(scene.server.id()),
        scene.told
    );
    assert!(scene.server.lives() && killed == 0, "{killed} killed");
    assert!(scene.told.get(&200).is_some_and(|served| *served > 0), "nobody was served");
    assert!(scene.told.keys().all(|status| [200, 413, 422, 429, 503].contains(status)), "{:?}", scene.told);
    assert_eq!(scene.login(&Client::new(), 0).await.0, 200);
}

/// Logins at their full cost, and between them bodies as large as may be, and larger.
async fn storm(scene: &Scene<'_>, town: &Town<'_>, at: usize, until: Instant) -> BTreeMap<u16, usize> {
    let mut told = BTreeMap::new();
    for turn in 0.. {
        if Instant::now() > until {
            break;
        }
        let status = match turn % 4 {
            0 | 1 => scene.login(&town.http, at % 8).await.0,
            much => {
                let length = if much == 2 { 60 << 10 } else { 2 << 20 };
                let body = json!({ "email": "x".repeat(length), "password": PASSWORD });
                let post = town.request(Method::POST, "/api/v1/auth/password-based/login").json(&body);
                // A body that is refused as too large is refused while it is being sent.
                post.send().await.map_or(413, |answer| answer.status().as_u16())
            }
        };
        *told.entry(status).or_default() += 1;
    }
    told
}
