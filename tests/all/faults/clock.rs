//! The clock jumps while the server serves: what ended stays ended, jobs neither burst nor stop, and at the right time
//! all is as it was.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use doorward::base::Timestamp;
use doorward::components::Clock;
use doorward::components::post;
use doorward::db::schema::{cron_jobs, jobs, sessions};
use reqwest::Method;
use serde_json::json;

use super::caller::Town;
use super::load::{SETTINGS, people};
use super::wall::{JUMPS, Jump, Wall};
use crate::account::token;
use crate::ground::app::{Door, Reply};
use crate::ground::chance::Chance;
use crate::ground::forge::claim;
use crate::ground::people::PASSWORD;
use crate::ground::smtp::{Fault, Smtp, Stage};
use crate::ground::spawned::Spawned;
use crate::ground::work::until;
use crate::ground::{Ground, on_both};

on_both!(
    #[ignore = "minutes long, and needs libfaketime: `make faults` runs it"]
    while_the_clock_jumps_nothing_that_ended_comes_back_and_jobs_go_on,
);

/// What somebody holds.
#[derive(Debug, Clone)]
enum Held {
    Access(String),
    Refresh(String),
    /// To a page that sets a password.
    Link(String),
}

/// A session that goes on as far as it is let: its newest tokens.
struct Living {
    name: String,
    access: String,
    refresh: String,
    /// The latest time that the server told since.
    latest: i64,
}

struct Story {
    ground: Ground,
    server: Spawned,
    door: Door,
    smtp: Smtp,
    chance: Chance,
    /// Refused once, and never to be good again; with what it was.
    ended: Vec<(String, Held)>,
    living: Vec<Living>,
    links: Vec<String>,
    asked: usize,
    mails: usize,
    waited: usize,
    most_crons: usize,
}

async fn while_the_clock_jumps_nothing_that_ended_comes_back_and_jobs_go_on(ground: Ground) {
    let Some(wall) = Wall::find() else {
        return println!("SKIPPED: libfaketime is not here (Debian's package is faketime)");
    };
    let mut chance = Chance::seeded("CLOCK_SEED");
    let mut story = Story::begin(ground, &wall, &mut chance).await;
    let mut jumps = JUMPS;
    chance.shuffle(&mut jumps);
    println!("{jumps:?}");

    for jump in jumps {
        let steady = story.log_in("stays through small jumps").await;
        let waiting = story.mail_that_waits().await;
        story.visit(&wall, jump.away(), &waiting).await;
        let waiting = story.mail_that_waits().await;
        story.visit(&wall, 0, &waiting).await;
        story.assert_steady(steady, jump).await;
    }

    story.assert_whole();
    println!(
        "{} jumps and back: {} tokens and links that had ended were asked after {} times, and none was good again; {} \
         mails came, {} of which had waited through a jump; {} run of the schedule at most at a stop",
        JUMPS.len(),
        story.ended.len(),
        story.asked,
        story.mails,
        story.waited,
        story.most_crons
    );
}

impl Story {
    async fn begin(ground: Ground, wall: &Wall, chance: &mut Chance) -> Self {
        let (door, _) = people(&ground, 1, chance).await;
        let smtp = Smtp::start().await;
        let port = smtp.address.port().to_string();
        let faked = wall.variables();
        let own = [
            ("DOORWARD_LIFETIMES__ACCESS", "300"),
            ("DOORWARD_MAIL__TRANSPORT", "smtp"),
            ("DOORWARD_MAIL__HOST", "127.0.0.1"),
            ("DOORWARD_MAIL__PORT", port.as_str()),
            ("DOORWARD_MAIL__TLS", "none"),
            ("DOORWARD_LIMITS__MAILS_PER_ADDRESS_PER_HOUR", "1000000"),
        ];
        let faked = faked.iter().map(|(name, value)| (*name, value.as_str()));
        let variables: Vec<_> = SETTINGS.iter().copied().chain(own).chain(faked).collect();
        let server = Spawned::with(&ground, &variables);
        let mut story = Self {
            ground,
            server,
            door,
            smtp,
            chance: chance.another(),
            ended: Vec::new(),
            living: Vec::new(),
            links: Vec::new(),
            asked: 0,
            mails: 0,
            waited: 0,
            most_crons: 0,
        };
        story.let_one_expire().await;
        story
    }

