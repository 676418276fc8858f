//! What holds for every route there is: PRIV-7, PRIV-8, WEB-3, WEB-9, and one gate for all of them.

use diesel::prelude::*;
use doorward::db::schema::{audit_records, sessions};
use doorward::db::tx::Outcome;
use doorward::http::Answer;
use doorward::identity::route::{Nothing, faults};
use doorward::identity::{Access, Method as RouteMethod, Route, Scope};
use reqwest::Method;
use serde_json::json;

use super::filling::Form;
use crate::ground::Ground;
use crate::ground::app::{App, Reply};
use crate::ground::on_both;

on_both!(
    priv_7_members_that_no_route_knows_are_refused,
    web_3_safe_methods_change_nothing_and_unknown_ones_are_refused,
    web_9_a_token_in_the_url_is_none,
    without_its_credential_no_closed_route_answers,
);

const RESERVED: [&str; 16] = [
    "id",
    "tenantId",
    "tenant_id",
    "role",
    "isAdmin",
    "is_admin",
    "permissions",
    "emailVerified",
    "email_verified",
    "createdAt",
    "ownerId",
    "userId",
    "mfaEnabled",
    "password_hash",
    "__proto__",
    "constructor",
];

async fn priv_7_members_that_no_route_knows_are_refused(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    app.promote(&door, user).await;
    let token = app.session(&door, user).await.access;
    let writes = doorward::app::routes();
    let writes = writes.iter().filter(|route| route.source == doorward::identity::route::Source::Json);

    for route in writes.filter(|route| {
        matches!(
            route.access,
            Access::Session | Access::Permission(_) | Access::Open | Access::Tenant | Access::Perhaps
        )
    }) {
        let form = Form::of(route);
        let known = form.names();
        for member in RESERVED.iter().filter(|member| !known.contains(member)) {
            let path = doorward::identity::serve::places(route).remove(0);
            let path = path.replace("{user}", &user.to_string());
            let path = path.replace("{role}", &doorward::base::RoleId::new().to_string());
            let path = path.replace("{webhook}", &doorward::base::WebhookId::new().to_string());
            let path = path.replace("{delivery}", &doorward::base::DeliveryId::new().to_string());
            let path = path.replace("{action}", &doorward::base::ActionId::new().to_string());
            let path = path.replace("{cronjob}", &doorward::base::CronJobId::new().to_string());
            let path = path.replace("{inboundWebhook}", &doorward::base::InboundWebhookId::new().to_string());
            let path = path.replace("{tenant}/{hook}", &format!("{user}/{user}"));
            let path = path.replace("{job}", &doorward::base::JobId::new().to_string());
            assert!(!path.contains('{'), "{path}: what is its parameter?");
            let method: Method = route.method.word().parse().unwrap();
            let request = app.request(&door, method, &path).bearer_auth(&token);
            let reply =
                Reply::of(request.json(&form.with(&[vec![(*member).to_owned()]], &json!(true)))).await;
            if route.method != RouteMethod::Delete {
                let told = reply.json["errors"].as_object().into_iter().flatten();
                let told: Vec<_> = told.map(|(_, error)| &error["key"]).collect();
                assert_eq!(told, ["validator.keys"], "{path} {member}: {}", reply.text);
            }
        }
    }
    let alive = sessions::table.filter(sessions::revoked_at.is_null()).count();
    assert_eq!(alive.get_result::<i64>(&mut ground.connect()).unwrap(), 1, "something was carried out");
}

async fn answer(_: Scope, _: Nothing) -> doorward::base::Result<Answer> {
    Ok(Answer::see_other("/".into()))
}

#[test]
fn priv_8_a_route_without_a_name_or_a_permission_does_not_start_the_server() {
    let route = |access| Route::new(RouteMethod::Get, "/x", access, answer);
    let named = |access| route(access).named("x.y", "X.");

    assert_eq!(faults(&[named(Access::Session)]), Vec::<String>::new());
    assert_eq!(faults(&[route(Access::Session)]).len(), 1);
    for permission in ["", "auth:", ":x", "auth::list"] {
        assert_eq!(faults(&[named(Access::Permission(permission))]).len(), 1, "{permission}");
    }
    assert_eq!(faults(&[named(Access::Session), named(Access::Open)]).len(), 2, "one path, two declarations");
    assert!(faults(&doorward::app::routes()).is_empty());
}

