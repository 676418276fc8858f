//! The server itself, started in the test's own process on a database of its own, with two tenants that know nothing
//! of each other, and a clock that only the test moves.

use std::sync::Arc;
use std::time::Duration;

use doorward::app::{self, Given, Running};
use doorward::base::{PlainToken, TenantId, Timestamp};
use doorward::components::Clock;
use doorward::components::config::{Config, Environment};
use doorward::components::vault::{MasterKey, Vault};
use doorward::identity::tenant::TenantSettings;
use doorward::identity::{ClientKind, Route, Scope};
use doorward::management::steps::create_tenant;
use doorward::tenancy::steps::{NewClient, NewTenant, create_client};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::Ground;

pub struct App {
    pub ground: Ground,
    pub running: Running,
    pub clock: Clock,
    http: reqwest::Client,
}

/// A tenant as a caller sees it, through one of its clients.
#[derive(Debug, Clone)]
pub struct Door {
    pub tenant: TenantId,
    pub host: String,
    pub client: String,
    pub origin: Option<String>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

pub const START: Timestamp = Timestamp(1_795_348_800_000_000);
/// Random, since a server refuses to start with what is not.
pub const MASTER: [u8; 32] = [
    0xe7, 0xaa, 0x5b, 0x8b, 0xc6, 0x55, 0xd3, 0x25, 0x4a, 0xc1, 0xd3, 0xc0, 0x89, 0x39, 0x09, 0x7a, 0xc9,
    0x06, 0x02, 0x36, 0x16, 0x36, 0xaa, 0xcc, 0x08, 0xb4, 0x06, 0x42, 0x3b, 0x19, 0x1b, 0x6e,
];
pub const SECRET: &str = "a-backend-secret-of-this-test-and-no-other";

/// Cheap hashing and wide limits; a test that is about either says so.
pub fn config(ground: &Ground) -> Config {
    let mut config = Config::defaults(Environment::Test);
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.server.metrics_listen = "127.0.0.1:0".parse().unwrap();
    config.database.url = ground.url().into();
    config.hashing.memory_kib = 64.try_into().unwrap();
    config.hashing.passes = 1.try_into().unwrap();
    config.limits.address_per_minute = 1_000_000.try_into().unwrap();
    config.limits.tenant_per_minute = 1_000_000.try_into().unwrap();
    config.limits.guesses_per_address_per_minute = 1_000_000.try_into().unwrap();
    config.limits.guesses_per_tenant_per_minute = 1_000_000.try_into().unwrap();
    config.limits.sign_ups_per_address_per_hour = 1_000_000.try_into().unwrap();
    config
}

impl App {
    pub async fn start(ground: Ground) -> Self {
        let config = config(&ground);
        Self::with(ground, config).await
    }

    pub async fn with(ground: Ground, config: Config) -> Self {
        Self::with_clock(ground, config, Clock::settable(START)).await
    }

    /// A second node on the same database: the same settings, key and clock.
    pub async fn beside(&self) -> Self {
        Self::bare(self.ground.clone(), (*self.running.house.config).clone(), self.clock.clone()).await
    }

    pub async fn with_clock(ground: Ground, config: Config, clock: Clock) -> Self {
        let app = Self::bare(ground, config, clock).await;
        app.found("a").await;
        app.found("b").await;
        app
    }

    /// On whatever tenants there are.
    pub async fn bare(ground: Ground, config: Config, clock: Clock) -> Self {
        Self::offering(ground, config, clock, Vec::new()).await
    }

    /// With routes of the test's own, too.
    pub async fn offering(ground: Ground, config: Config, clock: Clock, also: Vec<Route>) -> Self {
        ground.goes_by(&clock);
        let vault = Vault::new(&[MasterKey::from_bytes(&MASTER)]).unwrap();
        let given = Given { config: Arc::new(config), clock: clock.clone(), vault, also };
        let running = app::start(&given).await.unwrap();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { ground, running, clock, http }
    }

    /// Makes a tenant with a browser, a native and a server client, at the host `NAME.localhost`.
    pub async fn found(&self, name: &str) -> TenantId {
        let url = format!("http://{name}.localhost:{}", self.running.address.unwrap().port());
        let new = NewTenant {
            name: name.into(),
            display_name: format!("Tenant {name}"),
            issuer: url.clone(),
            public_url: url,
            hosts: Vec::new(),
            data: json!({}),
            settings: TenantSettings::default(),
        };
        let clients = clients(name);
        let scope = Scope::of_house(self.running.house.clone(), None);
        let made = scope.write(move |tx| {
            let tenant = create_tenant(tx, &new)?;
            for client in &clients {
                create_client(tx, tenant.id, client)?;
            }
            Ok(tenant.id)
        });
        made.await.unwrap()
    }

    pub async fn native(&self, name: &str) -> Door {
        self.door(name, "app", None).await
    }

    pub async fn browser(&self, name: &str) -> Door {
        self.door(name, "web", Some(format!("https://{name}.example"))).await
    }

    async fn door(&self, name: &str, client: &str, origin: Option<String>) -> Door {
        let host = format!("{name}.localhost");
        let tenant = self.running.house.tenant_at(&host).await.unwrap().unwrap();
        Door { tenant, host, client: format!("{name}-{client}"), origin }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address.unwrap())
    }

    /// A request as this door's client would send it, not yet sent.
    pub fn request(&self, door: &Door, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.url(path)).header("host", &door.host);
        let request = request.header("doorward-client", &door.client);
        match &door.origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        }
    }

    pub async fn post(&self, door: &Door, path: &str, body: Value) -> Reply {
        Reply::of(self.request(door, Method::POST, path).json(&body)).await
    }

    pub async fn post_as(&self, door: &Door, token: &str, path: &str, body: Value) -> Reply {
        Reply::of(self.request(door, Method::POST, path).bearer_auth(token).json(&body)).await
    }

    pub async fn get(&self, door: &Door, path: &str) -> Reply {
        Reply::of(self.request(door, Method::GET, path)).await
    }

    pub async fn get_as(&self, door: &Door, token: &str, path: &str) -> Reply {
        Reply::of(self.request(door, Method::GET, path).bearer_auth(token)).await
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

impl Reply {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        // A stream has no end.
        let goes_on = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = if goes_on { String::new() } else { response.text().await.unwrap() };
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, json }
    }

    pub fn key(&self) -> &str {
        self.json["key"].as_str().unwrap_or("")
    }

    pub fn says(&self, member: &str) -> &str {
        self.json[member].as_str().unwrap_or("")
    }

    /// `NAME=VALUE` of the cookie that was set, if it was.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.get_all("set-cookie").iter().filter_map(|header| header.to_str().ok());
        let pairs = set.filter_map(|header| header.split(';').next());
        pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, v)| v.to_owned())
    }
}

fn clients(tenant: &str) -> [NewClient; 3] {
    let web = NewClient {
        is_default: true,
        origins: vec![format!("https://{tenant}.example")],
        continue_urls: vec![format!("https://{tenant}.example/welcome")],
        ..NewClient::of(ClientKind::Browser, &format!("{tenant}-web"), "In a browser")
    };
    let native = NewClient::of(ClientKind::Native, &format!("{tenant}-app"), "On a phone");
    let secret = Some(PlainToken::from_text(SECRET).hash());
    let server = NewClient {
        secret_hash: secret,
        ..NewClient::of(ClientKind::Server, &format!("{tenant}-backend"), "A backend")
    };
    [web, native, server]
}
