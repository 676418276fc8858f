//! Two nodes and their PostgreSQL, each on a network of its own, with cables that can be pulled between them.

use std::collections::BTreeMap;

use doorward::base::{Timestamp, UserId};
use doorward::components::Clock;

use super::caller::{Caller, Town};
use super::load::SETTINGS;
use crate::ground::app::{App, Door, config};
use crate::ground::chance::Chance;
use crate::ground::smtp::Smtp;
use crate::ground::space::{Cable, Space};
use crate::ground::spawned::Spawned;
use crate::ground::standby::Server;
use crate::ground::{Ground, Kind};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pulled {
    /// The second node's cable to PostgreSQL.
    Second,
    /// The one between the nodes, over which nothing goes.
    Between,
    /// Both cables to PostgreSQL.
    Both,
}

/// Fields end in their order: what uses a network before the network.
pub struct Networks {
    database: Server,
    pub ground: Ground,
    /// From here to each of them, for whoever looks on.
    near: [Cable; 3],
    /// From each node to PostgreSQL.
    data: [Cable; 2],
    between: Cable,
    spaces: [Space; 3],
}

impl Networks {
    /// None where this user may not make any.
    pub fn new() -> Option<Self> {
        let spaces = [Space::new()?, Space::new()?, Space::new()?];
        let [first, second, data] = &spaces;
        let near = [first, second, data].map(|space| Cable::between(None, space));
        let between = Cable::between(Some(first), second);
        let cables = [first, second].map(|space| Cable::between(Some(space), data));
        let database = Server::within(data);
        let url = url(near[2].addresses()[1], database.port);
        doorward::db::migrate(&url, "test", Timestamp::EPOCH).unwrap();
        let ground = Ground::at(Kind::Postgres, url);
        Some(Self { database, ground, near, data: cables, between, spaces })
    }

    /// With its mail server here.
    pub fn serve(&self, at: usize, smtp: &Smtp) -> Spawned {
        let (url, mail) =
            (url(self.data[at].addresses()[1], self.database.port), smtp.address.port().to_string());
        let own = [
            ("DATABASE_URL", url.as_str()),
            ("DOORWARD_MAIL__TRANSPORT", "smtp"),
            ("DOORWARD_MAIL__HOST", self.near[at].addresses()[0]),
            ("DOORWARD_MAIL__PORT", &mail),
            ("DOORWARD_MAIL__TLS", "none"),
            // Longer than a cable is pulled, and soon over.
            ("DOORWARD_JOBS__LEASE", "30"),
        ];
        let variables = [SETTINGS, &own].concat();
        self.spaces[at].within(|| Spawned::at("0.0.0.0", &self.ground, &variables))
    }

    /// A node as it is called from here.
    pub fn town<'a>(&self, at: usize, server: &Spawned, door: &'a Door) -> Town<'a> {
        let port = server.address.rsplit(':').next().unwrap();
        Town::at(&format!("{}:{port}", self.near[at].addresses()[1]), door)
    }

    /// By the end that the chance draws: whoever holds that one is told at once, and the other not at all.
    pub fn pull(&self, which: Pulled, chance: &mut Chance) {
        let end = usize::try_from(chance.next(2)).unwrap();
        self.pulled(which).into_iter().for_each(|cable| cable.pull(end));
    }

    pub fn plug(&self, which: Pulled) {
        self.pulled(which).into_iter().for_each(Cable::plug);
    }

    fn pulled(&self, which: Pulled) -> Vec<&Cable> {
        match which {
            Pulled::Second => vec![&self.data[1]],
            Pulled::Between => vec![&self.between],
            Pulled::Both => self.data.iter().collect(),
        }
    }
}

fn url(host: &str, port: u16) -> String {
    format!("postgres://doorward@{host}:{port}/postgres")
}

/// Everybody, by address.
pub type People = BTreeMap<String, UserId>;

/// So many callers of tenant a, and those named, of the tenant that begins their address; the first one is an admin.
pub async fn settle(
    ground: &Ground,
    count: usize,
    named: &[String],
    chance: &mut Chance,
) -> ([Door; 2], Vec<Caller>, People) {
    let app = App::with_clock(ground.clone(), config(ground), Clock::real()).await;
    let doors = [app.native("a").await, app.native("b").await];
    let (mut callers, mut people) = (Vec::new(), People::new());
    for at in 0..count {
        let email = format!("p{at}@a.example");
        callers.push(Caller::new(app.person(&doors[0], &email).await, email, chance.another()));
    }
    for (at, email) in named.iter().enumerate() {
        let door = &doors[usize::from(email.starts_with('b'))];
        let user = app.person(door, email).await;
        people.insert(email.clone(), user);
        if at == 0 {
            app.promote(door, user).await;
        }
    }
    drop(app.running.platform.stop().await);
    (doors, callers, people)
}
