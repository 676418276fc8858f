//! A database with people and sessions in it, and a server on it.

use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use doorward::app::{self, Given, Running};
use doorward::base::{Password, UserId};
use doorward::components::Clock;
use doorward::components::config::{Config, Environment, MailTransport};
use doorward::components::vault::{MasterKey, Vault};
use doorward::db::schema::{login_identifiers, password_logins};
use doorward::identity::ClientKind;
use doorward::identity::tenant::TenantSettings;
use doorward::identity::{App, Factors, LoginType, Scope, User};
use doorward::management::{demo, steps};
use doorward::sessions::events::pair;
use doorward::sessions::steps::{Start, start};
use doorward::tenancy::steps::{NewClient, NewTenant, create_client};
use futures_util::StreamExt;

use super::leash::Leash;
use super::load::Plan;
use super::process::{Server, free};
use super::{Ceiling, bare, cluster};

const PEOPLE: usize = 200;
pub const SESSIONS: usize = 24_000;
/// Another tenant on the same server.
pub const NEXT_DOOR: &str = "next";
const PASSWORD: &str = "violet-kettle-orbit-47-lantern";
/// Drawn anew for each run: the server refuses a key that anybody could have typed.
static KEY: LazyLock<[u8; 32]> = LazyLock::new(|| {
    let mut key = [0; 32];
    std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut key).unwrap();
    key
});

pub struct Town {
    pub server: Server,
    /// Of a server before it, on the database while it was empty.
    pub first_start: Duration,
    tokens: Vec<(String, String)>,
    /// Of PostgreSQL: a database of its own for the ceilings.
    pub database: Option<String>,
    pub folder: tempfile::TempDir,
    _postgres: Option<Leash>,
}

