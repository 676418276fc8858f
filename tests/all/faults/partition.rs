//! A cable is pulled for ten seconds: who is cut off lets nobody in, what one node ended no other one serves, no mail is
//! another one the second time, and all heals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use doorward::db::schema::jobs;
use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::task::JoinSet;

use super::caller::{Caller, Town};
use super::ledger::check;
use super::load::until_done;
use super::networks::{Networks, People, Pulled, settle};
use crate::cli::backup::key;
use crate::ground::Ground;
use crate::ground::app::{Door, Reply};
use crate::ground::binary::Installation;
use crate::ground::chance::Chance;
use crate::ground::people::PASSWORD;
use crate::ground::smtp::{Fault, Smtp, Stage};

const CALLERS: usize = 12;
const CUT: Duration = Duration::from_secs(10);
/// What was read so long ago still counts; the rest is the machine's.
const KNOWN: Duration = Duration::from_millis(2500);
const HEALED_WITHIN: Duration = Duration::from_secs(5);
/// Looked at for longer, since what heals may break again.
const AFTERWARDS: Duration = Duration::from_secs(12);

/// One request: when it was asked and answered, and how.
#[derive(Debug, Clone, Copy)]
struct Seen {
    node: usize,
    what: What,
    asked: Instant,
    told: Instant,
    status: u16,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Login,
    Session,
    Edit,
    /// One of those who are put out meanwhile.
    Out(usize),
}

/// Put out by the first node: logged out, disabled, and with their tenant suspended. When that was acknowledged.
type Out = [Option<Instant>; 3];

struct Held {
    lookers: [String; 2],
    admin: String,
    leaving: Vec<String>,
}

struct World<'a> {
    networks: &'a Networks,
    smtp: &'a Smtp,
    towns: &'a [Town<'a>; 2],
    doors: &'a [Door; 2],
    people: People,
    chance: Chance,
}

/// One pulled cable: what was seen meanwhile and afterwards.
struct Story {
    which: Pulled,
    cut: Instant,
    plugged: Instant,
    seen: Vec<Seen>,
    out: Out,
}

