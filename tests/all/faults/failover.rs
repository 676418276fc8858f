//! PostgreSQL's machine is lost under load, and its standby is promoted: what was waited for is there, and of what was
//! not, so much is lost as the standby had not received.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use doorward::base::Timestamp;
use reqwest::Method;
use serde_json::json;

use super::caller::{Caller, Town};
use super::ledger::{check, lost};
use super::load::{SETTINGS, people, under_load, until_done};
use super::proxy::{Mode, Proxy};
use crate::ground::app::{Door, Reply};
use crate::ground::chance::Chance;
use crate::ground::people::PASSWORD;
use crate::ground::space::{Cable, Space};
use crate::ground::spawned::Spawned;
use crate::ground::standby::Server;
use crate::ground::work::until;
use crate::ground::{Ground, Kind};

const PEOPLE: usize = 12;
const HERE: &str = "127.0.0.1";
/// The moment until somebody notices included, which is three seconds at most.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Of silence the kernel tells after ten seconds, and the next one is asked after two more.
const FOUND_OUT_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "two clusters of its own: `make faults` runs it"]
async fn a_promoted_standby_that_was_waited_for_has_every_acknowledged_change() {
    let mut chance = Chance::seeded("FAILOVER_SEED");
    for round in 0..5 {
        let when = format!("FAILOVER_SEED={}, round {round}", chance.seed());
        let primary = blocking(Server::start).await;
        let between = Proxy::before(primary.port).await;
        let follow = (HERE, between.address.port());
        let pair = Pair::of((HERE, primary), follow, true, &mut chance).await;
        // So far away that it would lack something if nobody waited for it.
        between.turn(Mode::Delay(Duration::from_millis(30)));

        let (back, words) = waited_for(pair, (&mut chance, &when), Server::kill).await;

        println!("promoted under load: {words}");
        assert!(back < BACK_WITHIN, "{when}: {back:?}");
    }
}