impl Town {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("bench.db").display());
        Self::at(url, folder, None).await
    }

    /// On a cluster of our own that keeps what it acknowledged: with PostgreSQL's own defaults.
    pub async fn postgres() -> Self {
        let (port, leash) = cluster::start(&std::env::var("BENCH_POSTGRES").unwrap_or_default());
        let mut admin = PgConnection::establish(&cluster::url(port, "postgres")).unwrap();
        admin.batch_execute("CREATE DATABASE bench").unwrap();
        admin.batch_execute("CREATE DATABASE ceiling").unwrap();
        let ceiling = cluster::url(port, "ceiling");
        bare::fill(&ceiling);
        let town = Self::at(cluster::url(port, "bench"), tempfile::tempdir().unwrap(), Some(leash)).await;
        Self { database: Some(ceiling), ..town }
    }

    async fn at(url: String, folder: tempfile::TempDir, postgres: Option<Leash>) -> Self {
        let first_start = serve(&url, folder.path()).started;
        let tokens = settle(&url).await;
        let server = serve(&url, folder.path());
        Self { server, first_start, tokens, database: None, folder, _postgres: postgres }
    }

    /// Who is in, who wants in, and one who wants in next door.
    pub fn storm(&self) -> [Vec<Vec<u8>>; 3] {
        let me = get("/auth/me", &self.tokens[self.tokens.len() / 2].0);
        [vec![me], (0..PEOPLE).map(|n| login("demo", n)).collect(), vec![login(NEXT_DOOR, 0)]]
    }

    pub fn plans(&self) -> Vec<(&'static str, Ceiling, Plan)> {
        let me = |token: &str| get("/auth/me", token);
        let login = |n| login("demo", n);
        let refresh = |token: &str| post("/auth/refresh-tokens", &format!(r#"{{"refreshToken":"{token}"}}"#));
        let (row, commit) = match self.database {
            Some(_) => (Ceiling::Row, Ceiling::Insert),
            None => (Ceiling::None, Ceiling::Commits),
        };
        let half = self.tokens.len() / 2;
        let access: Vec<Vec<u8>> = self.tokens[half..].iter().map(|(access, _)| me(access)).collect();
        let refreshes = self.tokens[..half].iter().map(|(_, token)| refresh(token)).collect();
        vec![
            (
                "GET /auth/me, token seen before",
                Ceiling::Constant,
                Plan::repeat(me(&self.tokens[half].0), Duration::from_secs(3)),
            ),
            ("GET /auth/me, first sight of the token", row, Plan::once(access, Duration::from_secs(10))),
            ("refresh", commit, Plan::once(refreshes, Duration::from_secs(20))),
            ("login", Ceiling::Hashes, Plan::cycle((0..PEOPLE).map(login).collect(), Duration::from_secs(4))),
        ]
    }
}

/// Of somebody of a tenant, whose app has its name.
fn login(tenant: &str, n: usize) -> Vec<u8> {
    let body = format!(r#"{{"email":"u{n}@{tenant}.example","password":"{PASSWORD}"}}"#);
    let length = body.len();
    format!("POST /auth/password-based/login HTTP/1.1\r\nhost: {tenant}.localhost\r\ndoorward-client: {tenant}-app\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// The real binary, as outside development: a worker for each processor, hashes at their full cost; the limits are lifted, for one address asks it all.
fn serve(url: &str, folder: &Path) -> Server {
    let address = free();
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    let key = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, *KEY);
    command.current_dir(folder).env_clear().envs([
        ("DOORWARD_ENV", "acceptance"),
        ("DATABASE_URL", url),
        ("DOORWARD_MASTER_KEY", &key),
        ("DOORWARD_SERVER__PUBLIC_URL", "http://demo.localhost"),
        ("DOORWARD_MAIL__TRANSPORT", "none"),
        ("DOORWARD_LOG__FORMAT", "json"),
        ("DOORWARD_LIMITS__ADDRESS_PER_MINUTE", "4000000000"),
        ("DOORWARD_LIMITS__TENANT_PER_MINUTE", "4000000000"),
        ("DOORWARD_LIMITS__GUESSES_PER_ADDRESS_PER_MINUTE", "4000000000"),
        ("DOORWARD_LIMITS__GUESSES_PER_TENANT_PER_MINUTE", "4000000000"),
        ("DOORWARD_LIFETIMES__REFRESH_GRACE", "1"),
    ]);
    command.args(["--listen", &address.to_string(), "--metrics-listen", &free().to_string()]);
    let log = folder.join("log");
    command.stderr(std::fs::File::create(&log).unwrap());
    Server::spawn(command, address, "/health/ready")
        .unwrap_or_else(|| panic!("the server does not answer: {}", std::fs::read_to_string(log).unwrap()))
}

fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: demo.localhost\r\ndoorward-client: demo-app\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: demo.localhost\r\ndoorward-client: demo-app\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// People and sessions, made past the server by its own steps. The server starts when all of it is there.
async fn settle(url: &str) -> Vec<(String, String)> {
    let mut config = Config::defaults(Environment::Acceptance);
    config.database.url = url.to_owned().into();
    config.mail.transport = MailTransport::None;
    config.roles.serve = false;
    config.roles.work = false;
    let vault = Vault::new(&[MasterKey::from_bytes(&KEY)]).unwrap();
    let given = Given { config: Arc::new(config), clock: Clock::real(), vault, also: Vec::new() };
    let running = app::start(&given).await.unwrap();
    demo::ensure(&running.house, "demo.localhost").await.unwrap();
    let people = people(&running, "demo", PEOPLE).await;
    next_door(&running).await;
    let house = &running.house;
    let app = house.app("demo-app").await.unwrap().unwrap();
    let tenant = house.tenant(app.client.tenant_id).await.unwrap().unwrap();
    let scope = Scope::of_house(house.clone(), None).within(tenant, Some(app.clone()));
    let one = |n: usize| session(&scope, &app, people[n % people.len()]);
    let tokens = futures_util::stream::iter(0..SESSIONS).map(one).buffer_unordered(16).collect().await;
    running.platform.stop().await;
    tokens
}

async fn session(scope: &Scope, app: &Arc<App>, user: UserId) -> (String, String) {
    let begin = Start {
        user,
        login_type: LoginType::Password,
        factors: Factors { methods: vec!["pwd".into()], of_home: true },
        device: None,
        authenticated_at: None,
        absolute_end: None,
    };
    let (house, app) = (scope.house.clone(), app.clone());
    let started = scope.write(move |tx| start(tx, &house, &app, begin.clone())).await.unwrap();
    let (pair, _) = pair(scope, &started, None).await.unwrap();
    (pair.access_token, pair.refresh_token.unwrap())
}

async fn next_door(running: &Running) {
    let url = format!("http://{NEXT_DOOR}.localhost");
    let new = NewTenant {
        name: NEXT_DOOR.into(),
        display_name: "Next door".into(),
        issuer: url.clone(),
        public_url: url,
        hosts: vec![format!("{NEXT_DOOR}.localhost")],
        data: serde_json::json!({}),
        settings: TenantSettings::default(),
    };
    let scope = Scope::of_house(running.house.clone(), None);
    let made = scope.write(move |tx| {
        let tenant = steps::create_tenant(tx, &new)?;
        create_client(tx, tenant.id, &NewClient::of(ClientKind::Native, &format!("{NEXT_DOOR}-app"), "App"))
    });
    made.await.unwrap();
    people(running, NEXT_DOOR, 1).await;
}

async fn people(running: &Running, name: &'static str, count: usize) -> Vec<UserId> {
    let house = &running.house;
    let tenant = house.app(&format!("{name}-app")).await.unwrap().unwrap().client.tenant_id;
    let hash = house.hasher.hash(None, &Password::parse(PASSWORD.into()).unwrap()).await.unwrap();
    let scope = Scope::of_house(house.clone(), None);
    let made = scope.write(move |tx| {
        let mut people = Vec::new();
        for n in 0..count {
            let (user, email) = (User::new(tenant, None, None, tx.now), format!("u{n}@{name}.example"));
            user.insert(tx.conn)?;
            use login_identifiers as i;
            let at = (i::tenant_id.eq(tenant), i::kind.eq("email"), i::value.eq(&email));
            diesel::insert_into(i::table)
                .values((at, i::user_id.eq(user.id), i::created_at.eq(tx.now)))
                .execute(tx.conn)?;
            use password_logins as p;
            let login = (
                p::user_id.eq(user.id),
                p::tenant_id.eq(tenant),
                p::email.eq(&email),
                p::password_hash.eq(&hash),
            );
            let state = (p::must_change.eq(false), p::verified_at.eq(tx.now), p::changed_at.eq(tx.now));
            let dates = (p::created_at.eq(tx.now), p::updated_at.eq(tx.now));
            diesel::insert_into(p::table).values((login, state, dates)).execute(tx.conn)?;
            people.push(user.id);
        }
        Ok(people)
    });
    made.await.unwrap()
}
