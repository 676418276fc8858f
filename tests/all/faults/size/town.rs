//! A town of any size, made by bulk: who is in it follows from their number, so nothing but ids need be kept.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use doorward::base::{Password, PermissionId, SessionId, TenantId, Timestamp, UserId};
use doorward::components::Clock;
use doorward::components::vault::{MasterKey, Vault};
use doorward::db::DbConn;
use doorward::db::schema::permissions;
use uuid::Uuid;

use super::{grounds, past, residents, ways};
use crate::ground::Ground;
use crate::ground::app::{App, Door, MASTER};
use crate::ground::chance::Chance;
use crate::ground::people::PASSWORD;
use crate::ground::work::idle;

/// One of so many people lives in the first tenant, which is then as large as a town of its own.
const IN_THE_FIRST: usize = 10;
/// Each so-manieth person is logged in.
pub const LOGGED_IN: usize = 5;
pub const DAY: u64 = 24 * 3600;

pub struct Town {
    pub ground: Ground,
    pub now: Timestamp,
    pub tenants: Vec<Tenant>,
    pub people: Vec<Uuid>,
    pub sessions: Vec<Uuid>,
    pub took: Duration,
}

pub struct Tenant {
    pub id: Uuid,
    /// The default one, in a browser, and one on phones.
    pub clients: [Uuid; 2],
    /// The mandatory one, and everybody's.
    pub roles: [Uuid; 2],
}

/// What the rows are made with.
pub struct Stock {
    pub chance: Chance,
    pub vault: Vault,
    pub hash: String,
    pub permissions: Vec<PermissionId>,
}

impl Town {
    /// Beside the two tenants that every test has.
    pub async fn raise(ground: Ground, tenants: usize, people: usize) -> Self {
        let began = Instant::now();
        let mut stock = Stock::of(&ground).await;
        let now = Clock::real().now();
        let mut town = Self {
            ground,
            now,
            tenants: Vec::new(),
            people: Vec::new(),
            sessions: Vec::new(),
            took: Duration::ZERO,
        };
        town.tenants = (0..tenants).map(|at| town.tenant(&mut stock.chance, at, tenants)).collect();
        town.people = (0..people).map(|at| id(&mut stock.chance, town.came(at, people))).collect();
        let conn = &mut town.ground.connect();
        super::bulk::trust(conn);
        grounds::fill(conn, &town, &mut stock);
        residents::fill(conn, &town, &mut stock);
        ways::fill(conn, &town, &mut stock);
        town.sessions = past::fill(conn, &town, &mut stock);
        settle(conn);
        town.took = began.elapsed();
        town
    }

    fn tenant(&self, chance: &mut Chance, at: usize, of: usize) -> Tenant {
        let since = self.now - Duration::from_secs(300 * DAY) - Duration::from_secs((of - at) as u64);
        let mut new = || id(chance, since);
        Tenant { id: new(), clients: [new(), new()], roles: [new(), new()] }
    }

    /// When a person came: evenly over most of a year.
    pub fn came(&self, at: usize, of: usize) -> Timestamp {
        let ago = 299 * DAY * 1000 * (of - at) as u64 / of as u64;
        self.now - Duration::from_millis(ago)
    }

    pub fn joined(&self, at: usize) -> Timestamp {
        self.came(at, self.people.len())
    }

    /// Where a person lives: those of one tenant came at all times, as they do.
    pub fn home(&self, person: usize) -> usize {
        if person.is_multiple_of(IN_THE_FIRST) || self.tenants.len() == 1 {
            return 0;
        }
        1 + (person * 7919) % (self.tenants.len() - 1)
    }

    pub fn email(&self, person: usize) -> String {
        format!("p{person}@t{}.example", self.home(person))
    }

    pub fn door(&self, tenant: usize) -> Door {
        let id = TenantId::of(self.tenants[tenant].id);
        Door { tenant: id, host: host(tenant), client: format!("t{tenant}-app"), origin: None }
    }

    pub fn user(&self, person: usize) -> UserId {
        UserId::of(self.people[person])
    }

    /// Of the person with that number of a session.
    pub fn session(&self, at: usize) -> (SessionId, usize) {
        (SessionId::of(self.sessions[at]), at * LOGGED_IN)
    }
}

impl Stock {
    async fn of(ground: &Ground) -> Self {
        let app = App::with_clock(ground.clone(), idle(ground), Clock::real()).await;
        let password = Password::parse(PASSWORD.into()).unwrap();
        let hash = app.running.house.hasher.hash(None, &password).await.unwrap();
        drop(app.running.platform.stop().await);
        let permissions = permissions::table.select(permissions::id).load(&mut ground.connect()).unwrap();
        let vault = Vault::new(&[MasterKey::from_bytes(&MASTER)]).unwrap();
        Self { chance: Chance::seeded("SIZE_SEED"), vault, hash, permissions }
    }
}

pub fn host(tenant: usize) -> String {
    format!("t{tenant}.town.example")
}

/// As the product makes them, of that time.
pub fn id(chance: &mut Chance, at: Timestamp) -> Uuid {
    let mut random = [0; 10];
    random[..6].copy_from_slice(&chance.next(1 << 48).to_be_bytes()[2..]);
    random[6..].copy_from_slice(&chance.next(1 << 32).to_be_bytes()[4..]);
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(at.0 / 1000).unwrap(), &random).into_uuid()
}

/// PostgreSQL's autovacuum would have come by in all that time; SQLite does nothing by itself.
fn settle(conn: &mut DbConn) {
    let words = if conn.is_postgres() { "VACUUM ANALYZE" } else { "PRAGMA wal_checkpoint(TRUNCATE)" };
    conn.batch_execute(words).unwrap();
}
