//! `make bench-peers`: the same questions to rivals from their public packages, in the same run, on the same database.
//!
//! Each hashes at its own defaults; the cost of a hash is most of a login, so logins compare products and not code.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::load::{Plan, Run, drive};
use super::process::{Server, free};
use super::town::Town;
use super::{CONNECTIONS, ROUNDS, cluster, table};

const PASSWORD: &str = "violet-kettle-orbit-47-lantern";
/// Who logs in by turns.
const PEOPLE: usize = 16;

struct Peer {
    name: &'static str,
    server: Server,
    me: Plan,
    login: Plan,
}

pub struct Compared {
    pub name: &'static str,
    pub me: Vec<Run>,
    pub login: Vec<Run>,
    pub started: Duration,
    pub rest: f64,
    pub loaded: f64,
}

pub async fn all() {
    table::machine();
    let town = Town::postgres().await;
    let (port, _leash) = cluster::start("");
    let mut peers =
        vec![better_auth(&database(port, "better_auth")).await, feathers(&database(port, "feathers")).await];
    let (bare, mut own) = (Server::bare(None), town.plans());
    own.retain(|(what, ..)| *what == "login" || what.ends_with("seen before"));
    let mut own = own.into_iter().map(|(_, _, plan)| plan);
    let (me, login) = (own.next().unwrap(), own.next().unwrap());
    peers.insert(0, Peer { name: "Doorward", server: town.server, me, login });
    let mut compared: Vec<Compared> = peers.iter().map(Compared::at_rest).collect();
    let mut constant = Vec::new();
    for round in 0..ROUNDS {
        let answer = Plan::repeat(bare.get("/"), Duration::from_secs(2));
        constant.push(drive(&bare, &answer, 0, CONNECTIONS).await);
        for (peer, compared) in peers.iter().zip(&mut compared) {
            compared.me.push(drive(&peer.server, &peer.me, round, CONNECTIONS).await);
            compared.login.push(drive(&peer.server, &peer.login, round, CONNECTIONS).await);
            compared.loaded = compared.loaded.max(peer.server.memory());
        }
    }
    table::peers(&compared, &constant);
}

impl Compared {
    fn at_rest(peer: &Peer) -> Self {
        let (started, rest) = (peer.server.started, peer.server.memory());
        Self { name: peer.name, me: Vec::new(), login: Vec::new(), started, rest, loaded: rest }
    }
}

fn database(port: u16, name: &str) -> String {
    let mut admin = PgConnection::establish(&cluster::url(port, "postgres")).unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    cluster::url(port, name)
}

/// Installs the packages once, into a folder that is not kept, and starts the server twice: the first time it migrates.
fn start(name: &str, url: &str) -> Server {
    let folder = installed(name);
    let spawn = || {
        let address = free();
        let mut node = Command::new("node");
        node.arg("server.mjs").current_dir(&folder).env("NODE_ENV", "production");
        node.env("PORT", address.port().to_string()).env("DATABASE_URL", url);
        Server::spawn(node, address, "/ready").unwrap_or_else(|| panic!("{name} does not answer"))
    };
    drop(spawn());
    spawn()
}

fn installed(name: &str) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(name);
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers").join(name);
    std::fs::create_dir_all(&to).unwrap();
    for file in ["package.json", "server.mjs"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let npm = Command::new("npm")
        .args(["install", "--no-package-lock", "--no-audit", "--no-fund"])
        .current_dir(&to)
        .status();
    assert!(npm.unwrap().success(), "npm could not install {name}");
    to
}

async fn better_auth(url: &str) -> Peer {
    let server = start("better-auth", url);
    let login = |n: usize| json!({ "email": format!("u{n}@x.example"), "password": PASSWORD });
    for n in 0..PEOPLE {
        let mut new = login(n);
        new["name"] = json!("Somebody");
        post(&server, "/api/auth/sign-up/email", &new).await;
    }
    let answer = post(&server, "/api/auth/sign-in/email", &login(0)).await;
    let cookies = answer.headers().get_all("set-cookie").iter();
    let cookies: Vec<&str> = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next()).collect();
    let me = request("GET", "/api/auth/get-session", &format!("cookie: {}\r\n", cookies.join("; ")), "");
    let logins = (0..PEOPLE).map(|n| json_request("/api/auth/sign-in/email", &login(n))).collect();
    Peer { name: "Better Auth", server, me: of_me(me), login: of_logins(logins) }
}

async fn feathers(url: &str) -> Peer {
    let server = start("feathers", url);
    let person = |n: usize| json!({ "email": format!("u{n}@x.example"), "password": PASSWORD });
    let login = |n: usize| {
        let mut login = person(n);
        login["strategy"] = json!("local");
        login
    };
    for n in 0..PEOPLE {
        post(&server, "/users", &person(n)).await;
    }
    let answer: Value = post(&server, "/authentication", &login(0)).await.json().await.unwrap();
    let (token, id) = (answer["accessToken"].as_str().unwrap(), &answer["user"]["id"]);
    let me = request("GET", &format!("/users/{id}"), &format!("authorization: Bearer {token}\r\n"), "");
    let logins = (0..PEOPLE).map(|n| json_request("/authentication", &login(n))).collect();
    Peer { name: "Feathers", server, me: of_me(me), login: of_logins(logins) }
}

fn of_me(request: Vec<u8>) -> Plan {
    Plan::repeat(request, Duration::from_secs(3))
}

fn of_logins(requests: Vec<Vec<u8>>) -> Plan {
    Plan::cycle(requests, Duration::from_secs(4))
}

async fn post(server: &Server, path: &str, body: &Value) -> reqwest::Response {
    let url = format!("http://{}{path}", server.address);
    let answer = reqwest::Client::new().post(&url).json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    answer
}

fn json_request(path: &str, body: &Value) -> Vec<u8> {
    request("POST", path, "content-type: application/json\r\n", &body.to_string())
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}