#[test]
#[ignore = "minutes long, and needs root: `make faults` runs it"]
fn a_node_that_is_cut_off_lets_nobody_in_and_heals() {
    let Some(networks) = Networks::new() else {
        return println!("SKIPPED: this user may not make network namespaces, or `ip` is not here");
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(partitions(&networks));
    networks.ground.assert_sound();
}

async fn partitions(networks: &Networks) {
    let mut chance = Chance::seeded("PARTITION_SEED");
    let when = format!("PARTITION_SEED={}", chance.seed());
    let smtp = Smtp::everywhere().await;
    let mut which = [Pulled::Second, Pulled::Between, Pulled::Both];
    chance.shuffle(&mut which);
    let lookers = ["admin@a.example", "looker-0@a.example", "looker-1@a.example"].map(str::to_owned);
    let leaving =
        (0..which.len()).flat_map(|at| ["a", "a2", "b"].map(|who| format!("{who}-{at}@example.com")));
    let named: Vec<String> = lookers.into_iter().chain(leaving).collect();
    let (doors, mut callers, people) = settle(&networks.ground, CALLERS, &named, &mut chance).await;
    let servers = [0, 1].map(|at| networks.serve(at, &smtp));
    let towns = [0, 1].map(|at| networks.town(at, &servers[at], &doors[0]));
    let mut world =
        World { networks, smtp: &smtp, towns: &towns, doors: &doors, people, chance: chance.another() };

    let (left, right) = callers.split_at_mut(CALLERS / 2);
    let mut stories = Vec::new();
    let script = async {
        for (at, which) in which.into_iter().enumerate() {
            stories.push(world.story(at, which, &when).await);
        }
        towns.iter().for_each(Town::end);
    };
    let lives = left.iter_mut().map(|caller| caller.live(&towns[0]));
    let lives = lives.chain(right.iter_mut().map(|caller| caller.live(&towns[1])));
    tokio::join!(script, join_all(lives));

    stories.iter().for_each(|story| story.assert_held(&towns, &when));
    check(&networks.ground, &mut callers, &when);
    assert!(callers.iter().all(|caller| caller.unanswered == 0), "{when}: a server itself was gone");
    let (mails, twins) = mails(&networks.ground, &smtp, &callers).await;
    assert_eq!(twins, 0, "{when}: a job had its effect twice");
    let (done, refused) =
        (towns.each_ref().map(|town| town.done.each()), towns.each_ref().map(Town::refusals));
    println!(
        "3 cables pulled for {CUT:?}: {done:?} acknowledged, {refused:?} told to come back; {mails} mails came, none of \
         them twice"
    );
}

impl World<'_> {
    async fn story(&mut self, at: usize, which: Pulled, when: &str) -> Story {
        for town in self.towns {
            until_done(&town.done, town.done.each(), 20, when).await;
        }
        let held = self.held(at).await;
        let over = AtomicBool::new(false);
        let (networks, smtp, mut chance) = (self.networks, self.smtp, self.chance.another());
        let script = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            // Some mails are on their way when it happens.
            (0..8).for_each(|_| smtp.fail(Stage::Accept, Fault::Wait(Duration::from_millis(500))));
            tokio::time::sleep(Duration::from_millis(200)).await;
            networks.pull(which, &mut chance);
            let cut = Instant::now();
            tokio::time::sleep(Duration::from_secs(3)).await;
            let out = self.put_out(at, &held).await;
            tokio::time::sleep(CUT.saturating_sub(cut.elapsed())).await;
            networks.plug(which);
            let plugged = Instant::now();
            tokio::time::sleep(AFTERWARDS).await;
            over.store(true, Ordering::SeqCst);
            (cut, plugged, out)
        };
        let ((cut, plugged, out), seen) = tokio::join!(script, self.look(&held, &over));
        self.operate("resume").await;
        Story { which, cut, plugged, seen, out }
    }

    /// Tokens of those who look and of those who are to be put out, each known to both nodes.
    async fn held(&self, at: usize) -> Held {
        let [first, second] = self.towns;
        let lookers = [
            log_in(first, self.doors, "looker-0@a.example").await,
            log_in(second, self.doors, "looker-1@a.example").await,
        ];
        let admin = log_in(first, self.doors, "admin@a.example").await;
        let mut leaving = Vec::new();
        for who in ["a", "a2", "b"] {
            leaving.push(log_in(second, self.doors, &format!("{who}-{at}@example.com")).await);
        }
        Held { lookers, admin, leaving }
    }

    /// Every tenth of a second, until it is over, whatever became of those before.
    async fn look(&self, held: &Held, over: &AtomicBool) -> Vec<Seen> {
        let (mut asking, mut count) = (JoinSet::new(), 0_u64);
        while !over.load(Ordering::SeqCst) {
            for node in 0..2 {
                asking.spawn(asked(node, What::Session, self.me(node, 0, &held.lookers[node])));
                if count % 5 == 0 {
                    let edit = self.towns[node].request(Method::PATCH, "/api/v1/auth/me");
                    let edit =
                        edit.bearer_auth(&held.lookers[node]).json(&json!({ "profile": { "at": count } }));
                    asking.spawn(asked(node, What::Edit, edit));
                }
                if count % 10 == 0 {
                    let email = format!("looker-{node}@a.example");
                    asking.spawn(asked(node, What::Login, login(&self.towns[node], self.doors, &email)));
                }
            }
            for (out, access) in held.leaving.iter().enumerate() {
                asking.spawn(asked(1, What::Out(out), self.me(1, usize::from(out == 2), access)));
            }
            count += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        asking.join_all().await
    }

    fn me(&self, node: usize, door: usize, access: &str) -> RequestBuilder {
        through(&self.towns[node], &self.doors[door], Method::GET, "/api/v1/auth/me").bearer_auth(access)
    }

    /// By the first node, and by an operator.
    async fn put_out(&self, at: usize, held: &Held) -> Out {
        let first = &self.towns[0];
        let out = first.request(Method::POST, "/auth/logout").bearer_auth(&held.leaving[0]).json(&json!({}));
        let user = self.people[&format!("a2-{at}@example.com")];
        let off = first.request(Method::POST, &format!("/auth/user/{user}/set-active"));
        let off = off.bearer_auth(&held.admin).json(&json!({ "active": false }));
        let acknowledged = |reply: Reply| (reply.status == 200).then(Instant::now);
        let (out, off) = tokio::join!(Reply::of(out), Reply::of(off));
        let suspended = self.operate("suspend").await;
        [acknowledged(out), acknowledged(off), Some(suspended)]
    }

    async fn operate(&self, word: &'static str) -> Instant {
        let installation = Installation::on(&self.networks.ground).with("DOORWARD_MASTER_KEY", &key());
        let ran = tokio::task::spawn_blocking(move || installation.run(&["tenants", word, "b"]));
        let ran = ran.await.unwrap();
        assert_eq!(ran.code, 0, "{ran:?}");
        Instant::now()
    }
}

fn through(town: &Town<'_>, door: &Door, method: Method, path: &str) -> RequestBuilder {
    let request = town.http.request(method, format!("{}{path}", town.base));
    request.header("host", &door.host).header("doorward-client", &door.client)
}

fn login(town: &Town<'_>, doors: &[Door; 2], email: &str) -> RequestBuilder {
    let door = &doors[usize::from(email.starts_with('b'))];
    let body = json!({ "email": email, "password": PASSWORD });
    through(town, door, Method::POST, "/auth/password-based/login").json(&body)
}

async fn log_in(town: &Town<'_>, doors: &[Door; 2], email: &str) -> String {
    let reply = Reply::of(login(town, doors, email)).await;
    assert_eq!(reply.status, 200, "{email}: {}", reply.text);
    reply.says("accessToken").to_owned()
}

async fn asked(node: usize, what: What, request: RequestBuilder) -> Seen {
    let asked = Instant::now();
    let status = request.send().await.unwrap().status().as_u16();
    Seen { node, what, asked, told: Instant::now(), status }
}

