//! TEN-1: who may call which route. The expectations stand in `matrix.txt`, written by hand: a route that has no line
//! there fails, and so does a line without a route.

use std::collections::BTreeMap;

use doorward::base::{Refusal, UserId};
use doorward::identity::gate::{ANOTHER_TENANT, INVALID_CLIENT, MISSING_PERMISSION, REVOKED};
use doorward::identity::token::{EXPIRED_TOKEN, INVALID_TOKEN, MISSING_TOKEN};
use doorward::identity::{Access, Route, serve};
use reqwest::RequestBuilder;
use serde_json::Value;

use super::kit::Desk;
use crate::ground::app::{App, Door, Reply, SECRET};
use crate::ground::{Ground, on_both};
use crate::guard::filling::{Form, asked};
use crate::password::kit;

on_both!(ten_1_each_route_lets_in_whom_the_matrix_says_and_nobody_else);

/// The columns.
const CALLERS: [&str; 9] =
    ["nobody", "member", "all-but", "holder", "admin", "pending", "backend", "b-admin", "b-at-a"];

/// What the gate itself says no with; what an event refuses afterwards was let in.
const NO_CREDENTIAL: [&Refusal; 6] =
    [&MISSING_TOKEN, &INVALID_TOKEN, &EXPIRED_TOKEN, &REVOKED, &ANOTHER_TENANT, &INVALID_CLIENT];

type Cells = BTreeMap<String, Vec<String>>;

/// A line is a method, a path and a cell for each caller: `in`, 401, 403, or - where there is no such caller.
pub fn expected(text: &str, columns: usize) -> Cells {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let cells = lines.map(|line| {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (route, cells) = words.split_at(words.len() - columns);
        (route.join(" "), cells.to_vec())
    });
    cells.collect()
}

struct Town<'a> {
    app: &'a App,
    a: &'a Door,
    b: &'a Door,
    /// Who sees to it that there is something to ask for.
    keeper: Desk<'a>,
    admin: UserId,
    foreign: UserId,
    member: UserId,
    pending: String,
    permissions: Vec<String>,
    clerks: BTreeMap<(&'static str, bool), UserId>,
}

async fn ten_1_each_route_lets_in_whom_the_matrix_says_and_nobody_else(ground: Ground) {
    let app = kit::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let mut town = raise(&app, &a, &b).await;
    let expected = expected(include_str!("matrix.txt"), CALLERS.len());
    let (mut found, mut counted) = (Cells::new(), 0);

    for route in doorward::app::routes() {
        let mut cells = Vec::new();
        for caller in CALLERS {
            cells.push(town.cell(&route, caller).await);
        }
        counted += cells.iter().filter(|cell| *cell != "-").count();
        found.insert(format!("{} {}", route.method.word(), route.path), cells);
    }

    let line = |(route, cells): (&String, &Vec<String>)| format!("{route:<62} {}", cells.join(" "));
    let wrong: Vec<String> = found
        .iter()
        .filter(|(route, cells)| expected.get(*route) != Some(cells))
        .map(|found| format!("{}, expected {:?}", line(found), expected.get(found.0)))
        .collect();
    let gone: Vec<&String> = expected.keys().filter(|route| !found.contains_key(*route)).collect();
    println!("{} routes, {counted} cells", found.len());
    assert!(wrong.is_empty() && gone.is_empty(), "\n{}\ngone: {gone:?}", wrong.join("\n"));
}

async fn raise<'a>(app: &'a App, a: &'a Door, b: &'a Door) -> Town<'a> {
    let keeper = Desk::admin(app, a, "keeper@a.example").await;
    let admin = Desk::admin(app, a, "admin@a.example").await.user;
    let listed = keeper.get("/permission/list").await.json["permissions"].clone();
    let permissions = listed.as_array().unwrap().iter();
    let permissions = permissions.map(|one| one["identifier"].as_str().unwrap().to_owned()).collect();
    let waits = app.resident(a, "waits@a.example").await;
    app.demand_code(waits);
    let pending = app.login(a, "waits@a.example", kit::RIGHT).await.says("accessToken").to_owned();
    let member = Desk::plain(app, a, "member@a.example").await.user;
    let foreign = Desk::admin(app, b, "admin@b.example").await.user;
    Town { app, a, b, keeper, admin, foreign, member, pending, permissions, clerks: BTreeMap::new() }
}

impl Town<'_> {
    /// Each with a session of its own: some routes end the one that they are called with.
    async fn cell(&mut self, route: &Route, caller: &str) -> String {
        let permission = match route.access {
            Access::Permission(permission) => Some(permission),
            _ => None,
        };
        if permission.is_none() && ["all-but", "holder"].contains(&caller) {
            return "-".into();
        }
        let path = serve::places(route).remove(0).replace("{user}", &self.member.to_string());
        let path = match path.contains("{role}") {
            true => {
                path.replace("{role}", &self.keeper.create(&format!("for-{caller}-{}", route.name)).await)
            }
            false => path,
        };
        let door = if caller == "b-admin" { self.b } else { self.a };
        let request = asked(self.app, door, (route, &path), &Form::of(route).with(&[], &Value::Null));
        let (home, user) = match caller {
            "nobody" => return judged(request).await,
            "pending" => return judged(request.bearer_auth(&self.pending)).await,
            "backend" => return judged(request.basic_auth("a-backend", Some(SECRET))).await,
            "member" => (self.a, self.member),
            "admin" => (self.a, self.admin),
            "b-admin" | "b-at-a" => (self.b, self.foreign),
            _ => (self.a, self.clerk(permission.unwrap(), caller == "holder").await),
        };
        judged(request.bearer_auth(self.app.session(home, user).await.access)).await
    }

    /// Who holds this permission alone, or all the others.
    async fn clerk(&mut self, permission: &'static str, alone: bool) -> UserId {
        if let Some(known) = self.clerks.get(&(permission, alone)) {
            return *known;
        }
        let number = self.clerks.len();
        let clerk = Desk::plain(self.app, self.a, &format!("clerk{number}@a.example")).await.user;
        let held = self.permissions.iter().filter(|one| (*one == permission) == alone);
        let held: Vec<&str> = held.map(String::as_str).collect();
        let role = self.keeper.filled(&format!("clerk-{number}"), &held).await;
        assert_eq!(self.keeper.give(clerk, &role).await.status, 200);
        self.clerks.insert((permission, alone), clerk);
        clerk
    }
}

async fn judged(request: RequestBuilder) -> String {
    let reply = Reply::of(request).await;
    let (status, key) = (reply.status.as_u16(), reply.json["key"].as_str().unwrap_or_default());
    assert!(status < 500, "{}", reply.text);
    match status {
        401 if NO_CREDENTIAL.iter().any(|refusal| refusal.key == key) => "401".into(),
        403 if key == MISSING_PERMISSION.key => "403".into(),
        _ => "in".into(),
    }
}
