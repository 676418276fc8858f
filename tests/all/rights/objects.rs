//! TEN-3: ids of rows in every place where a route takes one. The expectations stand in `objects.txt`, written by hand: a
//! place that has no line there fails, and so does a line without a place.

use std::collections::BTreeMap;

use diesel::prelude::*;
use doorward::base::{RecordId, SessionId, TenantId, UserId};
use doorward::db::schema::{invitations, roles, sessions, user_roles, users};
use doorward::identity::route::Source;
use doorward::identity::{Method, Route, serve};
use reqwest::Method as Verb;
use serde_json::{Value, json};

use super::kit::Desk;
use super::matrix::expected;
use crate::ground::app::{App, Door, Reply};
use crate::ground::{Ground, on_both};
use crate::guard::filling::{Form, asked};
use crate::password::kit;

on_both!(ten_3_an_id_of_another_tenant_is_as_good_as_none_wherever_one_is_taken);

/// Whose row is named: of the caller's own tenant, of another, of nobody.
const WHOSE: [&str; 3] = ["own", "of-b", "random"];

/// What there is to be named in a tenant.
struct Things {
    /// The admin who made them.
    tenant: TenantId,
    admin: UserId,
    user: UserId,
    role: String,
    session: String,
    invitation: String,
    action: String,
    webhook: String,
    cronjob: String,
    inbound: String,
    pack: String,
    /// Of that action.
    run: Value,
}

impl Things {
    async fn of(desk: &Desk<'_>, name: &str) -> Self {
        let other = Desk::plain(desk.app, desk.door, &format!("{name}@{}.example", desk.door.client)).await;
        let body = json!({ "email": format!("{name}@new.example"), "roles": [] });
        let invited = desk.app.post_as(desk.door, &desk.token, "/api/v1/auth/invitation", body).await;
        let action = json!({ "name": name, "listens": ["x.heard"], "handler": "endSessions" });
        let action = desk.makes(action).await;
        desk.send(&format!("/actions/{action}/run"), json!({})).await;
        let run = desk.runs(&action).await.remove(0);
        let webhook = json!({ "url": "https://hooks.example.com/", "listens": ["x.heard"] });
        let webhook = desk.send("/webhooks", webhook).await;
        let cronjob = json!({ "name": name, "expression": "0 0 1 1 *", "trigger": "x.heard" });
        let cronjob = desk.send("/cronjobs", cronjob).await;
        let inbound = desk.send("/inbound-webhooks", json!({ "name": name, "trigger": "x.heard" })).await;
        let pack = json!({ "pack": { "name": name, "version": "1" } });
        let pack = desk.send("/packs", pack).await;
        desk.app.session(desk.door, desk.user).await;
        let newest = sessions::table.filter(sessions::user_id.eq(desk.user)).order(sessions::id.desc());
        let newest: SessionId = newest.select(sessions::id).first(&mut desk.app.ground.connect()).unwrap();
        Self {
            tenant: desk.door.tenant,
            admin: desk.user,
            user: other.user,
            role: desk.create(name).await,
            session: newest.to_string(),
            invitation: invited.json["invitation"]["id"].as_str().unwrap().to_owned(),
            action,
            webhook: webhook.says("id").to_owned(),
            cronjob: cronjob.says("id").to_owned(),
            inbound: inbound.says("id").to_owned(),
            pack: pack.says("id").to_owned(),
            run,
        }
    }

    fn named(&self, route: &Route, place: &str) -> Option<String> {
        let of_service = route.path.split('/').nth(1).unwrap_or_default();
        match place {
            "id" if ["users", "memberships"].contains(&of_service) => Some(self.user.to_string()),
            "id" if of_service == "sessions" => Some(self.session.clone()),
            "id" if of_service == "invitations" => Some(self.invitation.clone()),
            "id" if of_service == "webhooks" => Some(self.webhook.clone()),
            "event" if of_service == "deliveries" => Some(RecordId::new().to_string()),
            "webhook" => Some(self.webhook.clone()),
            // A run is a job too.
            "id" if of_service == "jobs" => self.run["id"].as_str().map(str::to_owned),
            "id" if of_service == "cronjobs" => Some(self.cronjob.clone()),
            "cronjob" => Some(self.cronjob.clone()),
            "id" if of_service == "inbound-webhooks" => Some(self.inbound.clone()),
            "inboundWebhook" => Some(self.inbound.clone()),
            "id" if of_service == "packs" => Some(self.pack.clone()),
            "id" if of_service == "actions" => Some(self.action.clone()),
            "id" if of_service == "action-runs" => self.run["id"].as_str().map(str::to_owned),
            "event" | "chain" if of_service == "action-runs" => self.run[place].as_str().map(str::to_owned),
            "action" => Some(self.action.clone()),
            "runsAs" => Some(self.role.clone()),
            "userId" | "invitedBy" => Some(self.admin.to_string()),
            "id" if of_service == "roles" => Some(self.role.clone()),
            "user" => Some(self.user.to_string()),
            "homeTenantId" => Some(self.tenant.to_string()),
            "actorId" => Some(self.admin.to_string()),
            "targetId" => Some(self.role.clone()),
            "role" => Some(self.role.clone()),
            "sessionId" => Some(self.session.clone()),
            "invitationId" | "after" => Some(self.invitation.clone()),
            _ => None,
        }
    }
}

