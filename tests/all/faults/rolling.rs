//! Two copies over one PostgreSQL are stopped and started in turn under load: nobody notices, and no mail is lost or
//! sent twice.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use doorward::db::schema::{jobs, sign_ups};

use super::balance::Balance;
use super::caller::Town;
use super::ledger::check;
use super::load::{SETTINGS, people, under_load, until_done};
use crate::ground::chance::Chance;
use crate::ground::smtp::{Fault, Smtp, Stage};
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, Kind, run};

const PEOPLE: usize = 8;
/// From the signal to the end of the process.
const GONE_WITHIN: Duration = Duration::from_secs(30);
/// Mails that are being carried when their copy is told to stop, and how many seconds the longest takes.
const SLOW_MAILS: u64 = 4;
const SLOWEST: u64 = 15;

#[test]
fn copies_that_are_restarted_in_turn_fail_nobody() {
    run(Kind::Postgres, |ground| rolling(ground, 1));
}

#[test]
#[ignore = "minutes long: `make faults` runs it"]
fn copies_that_are_restarted_in_turn_again_and_again_fail_nobody() {
    run(Kind::Postgres, |ground| rolling(ground, 10));
}

struct Copies {
    ground: Ground,
    smtp: Smtp,
    balance: Balance,
}

impl Copies {
    /// One more, which gets requests as soon as it is ready.
    async fn start(&self) -> Spawned {
        let port = self.smtp.address.port().to_string();
        let own = [
            ("DOORWARD_SERVER__DRAIN_PAUSE", "1"),
            ("DOORWARD_JOBS__WORKERS", "8"),
            ("DOORWARD_MAIL__TRANSPORT", "smtp"),
            ("DOORWARD_MAIL__HOST", "127.0.0.1"),
            ("DOORWARD_MAIL__PORT", port.as_str()),
            ("DOORWARD_MAIL__TLS", "none"),
        ];
        let (ground, settings) = (self.ground.clone(), [SETTINGS, &own].concat());
        let copy = tokio::task::block_in_place(|| Spawned::with(&ground, &settings));
        self.balance.add(&copy.address);
        let patience = Instant::now() + Duration::from_secs(60);
        while !self.balance.is_ready(&copy.address) {
            assert!(Instant::now() < patience, "a copy does not become ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        copy
    }

    /// Told to end while it carries mail; how long that took.
    async fn stop(&self, copy: Spawned, chance: &mut Chance) -> Duration {
        for _ in 0..SLOW_MAILS {
            let slow = Duration::from_millis(1000 + chance.next(SLOWEST * 1000 - 1000));
            self.smtp.fail(Stage::Data, Fault::Wait(slow));
        }
        tokio::time::sleep(Duration::from_millis(chance.next(1000))).await;
        let (address, began) = (copy.address.clone(), Instant::now());
        let ended = tokio::task::spawn_blocking(move || copy.end(GONE_WITHIN)).await.unwrap();
        assert!(ended, "a copy did not end within {GONE_WITHIN:?}");
        self.balance.remove(&address);
        began.elapsed()
    }
}

async fn rolling(ground: Ground, rounds: usize) {
    let mut chance = Chance::seeded("ROLLING_SEED");
    let when = format!("ROLLING_SEED={}", chance.seed());
    let (door, mut callers) = people(&ground, PEOPLE, &mut chance).await;
    let copies =
        Copies { ground: ground.clone(), smtp: Smtp::start().await, balance: Balance::start().await };
    let mut running = VecDeque::from([copies.start().await, copies.start().await]);
    let town = Town::at(&copies.balance.address.to_string(), &door);
    let mut took = Vec::new();

    under_load(&town, &mut callers, async {
        for _ in 0..2 * rounds {
            until_done(&town.done, town.done.each(), 40 + chance.next(80), &when).await;
            took.push(copies.stop(running.pop_front().unwrap(), &mut chance).await);
            running.push_back(copies.start().await);
        }
        until_done(&town.done, town.done.each(), 40, &when).await;
    })
    .await;

    let mails = settled(&copies, &when).await;
    took.sort();
    println!(
        "{} restarts of two copies: {:?} acknowledged, {} told to come back, {} failed; {mails} mails, each once; gone \
         within {:?}, most often within {:?}",
        took.len(),
        town.done.each(),
        town.refusals(),
        copies.balance.failed().len(),
        took[took.len() - 1],
        took[took.len() / 2],
    );
    assert_eq!(copies.balance.failed(), [""; 0], "{when}");
    check(&ground, &mut callers, &when);
    assert!(
        callers.iter().all(|caller| caller.unanswered == 0),
        "{when}: somebody was left without an answer"
    );
    assert!(town.refusals() == 0, "{when}: somebody was told to come back");
}

/// When all work is done: each sign-up has had its mail once, and no mail came twice.
async fn settled(copies: &Copies, when: &str) -> usize {
    let (mut conn, patience) = (copies.ground.connect(), Instant::now() + Duration::from_secs(180));
    let open = jobs::table.filter(jobs::state.ne("done")).filter(jobs::kind.ne("cron"));
    while open.count().get_result::<i64>(&mut conn).unwrap() > 0 {
        assert!(Instant::now() < patience, "{when}: the jobs do not end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (mut to, mut ids) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for mail in copies.smtp.mails() {
        *to.entry(mail.to[0].clone()).or_default() += 1;
        *ids.entry(mail.header("Message-ID").unwrap()).or_default() += 1;
    }
    let twice: Vec<_> = ids.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{when}: mails that came more than once: {twice:?}");
    let asked: Vec<String> = sign_ups::table.select(sign_ups::email).load(&mut conn).unwrap();
    assert!(!asked.is_empty(), "{when}: nobody signed up");
    for email in asked {
        assert_eq!(to.get(&email), Some(&1), "{when}: mails to {email}");
    }
    ids.len()
}
