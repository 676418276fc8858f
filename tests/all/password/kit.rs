//! People to log in as, the mail they got, and the rows behind them.

use diesel::prelude::*;
use doorward::auth::password::events::{Imported, Outcome, import};
use doorward::base::{Email, JobId, Password, TenantId, UserId};
use doorward::components::config::Config;
use doorward::components::post::{self, Letter};
use doorward::db::schema::{guess_counters, jobs, login_identifiers, password_logins, sessions, users};
use doorward::identity::Scope;
use doorward::permissions::entity::Role;
use doorward::permissions::steps::give;
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::ground::app::{App, Door, Reply, config};

pub const LOGIN: &str = "/auth/password-based/login";
pub const ADA: &str = "ada@example.com";
pub const RIGHT: &str = "seven lamps over quiet water";
pub const OTHER: &str = "violet anchors hum beneath rivers";

/// Without a worker: what was posted stays to be read, and nobody else asks the database anything.
pub fn quiet(ground: &Ground) -> Config {
    let mut config = config(ground);
    config.roles.work = false;
    config
}

pub async fn start(ground: Ground) -> App {
    let config = quiet(&ground);
    App::with(ground, config).await
}

pub fn password(text: &str) -> Password {
    Password::parse(text.into()).unwrap()
}

pub fn imported(email: &str, hash: Option<String>) -> Imported {
    Imported {
        email: Email::parse(email).unwrap(),
        name: Some("Ada".into()),
        locale: None,
        password_hash: hash,
        is_verified: true,
        must_change: false,
    }
}

impl App {
    pub async fn scope(&self, tenant: TenantId) -> Scope {
        let house = &self.running.house;
        Scope::of_house(house.clone(), house.tenant(tenant).await.unwrap())
    }

    pub async fn resident(&self, door: &Door, email: &str) -> UserId {
        let hash = self.running.house.hasher.hash(None, &password(RIGHT)).await.unwrap();
        self.settle(door, imported(email, Some(hash))).await
    }

    pub async fn settle(&self, door: &Door, person: Imported) -> UserId {
        let outcomes = import(&self.scope(door.tenant).await, vec![person]).await.unwrap();
        match outcomes[0] {
            Outcome::Made(id) => id,
            other => panic!("{other:?}"),
        }
    }

    pub async fn make_admin(&self, door: &Door, user: UserId) {
        let (scope, tenant) = (self.scope(door.tenant).await, door.tenant);
        let given = scope.write(move |tx| {
            let role = Role::named(tx.conn, tenant, "admin")?.unwrap();
            give(tx, &role, user)
        });
        assert!(given.await.unwrap());
    }

    pub async fn login(&self, door: &Door, email: &str, password: &str) -> Reply {
        self.post(door, LOGIN, json!({ "email": email, "password": password })).await
    }

    pub async fn token(&self, door: &Door, email: &str) -> String {
        let reply = self.login(door, email, RIGHT).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.says("accessToken").to_owned()
    }

    /// Wrong until the account is blocked.
    pub async fn block(&self, door: &Door, email: &str) {
        for _ in 0..6 {
            assert_eq!(self.login(door, email, "a wrong password").await.status, 401);
        }
    }

    /// Every letter that waits to be carried, oldest first.
    pub fn letters(&self) -> Vec<Letter> {
        let rows: Vec<(JobId, Option<TenantId>, Option<Vec<u8>>)> = jobs::table
            .filter(jobs::name.eq(post::NAME))
            .filter(jobs::sealed.is_not_null())
            .order(jobs::id)
            .select((jobs::id, jobs::tenant_id, jobs::sealed))
            .load(&mut self.ground.connect())
            .unwrap();
        let open = |(id, tenant, sealed): (JobId, Option<TenantId>, Option<Vec<u8>>)| {
            post::open(&self.running.house.vault, tenant, id, &sealed.unwrap()).unwrap()
        };
        rows.into_iter().map(open).collect()
    }

    pub fn mails(&self) -> Vec<&'static str> {
        self.letters().iter().map(|letter| letter.message.name()).collect()
    }

    pub fn code(&self) -> String {
        self.letters().last().unwrap().message.code().unwrap().expose().to_owned()
    }

    /// Who this address means at this door.
    pub fn meant(&self, door: &Door, email: &str) -> UserId {
        let row = login_identifiers::table.find((door.tenant, "email", email));
        row.select(login_identifiers::user_id).get_result(&mut self.ground.connect()).unwrap()
    }

    pub fn hash_of(&self, user: UserId) -> String {
        let row = password_logins::table.find(user).select(password_logins::password_hash);
        row.get_result::<Option<String>>(&mut self.ground.connect()).unwrap().unwrap()
    }

    pub fn most_failures(&self) -> i32 {
        let most = guess_counters::table.select(diesel::dsl::max(guess_counters::failures));
        most.get_result::<Option<i32>>(&mut self.ground.connect()).unwrap().unwrap_or(0)
    }

    /// Past the server, as another node would.
    pub fn disable(&self, user: UserId) {
        let at = Some(self.clock.now());
        let set = (users::disabled_at.eq(at), users::epoch.eq(users::epoch + 1));
        let mut conn = self.ground.connect();
        diesel::update(users::table.find(user)).set(set).execute(&mut conn).unwrap();
        let theirs = diesel::update(sessions::table.filter(sessions::user_id.eq(user)));
        theirs
            .set((sessions::revoked_at.eq(at), sessions::revoked_reason.eq("disabled")))
            .execute(&mut conn)
            .unwrap();
    }

    pub fn demand_code(&self, user: UserId) {
        let at = Some(self.clock.now());
        let row = diesel::update(password_logins::table.find(user));
        row.set(password_logins::otp_enabled_at.eq(at)).execute(&mut self.ground.connect()).unwrap();
    }

    pub fn demand_change(&self, user: UserId) {
        let row = diesel::update(password_logins::table.find(user));
        row.set(password_logins::must_change.eq(true)).execute(&mut self.ground.connect()).unwrap();
    }
}

/// An answer without what differs from request to request.
pub fn plain(reply: &Reply) -> (u16, Value, Vec<String>) {
    let mut body = reply.json.clone();
    for name in ["requestId", "instance"] {
        body.as_object_mut().unwrap().remove(name);
    }
    let mut names: Vec<String> = reply.headers.keys().map(ToString::to_string).collect();
    names.sort();
    (reply.status.as_u16(), body, names)
}

impl App {
    /// By a role that holds this permission alone.
    pub async fn give_permission(&self, door: &Door, user: UserId, permission: &'static str) {
        use doorward::permissions::entity::{ensure, hold};
        let role = self.role(door, permission).await;
        let scope = self.scope(door.tenant).await;
        let given = scope.write(move |tx| {
            let id = ensure(tx.conn, permission, tx.now)?;
            hold(tx.conn, &role, id, tx.now)?;
            give(tx, &role, user)
        });
        assert!(given.await.unwrap());
    }

    /// Of the tenant's own, by this name.
    pub async fn role(&self, door: &Door, identifier: &str) -> Role {
        let (tenant, identifier) = (door.tenant, identifier.to_owned());
        let scope = self.scope(tenant).await;
        let made = scope.write(move |tx| {
            Role::new(tenant, &identifier, tx.now).insert(tx.conn)?;
            Ok(Role::named(tx.conn, tenant, &identifier)?.unwrap())
        });
        made.await.unwrap()
    }
}