async fn ten_3_an_id_of_another_tenant_is_as_good_as_none_wherever_one_is_taken(ground: Ground) {
    let app = kit::start(ground.clone()).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let (ours, theirs) =
        (Desk::admin(&app, &a, "owner@a.example").await, Desk::admin(&app, &b, "owner@b.example").await);
    let of_b = Things::of(&theirs, "theirs").await;
    let before = rows(&ground, &b);
    let (mut found, mut number) = (BTreeMap::new(), 0);

    for route in doorward::app::routes() {
        for place in Form::of(&route).ids {
            let mut cells = Vec::new();
            for whose in WHOSE {
                number += 1;
                let things = Things::of(&ours, &format!("n{number}")).await;
                let named = match whose {
                    "own" => things.named(&route, &place),
                    "of-b" => of_b.named(&route, &place),
                    _ => Some(RecordId::new().to_string()),
                };
                let token = app.session(&a, ours.user).await.access;
                let cell = match named {
                    Some(id) => answered(&app, (&a, &token), (&route, &place, &id), &things).await,
                    None => "-".into(),
                };
                cells.push(cell);
                ours.delete(&things.role).await;
                ours.ask(Verb::DELETE, &format!("/actions/{}", things.action), None).await;
                ours.ask(Verb::DELETE, &format!("/webhooks/{}", things.webhook), None).await;
                ours.ask(Verb::DELETE, &format!("/cronjobs/{}", things.cronjob), None).await;
                ours.ask(Verb::DELETE, &format!("/inbound-webhooks/{}", things.inbound), None).await;
                ours.ask(Verb::DELETE, &format!("/packs/{}", things.pack), None).await;
            }
            found.insert(format!("{} {} {place}", route.method.word(), route.path), cells);
        }
    }

    let expected = expected(include_str!("objects.txt"), WHOSE.len());
    let wrong: Vec<String> = found
        .iter()
        .filter(|(place, cells)| expected.get(*place) != Some(cells))
        .map(|(place, cells)| format!("{place:<70} {}, expected {:?}", cells.join(" "), expected.get(place)))
        .collect();
    let gone: Vec<&String> = expected.keys().filter(|place| !found.contains_key(*place)).collect();
    println!("{} places of ids", found.len());
    assert!(wrong.is_empty() && gone.is_empty(), "\n{}\ngone: {gone:?}", wrong.join("\n"));
    assert_eq!(rows(&ground, &b), before, "something of the neighbour was changed");
}

/// With this id at its place, and the caller's own things at all others.
async fn answered(
    app: &App,
    (door, token): (&Door, &str),
    (route, place, id): (&Route, &str, &str),
    things: &Things,
) -> String {
    let form = Form::of(route);
    let mut input = form.with(&[], &Value::Null);
    let mut path = serve::places(route).remove(0);
    for other in &form.ids {
        let value = if other == place { Some(id.to_owned()) } else { things.named(route, other) };
        let Some(value) = value else { continue };
        path = path.replace(&format!("{{{other}}}"), &value);
        if other == place || input.get(other).is_some() {
            input[other] = json!(value);
        }
    }
    for (member, value) in [
        ("permissions", json!(["auth:user:list"])),
        ("permission", json!("auth:user:list")),
        ("name", json!("Grace")),
        ("listens", json!(["x.heard"])),
        ("url", json!("https://hooks.example.com/")),
        ("from", json!("2026-01-01T00:00:00Z")),
        ("to", json!("2026-01-02T00:00:00Z")),
        ("handler", json!("endSessions")),
        ("configuration", json!({})),
        ("conditions", json!(null)),
        ("throwsOnSuccess", json!([])),
        ("throwsOnFailure", json!([])),
        ("trigger", json!("x.heard")),
    ] {
        // What a list is searched by would hide the row.
        let is_searched = route.source == Source::Call && route.method == Method::Get;
        if form.names().contains(&member) && !is_searched {
            input[member] = value;
        }
    }
    let reply = Reply::of(asked(app, door, (route, &path), &input).bearer_auth(token)).await;
    assert!(reply.status.as_u16() < 500, "{}", reply.text);
    if reply.status == 200 && reply.json["data"] == json!([]) {
        return "none".into();
    }
    reply.status.as_u16().to_string()
}

/// All of a tenant that such an id could mean.
fn rows(ground: &Ground, door: &Door) -> String {
    let conn = &mut ground.connect();
    let people = users::table.filter(users::tenant_id.eq(door.tenant)).order(users::id);
    let people: Vec<(UserId, Option<String>, i64)> =
        people.select((users::id, users::name, users::epoch)).load(conn).unwrap();
    let all_roles = roles::table.filter(roles::tenant_id.eq(door.tenant)).count();
    let held = user_roles::table.filter(user_roles::tenant_id.eq(door.tenant)).count();
    let live =
        sessions::table.filter(sessions::tenant_id.eq(door.tenant).and(sessions::revoked_at.is_null()));
    let open = invitations::table
        .filter(invitations::tenant_id.eq(door.tenant).and(invitations::revoked_at.is_null()));
    let counts: [i64; 4] = [
        all_roles.get_result(conn).unwrap(),
        held.get_result(conn).unwrap(),
        live.count().get_result(conn).unwrap(),
        open.count().get_result(conn).unwrap(),
    ];
    format!("{people:?} {counts:?}")
}