async fn web_3_safe_methods_change_nothing_and_unknown_ones_are_refused(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let token = app.session(&door, user).await.access;
    // Refusals are written down in their own time, and are no change.
    let changes = || audit_records::table.filter(audit_records::outcome.eq(Outcome::Success)).count();
    let written = || changes().get_result::<i64>(&mut ground.connect()).unwrap();
    let before = written();

    for route in doorward::app::routes() {
        let path = doorward::identity::serve::places(&route).remove(0);
        for method in ["GET", "HEAD", "OPTIONS"] {
            let request = app.request(&door, method.parse().unwrap(), &path).bearer_auth(&token);
            let reply = Reply::of(request).await;
            assert!(reply.status.as_u16() < 500, "{method} {path}");
        }
        for method in ["TRACE", "PROPFIND", "FOO", "get"] {
            let request = app.request(&door, Method::from_bytes(method.as_bytes()).unwrap(), &path);
            let reply = Reply::of(request.bearer_auth(&token)).await;
            assert_eq!(reply.status, 405, "{method} {path}");
            assert!(reply.headers["allow"].to_str().unwrap().contains(route.method.word()));
        }
    }
    let get = app.get_as(&door, &token, "/session/list").await;
    let head = Reply::of(app.request(&door, Method::HEAD, "/session/list").bearer_auth(&token)).await;
    assert_eq!((head.status, head.text.as_str()), (get.status, ""));
    let forged =
        app.request(&door, Method::GET, "/auth/logout?_method=POST").header("x-http-method-override", "POST");
    assert_eq!(Reply::of(forged.bearer_auth(&token)).await.status, 405);
    assert_eq!(written(), before);
}

async fn web_9_a_token_in_the_url_is_none(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, user).await;

    for route in doorward::app::routes() {
        if !matches!(route.access, Access::Session | Access::Permission(_) | Access::Pending | Access::Server)
        {
            continue;
        }
        for name in ["access_token", "token", "authorization", "jwt"] {
            let place = doorward::identity::serve::places(&route).remove(0);
            let path = format!("{place}?{name}={}", holder.access);
            let method: Method = route.method.word().parse().unwrap();
            let reply = Reply::of(app.request(&door, method, &path).json(&json!({}))).await;
            assert_eq!(reply.status, 401, "{path}");
        }
    }
    let path = format!("/auth/refresh-tokens?refreshToken={}", holder.refresh);
    assert_eq!(app.post(&door, &path, json!({})).await.status, 401);
}

async fn without_its_credential_no_closed_route_answers(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, user).await;
    let bad =
        ["", "Bearer", "Bearer ", "Bearer x", "Basic Og==", "bearer  x", "Digest x", "Bearer a b", "Basic !"];

    for route in doorward::app::routes() {
        if matches!(route.access, Access::Open | Access::Tenant | Access::Perhaps) {
            continue;
        }
        let path = doorward::identity::serve::places(&route).remove(0);
        let method: Method = route.method.word().parse().unwrap();
        for header in bad {
            let request = app.request(&door, method.clone(), &path).header("authorization", header);
            assert_eq!(Reply::of(request.json(&json!({}))).await.status, 401, "{path}: {header}");
        }
        if matches!(route.access, Access::Permission(_)) {
            let request = app.request(&door, method.clone(), &path).bearer_auth(&holder.access);
            assert_eq!(Reply::of(request.json(&json!({}))).await.status, 403, "{path}: no role holds it");
        }
        if matches!(route.access, Access::Pending | Access::Server) {
            let request = app.request(&door, method, &path).bearer_auth(&holder.access);
            assert_eq!(
                Reply::of(request.json(&json!({}))).await.status,
                401,
                "{path}: a session is no such thing"
            );
        }
    }
}