/// What was sent to it is not answered, and nobody answers who asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root: `make faults` runs it"]
async fn a_machine_that_is_gone_without_a_word_is_found_out_and_its_standby_is_used() {
    let Some(space) = Space::new() else {
        return println!("SKIPPED: this user may not make network namespaces, or `ip` is not here");
    };
    let mut chance = Chance::seeded("FAILOVER_SEED");
    let when = format!("FAILOVER_SEED={}, without a word", chance.seed());
    let cable = Cable::between(None, &space);
    let host = cable.addresses()[1];
    let primary = tokio::task::block_in_place(|| Server::within(&space));
    let follow = (host, primary.port);
    let pair = Pair::of((host, primary), follow, true, &mut chance).await;

    let (back, words) = waited_for(pair, (&mut chance, &when), |_| cable.pull(1)).await;

    println!("gone without a word: {words}");
    assert!(back < FOUND_OUT_WITHIN, "{when}: {back:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "two clusters of its own: `make faults` runs it"]
async fn a_promoted_standby_that_was_not_waited_for_lacks_what_it_had_not_received() {
    let mut chance = Chance::seeded("FAILOVER_SEED");
    for behind in [0, 100 + chance.next(400)].map(Duration::from_millis) {
        let when = format!("FAILOVER_SEED={}, {behind:?} behind", chance.seed());
        not_waited_for(behind, &mut chance, &when).await;
    }
}

/// Two of them, the second one behind the first; a server of both, and those who use it.
struct Pair {
    primary: Server,
    standby: Server,
    door: Door,
    callers: Vec<Caller>,
    server: Spawned,
}

impl Pair {
    /// The second one follows by a way of its own.
    async fn of(
        (host, primary): (&str, Server),
        (through, port): (&str, u16),
        is_waited_for: bool,
        chance: &mut Chance,
    ) -> Self {
        let ground = at(host, primary.port);
        doorward::db::migrate(&ground.url(), "test", Timestamp::EPOCH).unwrap();
        let through = through.to_owned();
        let standby = blocking(move || Server::behind(&through, port)).await;
        follows(&ground, is_waited_for).await;
        let (door, mut callers) = people(&ground, PEOPLE + 1, chance).await;
        // The last one logs in by hand.
        callers.pop();
        let url = format!(
            "postgres://doorward@{host}:{},{HERE}:{}/postgres?target_session_attrs=read-write",
            primary.port, standby.port
        );
        let server = Spawned::with(&ground, &[SETTINGS, &[("DATABASE_URL", url.as_str())]].concat());
        Self { primary, standby, door, callers, server }
    }

    /// From the loss of the first one until somebody is let in by the second.
    async fn fail_over(&self, town: &Town<'_>, lose: impl FnOnce(&Server), noticed: Duration) -> Duration {
        let began = Instant::now();
        tokio::task::block_in_place(|| lose(&self.primary));
        tokio::time::sleep(noticed).await;
        tokio::task::block_in_place(|| self.standby.promote());
        loop {
            let body = json!({ "email": format!("p{PEOPLE}@a.example"), "password": PASSWORD });
            let request = town.request(Method::POST, "/auth/password-based/login").json(&body);
            match Reply::of(request).await.status.as_u16() {
                200 => return began.elapsed(),
                status => assert_eq!(status, 503, "while no database takes writes"),
            }
        }
    }
}

fn at(host: &str, port: u16) -> Ground {
    Ground::at(Kind::Postgres, format!("postgres://doorward@{host}:{port}/postgres"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// It streams, and commits wait for it from now on where they are to.
async fn follows(ground: &Ground, is_waited_for: bool) {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let mut conn = ground.connect();
    if is_waited_for {
        conn.batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'").unwrap();
        conn.batch_execute("ALTER SYSTEM SET synchronous_commit = 'remote_apply'").unwrap();
        conn.batch_execute("SELECT pg_reload_conf()").unwrap();
    }
    let state = if is_waited_for { "sync" } else { "async" };
    let question = format!(
        "SELECT count(*) AS count FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = '{state}'"
    );
    until("the standby streams", async || {
        diesel::sql_query(&question).get_result::<Count>(&mut ground.connect()).unwrap().count > 0
    })
    .await;
}

/// How long nobody was let in, and what to say of it.
async fn waited_for(
    mut pair: Pair,
    (chance, when): (&mut Chance, &str),
    lose: impl FnOnce(&Server),
) -> (Duration, String) {
    let mut callers = std::mem::take(&mut pair.callers);
    let town = Town::at(&pair.server.address, &pair.door);
    let (mut back, noticed) = (Duration::ZERO, Duration::from_millis(chance.next(3000)));

    under_load(&town, &mut callers, async {
        until_done(&town.done, [0; 5], 60 + chance.next(120), when).await;
        back = pair.fail_over(&town, lose, noticed).await;
        until_done(&town.done, town.done.each(), 60, when).await;
    })
    .await;

    let ground = at(HERE, pair.standby.port);
    check(&ground, &mut callers, when);
    assert!(callers.iter().all(|caller| caller.unanswered == 0), "{when}: the server itself was gone");
    ground.assert_sound();
    let (done, refused) = (town.done.each(), town.refusals());
    let words = format!(
        "{done:?} acknowledged, none is lost; {refused} told to come back; noticed after {noticed:?}, back within {back:?}"
    );
    (back, words)
}

async fn not_waited_for(behind: Duration, chance: &mut Chance, when: &str) {
    let primary = blocking(Server::start).await;
    let between = Proxy::before(primary.port).await;
    let follow = (HERE, between.address.port());
    let mut pair = Pair::of((HERE, primary), follow, false, chance).await;
    let mut callers = std::mem::take(&mut pair.callers);
    let town = Town::at(&pair.server.address, &pair.door).where_changes_are_lost();
    let (mut received, mut back) = ([0; 5], Duration::ZERO);
    let noticed = Duration::from_millis(chance.next(3000));

    under_load(&town, &mut callers, async {
        until_done(&town.done, [0; 5], 60 + chance.next(120), when).await;
        received = town.done.each();
        if !behind.is_zero() {
            between.turn(Mode::Blackhole);
            tokio::time::sleep(behind).await;
            until("something is acknowledged", async || town.done.each() != received).await;
        }
        // Who goes on afterwards may hold what is lost.
        town.end();
        back = pair.fail_over(&town, Server::kill, noticed).await;
    })
    .await;

    let ground = at(HERE, pair.standby.port);
    let (done, lost) = (town.done.each(), lost(&ground, &callers));
    println!("promoted {behind:?} behind: of {done:?} acknowledged {lost:?} are lost; back within {back:?}");
    // Each may have been told of one change more in the last moment.
    let late = done.iter().sum::<u64>() - received.iter().sum::<u64>() + PEOPLE as u64;
    let lost = lost.iter().sum::<i64>().unsigned_abs();
    assert!(
        lost <= late,
        "{when}: {lost} are lost, and at most {late} were acknowledged since it received nothing"
    );
    assert!(lost > 0 || behind.is_zero(), "{when}: nothing is lost");
    assert!(back < BACK_WITHIN, "{when}: {back:?}");
    ground.assert_sound();
}
