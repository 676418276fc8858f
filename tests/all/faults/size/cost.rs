//! What it costs to find somebody, in processor time of the server and of its database together: wall time would tell
//! more of the machine's other guests than of us.

use std::time::Duration;

use doorward::auth::password::entity::Candidate;
use doorward::base::Email;
use doorward::components::Clock;
use futures_util::stream::{StreamExt, iter};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::json;

use super::hall::Hall;
use super::holders::holder;
use super::town::Town;
use crate::ground::app::App;
use crate::ground::chance::Chance;
use crate::ground::counters::cpu_of;
use crate::ground::people::PASSWORD;
use crate::ground::spawned::Spawned;
use crate::ground::work::idle;

/// Of a round.
const LOOKUPS: usize = 1_500;
const REQUESTS: usize = 400;
/// As many as a server asks for at once.
const TOGETHER: usize = 4;

/// A town with a server in this process, of which pieces can be asked, and one in its own.
pub struct Side<'t> {
    pub town: &'t Town,
    pub hall: &'t Hall,
    pub app: App,
    pub server: Spawned,
    http: Client,
}

/// Microseconds of processor for each.
pub type Costs = Vec<(&'static str, f64)>;

impl<'t> Side<'t> {
    pub async fn of(hall: &'t Hall, town: &'t Town, settings: &[(&str, &str)]) -> Self {
        let mut config = idle(&town.ground);
        config.lifetimes.access = Duration::from_secs(3600);
        let app = App::bare(town.ground.clone(), config, Clock::real()).await;
        let server = Spawned::with(&town.ground, settings);
        Self { town, hall, app, server, http: Client::new() }
    }

    /// By the server's own functions, each time with nothing in its memory.
    pub async fn lookups(&self, chance: &mut Chance) -> Costs {
        let who: Vec<usize> = (0..LOOKUPS).map(|_| self.anybody(chance)).collect();
        let tenant = self.measured(LOOKUPS, self.resolve(&who)).await;
        let login = self.measured(LOOKUPS, self.find(&who)).await;
        let session = self.measured(LOOKUPS, self.check(chance)).await;
        vec![("a tenant by its host", tenant), ("a login by its address", login), ("a session", session)]
    }

    async fn resolve(&self, who: &[usize]) {
        let house = &self.app.running.house;
        for person in who {
            house.forget_all();
            let door = self.town.door(self.town.home(*person));
            let id = house.tenant_at(&door.host).await.unwrap().unwrap();
            assert_eq!(house.tenant(id).await.unwrap().unwrap().id, door.tenant);
            assert!(house.default_app(id).await.unwrap().is_some());
        }
    }

    async fn find(&self, who: &[usize]) {
        for person in who {
            let tenant = self.town.door(self.town.home(*person)).tenant;
            let email = Email::parse(&self.town.email(*person)).unwrap();
            let found = self
                .app
                .running
                .house
                .db
                .within(tenant)
                .read(move |conn| Ok(Candidate::named(conn, tenant, &email)?));
            assert_eq!(found.await.unwrap().unwrap().user.id, self.town.user(*person));
        }
    }

    async fn check(&self, chance: &mut Chance) {
        let house = &self.app.running.house;
        for _ in 0..LOOKUPS {
            house.forget_all();
            let (session, person) = self.town.session(self.somewhere(chance));
            let live = house.live(session).await.unwrap().unwrap();
            assert_eq!(live.user, self.town.user(person));
        }
    }

    /// By requests, to tenants out of a number of them: of so many the server remembers something.
    pub async fn requests(&self, chance: &mut Chance, among: &[usize]) -> Costs {
        let (mut resolves, mut logins, mut sights) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..REQUESTS {
            let person = among[usize::try_from(chance.next(among.len() as u64)).unwrap()];
            let door = self.town.door(self.town.home(person));
            resolves.push(self.ask(Method::GET, "/api/v1/multitenant/current", &door.host));
            let body = json!({ "email": self.town.email(person), "password": PASSWORD });
            let login = self.ask(Method::POST, "/api/v1/auth/password-based/login", &door.host);
            logins.push(login.header("doorward-client", door.client).json(&body));
        }
        for session in self.sessions_of(among, chance) {
            let (door, held) = holder(&self.app, self.town, session).await;
            sights.push(self.ask(Method::GET, "/api/v1/auth/me", &door.host).bearer_auth(held.access));
        }
        vec![
            ("GET /multitenant/current", self.asked(resolves).await),
            ("POST login", self.asked(logins).await),
            ("GET /auth/me, first sight", self.asked(sights).await),
        ]
    }

    fn ask(&self, method: Method, path: &str, host: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.server.address)).header("host", host)
    }

    /// Live ones of these people.
    fn sessions_of(&self, among: &[usize], chance: &mut Chance) -> Vec<usize> {
        let mut theirs: Vec<usize> =
            among.iter().filter(|person| **person % 5 == 0 && **person % 50 != 0).map(|p| p / 5).collect();
        chance.shuffle(&mut theirs);
        theirs.truncate(REQUESTS);
        theirs
    }

    async fn asked(&self, requests: Vec<RequestBuilder>) -> f64 {
        let (before, count) = (cpu_of(self.server.id()) + self.hall.cpu(), requests.len());
        let mut answers = iter(requests.into_iter().map(RequestBuilder::send)).buffer_unordered(TOGETHER);
        while let Some(answer) = answers.next().await {
            let answer = answer.unwrap();
            assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        }
        (cpu_of(self.server.id()) + self.hall.cpu() - before) * 1e6 / count as f64
    }

    async fn measured(&self, count: usize, work: impl Future<Output = ()>) -> f64 {
        let cpu = || cpu_of(std::process::id()) + self.hall.cpu();
        let before = cpu();
        work.await;
        (cpu() - before) * 1e6 / count as f64
    }

    fn anybody(&self, chance: &mut Chance) -> usize {
        usize::try_from(chance.next(self.town.people.len() as u64)).unwrap()
    }

    /// The number of a session that has not ended.
    fn somewhere(&self, chance: &mut Chance) -> usize {
        loop {
            let at = usize::try_from(chance.next(self.town.sessions.len() as u64)).unwrap();
            if !at.is_multiple_of(10) {
                return at;
            }
        }
    }

    pub async fn close(self) {
        drop(self.app.running.platform.stop().await);
    }
}

/// The least of each: whatever else the machine does can only add.
pub fn least(rounds: &[Costs]) -> Costs {
    let first = rounds.first().expect("a round");
    let of = |at: usize| rounds.iter().map(|round| round[at].1).fold(f64::INFINITY, f64::min);
    first.iter().enumerate().map(|(at, (name, _))| (*name, of(at))).collect()
}