impl Story {
    fn assert_held(&self, towns: &[Town<'_>; 2], when: &str) {
        let when = format!("{when}, {:?}", self.which);
        for seen in &self.seen {
            self.assert_closed(seen, &when);
        }
        let binding = (0..self.out.len()).map(|out| self.binding(out, &when)).collect::<Vec<_>>();
        let healed = self.healed(towns);
        let meanwhile = self.seen.iter().filter(|seen| self.is_cut_from(seen));
        let (known, refused): (Vec<_>, Vec<_>) = meanwhile.partition(|seen| seen.status == 200);
        let slowest = refused.iter().map(|seen: &&Seen| seen.told - seen.asked).max().unwrap_or_default();
        println!(
            "{:?}: {} answers from memory, {} refused, within {slowest:?}; put out on the other node after {binding:?}; \
             healed within {healed:?}",
            self.which,
            known.len(),
            refused.len()
        );
        assert!(healed <= HEALED_WITHIN, "{when}: it healed after {healed:?}");
        let all = self.seen.iter().filter(|seen| seen.status == 503).count();
        assert_eq!(all == 0, self.which == Pulled::Between, "{when}: {all} were refused");
    }

    /// Asked and answered while the node could not reach the database.
    fn is_cut_from(&self, seen: &Seen) -> bool {
        let is_cut = self.which == Pulled::Both || (self.which == Pulled::Second && seen.node == 1);
        is_cut && seen.asked > self.cut && seen.told < self.plugged
    }

    /// Nobody is let in, nothing is written, and sessions count for as long as they are known.
    fn assert_closed(&self, seen: &Seen, when: &str) {
        if !self.is_cut_from(seen) {
            // Who asks the other one notices nothing.
            let is_the_other = seen.node == 0 && self.which != Pulled::Both && seen.what == What::Session;
            assert!(!is_the_other || seen.status == 200, "{when}: {seen:?}");
            return;
        }
        let is_known = matches!(seen.what, What::Session | What::Out(_)) && seen.asked < self.cut + KNOWN;
        assert!(
            is_known || [503, 429].contains(&seen.status),
            "{when}: {:?} after the cut: {seen:?}",
            seen.asked - self.cut
        );
    }

    /// How long after its acknowledgement the other node served somebody who was put out.
    fn binding(&self, out: usize, when: &str) -> Option<Duration> {
        let acknowledged = self.out[out]?;
        let theirs = || self.seen.iter().filter(|seen| seen.what == What::Out(out));
        let last = theirs()
            .filter(|seen| seen.status == 200 && seen.asked > acknowledged)
            .map(|seen| seen.asked)
            .max();
        let binding = last.map_or(Duration::ZERO, |last| last - acknowledged);
        assert!(binding < KNOWN, "{when}: {out} was served {binding:?} after it was put out");
        let end = theirs().max_by_key(|seen| seen.asked).unwrap();
        assert!([401, 403].contains(&end.status), "{when}: in the end {end:?}");
        Some(binding)
    }

    /// When the last one was refused after the cable was back.
    fn healed(&self, towns: &[Town<'_>; 2]) -> Duration {
        let end = self.plugged + AFTERWARDS;
        let seen = self.seen.iter().filter(|seen| seen.status == 503).map(|seen| (seen.asked, seen.told));
        let callers = towns.iter().flat_map(|town| town.refused.lock().unwrap().clone());
        let late = seen.chain(callers).filter(|(asked, told)| *asked < end && *told > self.plugged);
        late.map(|(_, told)| told - self.plugged).max().unwrap_or_default()
    }
}

/// Jobs that wait or are run.
fn open(ground: &Ground) -> i64 {
    let open = jobs::table.filter(jobs::state.eq_any(["queued", "running"]));
    open.count().get_result(&mut ground.connect()).unwrap()
}

/// Every sign-up's mail comes, and whatever comes twice is the same mail.
async fn mails(ground: &Ground, smtp: &Smtp, callers: &[Caller]) -> (usize, usize) {
    let wanted: usize = callers.iter().map(|caller| caller.signed_up.len()).sum();
    let of_sign_ups = || {
        let mails =
            smtp.mails().into_iter().filter(|mail| mail.to[0].starts_with(|c: char| c.is_ascii_digit()));
        let mut ids: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
        for mail in mails {
            ids.entry(mail.to[0].clone()).or_default().insert(mail.header("Message-ID").unwrap());
        }
        ids
    };
    let patience = Instant::now() + Duration::from_secs(120);
    while of_sign_ups().len() < wanted || open(ground) > 0 {
        let came = of_sign_ups().len();
        assert!(Instant::now() < patience, "{came} of {wanted} mails came, {} jobs are open", open(ground));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let ids = of_sign_ups();
    assert!(ids.values().all(|ids| ids.len() == 1), "one sign-up, several mails: {ids:?}");
    let all = smtp.mails().iter().map(|mail| mail.header("Message-ID").unwrap()).collect::<Vec<_>>();
    (all.len(), all.len() - all.iter().collect::<BTreeSet<_>>().len())
}