    fn town(&self) -> Town<'_> {
        Town::at(&self.server.address, &self.door)
    }

    async fn post(&self, path: &str, body: serde_json::Value) -> Reply {
        Reply::of(self.town().request(Method::POST, path).json(&body)).await
    }

    async fn log_in(&self, name: &str) -> Living {
        let body = json!({ "email": "p0@a.example", "password": PASSWORD });
        let reply = self.post("/auth/password-based/login", body).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text);
        Living::of(name, &reply)
    }

    async fn is_good(&self, held: &Held) -> bool {
        let town = self.town();
        let reply = match held {
            Held::Access(token) => {
                Reply::of(town.request(Method::GET, "/api/v1/auth/me").bearer_auth(token)).await
            }
            Held::Refresh(token) => self.post("/auth/refresh-tokens", json!({ "refreshToken": token })).await,
            Held::Link(token) => {
                Reply::of(town.request(Method::GET, &format!("/account/reset?token={token}"))).await
            }
        };
        let status = reply.status.as_u16();
        assert!([200, 401, 404].contains(&status), "{status} to {held:?}: {}", reply.text);
        reply.status == 200
    }

    /// At the right time, by itself, as far as anybody can tell.
    async fn let_one_expire(&mut self) {
        let living = self.log_in("expired at the right time").await;
        let session: doorward::base::SessionId = claim(&living.access, "session").parse().unwrap();
        let soon = Clock::real().now() + Duration::from_secs(1);
        let row = diesel::update(sessions::table.find(session)).set(sessions::idle_expires_at.eq(soon));
        assert_eq!(row.execute(&mut self.ground.connect()).unwrap(), 1);
        tokio::time::sleep(Duration::from_secs(4)).await;
        self.living.push(living);
        self.look_after_the_living().await;
        assert_eq!(self.ended.len(), 2, "it did not expire");
    }

    /// Whatever is refused has ended, and must stay so.
    async fn look_after_the_living(&mut self) {
        for mut living in std::mem::take(&mut self.living) {
            let held = Held::Access(living.access.clone());
            if !self.is_good(&held).await {
                let body = json!({ "refreshToken": living.refresh });
                let reply = self.post("/auth/refresh-tokens", body).await;
                let has_ended = reply.status != 200;
                // Else it is from a time that has not come yet, and may be good when it comes.
                if has_ended || claim(&living.access, "exp").parse::<i64>().unwrap() <= living.latest {
                    self.ended.push((living.name.clone(), held));
                }
                if has_ended {
                    self.ended.push((living.name, Held::Refresh(living.refresh)));
                    continue;
                }
                living = Living::of(&living.name, &reply);
            }
            self.living.push(living);
        }
        for token in std::mem::take(&mut self.links) {
            let held = Held::Link(token.clone());
            match self.is_good(&held).await {
                true => self.links.push(token),
                false => self.ended.push(("a link to set a password".into(), held)),
            }
        }
    }

    /// Again and again, from the very moment of the jump.
    async fn assert_ended(&mut self) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(1500) {
            for (what, held) in &self.ended {
                assert!(!self.is_good(held).await, "{what}: it came back: {held:?}");
            }
            self.asked += self.ended.len();
        }
    }

    /// The jump, and what there is to be seen after it, wherever it led.
    async fn visit(&mut self, wall: &Wall, away: i64, waiting: &str) {
        let before = self.crons();
        wall.set(away);
        let told = Clock::real().now().seconds() + away;
        self.living.iter_mut().for_each(|living| living.latest = living.latest.max(told));
        self.assert_ended().await;
        self.look_after_the_living().await;
        self.mail_to(waiting).await;
        self.waited += 1;
        self.use_everything().await;
        self.look_after_the_living().await;
        self.assert_ended().await;
        let crons = self.crons();
        for (name, count) in crons {
            let more = count - before.get(&name).copied().unwrap_or_default();
            // Once for what became due, and once for what has become due meanwhile.
            assert!(more <= 2, "{name} ran {more} times at one stop");
            self.most_crons = self.most_crons.max(more);
        }
    }

    /// Somebody logs in and out, another one stays, and a link is mailed and left unused.
    async fn use_everything(&mut self) {
        let leaves = self.log_in("logged out").await;
        assert!(
            self.is_good(&Held::Access(leaves.access.clone())).await,
            "a fresh token is refused: {}",
            self.server.text()
        );
        let out = self.post("/auth/logout", json!({ "refreshToken": leaves.refresh })).await;
        assert_eq!(out.status, 200, "{}", out.text);
        self.ended.push((leaves.name.clone(), Held::Access(leaves.access)));
        self.ended.push((leaves.name, Held::Refresh(leaves.refresh)));
        let stays = self.log_in("stayed").await;
        self.living.push(stays);
        let body = json!({ "email": "p0@a.example" });
        let asked = self.post("/auth/password-based/forgot-password", body).await;
        assert_eq!(asked.status, 202, "{}", asked.text);
        let mail = self.mail_to("p0@a.example").await;
        self.links.push(mail);
    }

    /// The token of its link.
    async fn mail_to(&mut self, address: &str) -> String {
        loop {
            let mail = self.smtp.mail_to(address).await;
            // Others tell of a new device.
            if mail.text().contains("token=") {
                self.mails += 1;
                return token(&mail);
            }
        }
    }

    /// A sign-up whose mail the mail server put off: it waits for its next try.
    async fn mail_that_waits(&mut self) -> String {
        let address = format!("{}@b.example", self.chance.next(1 << 40));
        self.smtp.fail(Stage::Recipient, Fault::Say(451, "4.7.1 later"));
        let body = json!({ "email": address, "password": PASSWORD });
        let reply = self.post("/api/v1/auth/password-based/sign-up", body).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
        until("the mail is put off", async || {
            let waits = jobs::table.filter(jobs::name.eq(post::NAME)).filter(jobs::last_error.is_not_null());
            let waits = waits.filter(jobs::state.eq("queued")).count();
            waits.get_result::<i64>(&mut self.ground.connect()).unwrap() > 0
        })
        .await;
        address
    }

    /// How often each job of the schedule was carried out, as its log has it.
    fn crons(&self) -> BTreeMap<String, usize> {
        let names: Vec<String> =
            cron_jobs::table.select(cron_jobs::name).load(&mut self.ground.connect()).unwrap();
        let mut counts = BTreeMap::new();
        for line in self.server.told().iter().filter(|line| line["message"] == "a job ended") {
            let name = line["event"].as_str().unwrap_or_default().to_owned();
            if names.contains(&name) {
                *counts.entry(name).or_default() += 1;
            }
        }
        counts
    }

    /// Who was there before a jump of a day at most, or to a time that cannot be, is there after it.
    async fn assert_steady(&mut self, mut steady: Living, jump: Jump) {
        let reply = self.post("/auth/refresh-tokens", json!({ "refreshToken": steady.refresh })).await;
        if [Jump::TenYearsAhead, Jump::Edge].contains(&jump) {
            assert_eq!(reply.status, 401, "{jump:?}: it lived for fourteen days: {}", reply.text);
            return;
        }
        assert_eq!(reply.status, 200, "{jump:?}: a session of fourteen days is lost: {}", reply.text);
        steady = Living::of(&steady.name, &reply);
        assert!(self.is_good(&Held::Access(steady.access)).await, "{jump:?}");
    }

    fn assert_whole(&self) {
        let text = self.server.text();
        assert!(!text.contains("panicked"), "{text}");
        let conn = &mut self.ground.connect();
        let far = Clock::real().now() + Duration::from_secs(2 * 24 * 3600);
        let next: Vec<(String, Timestamp)> =
            cron_jobs::table.select((cron_jobs::name, cron_jobs::next_at)).load(conn).unwrap();
        assert!(!next.is_empty() && next.iter().all(|(_, at)| *at < far), "the schedule stands: {next:?}");
        let stuck = jobs::table.filter(jobs::state.eq("queued")).filter(jobs::scheduled_at.gt(far));
        assert_eq!(stuck.count().get_result::<i64>(conn).unwrap(), 0, "jobs that nobody will live to see");
    }
}

impl Living {
    fn of(name: &str, reply: &Reply) -> Self {
        let (access, refresh) = (reply.says("accessToken").into(), reply.says("refreshToken").into());
        Self { name: name.to_owned(), access, refresh, latest: 0 }
    }
}
