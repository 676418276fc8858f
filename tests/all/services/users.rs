//! People and roles as services: what the older routes do, by the words that every service has.

use std::time::Duration;

use diesel::prelude::*;
use doorward::db::schema::idempotency_keys;
use reqwest::Method;
use serde_json::{Value, json};

use crate::ground::app::{App, Reply};
use crate::ground::{Ground, on_both};
use crate::rights::kit::Desk;

on_both!(
    people_are_found_by_what_is_known_of_them,
    a_person_is_renamed_switched_off_and_on,
    priv_7_whoever_may_only_look_changes_nobody,
    ten_1_people_of_another_tenant_are_nobody_here,
    a_role_is_made_found_and_removed,
    somebody_is_invited_once_under_a_key_and_no_more,
    somebodys_session_is_ended_by_whoever_holds_as_much,
    a_method_is_named_in_a_header_as_feathers_does,
    race_4_of_fifty_who_saw_the_same_record_one_changes_it,
    race_4_a_record_that_changed_is_not_overwritten,
    race_5_of_fifty_calls_under_one_key_one_makes_something,
    race_5_a_key_is_of_one_caller_one_call_and_one_day,
);

const KEY: &str = "kkkkkkkkkkkkkkkkkkkkkkkk";

async fn ask(desk: &Desk<'_>, method: Method, path: &str, body: Option<Value>) -> Reply {
    let request = desk.app.request(desk.door, method, &format!("/api/v1{path}")).bearer_auth(&desk.token);
    Reply::of(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

fn told(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.key())
}

async fn people_are_found_by_what_is_known_of_them(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    for email in ["bob@a.example", "cas@a.example", "dan@a.example"] {
        app.person(&door, email).await;
    }

    let first = ask(&ada, Method::GET, "/users?$limit=3&$sort[createdAt]=-1", None).await;
    let next = format!("/users?$limit=3&$sort[createdAt]=-1&$after={}", first.says("next"));
    let second = ask(&ada, Method::GET, &next, None).await;
    let found = ask(&ada, Method::GET, "/users?email=bob%40a.example&$select[]=passwordLogin", None).await;
    let one = ask(&ada, Method::GET, &format!("/users/{}", ada.user), None).await;

    assert_eq!((&first.json["total"], first.json["data"].as_array().unwrap().len()), (&json!(4), 3));
    assert_eq!(second.json["data"][0]["passwordLogin"]["email"], "ada@a.example", "{}", second.text);
    assert_eq!(found.json["total"], 1);
    assert_eq!(found.json["data"][0]["passwordLogin"]["email"], "bob@a.example");
    assert_eq!(found.json["data"][0].as_object().unwrap().len(), 2, "{}", found.text);
    assert_eq!(one.json["roles"][0]["identifier"], "admin", "{}", one.text);
    let secret = ask(&ada, Method::GET, "/users?passwordHash[$ne]=", None).await;
    assert_eq!(told(&secret), (400, "services.query.invalid"));
}

async fn a_person_is_renamed_switched_off_and_on(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let at = format!("/users/{}", bob.user);

    let named = ask(&ada, Method::PATCH, &at, Some(json!({ "name": "Bob" }))).await;
    let same = ask(&ada, Method::PATCH, &at, Some(json!({}))).await;
    let unnamed = ask(&ada, Method::PATCH, &at, Some(json!({ "name": null }))).await;
    assert_eq!(
        (&named.json["name"], &same.json["name"], &unnamed.json["name"]),
        (&json!("Bob"), &json!("Bob"), &Value::Null)
    );
    let missed =
        ask(&ada, Method::PATCH, &format!("{at}?name=Eve"), Some(json!({ "name": "Mallory" }))).await;
    assert_eq!(told(&missed), (404, "services.get.unknown"));
    let other = ask(&ada, Method::PATCH, &at, Some(json!({ "isActive": false }))).await;
    assert_eq!(told(&other), (422, "validator.error"));

    let off = ask(&ada, Method::POST, &format!("{at}/disable"), None).await;
    assert_eq!((off.status.as_u16(), &off.json["isActive"]), (200, &json!(false)), "{}", off.text);
    assert_eq!(ask(&bob, Method::GET, "/auth/me", None).await.status, 401);
    let found = ask(&ada, Method::GET, "/users?disabledAt[$ne]=", None).await;
    assert_eq!((&found.json["total"], &found.json["data"][0]["id"]), (&json!(1), &json!(bob.user)));
    let on = ask(&ada, Method::POST, &format!("{at}/enable"), None).await;
    assert_eq!(on.json["isActive"], true);
    let last = ask(&ada, Method::POST, &format!("/users/{}/disable", ada.user), None).await;
    assert_eq!(told(&last), (409, "auth.setUserActive.lastAdmin"));
    assert_eq!(ask(&ada, Method::DELETE, &at, None).await.status, 405);
    assert_eq!(ask(&ada, Method::PUT, &at, Some(json!({}))).await.status, 405);
}

async fn priv_7_whoever_may_only_look_changes_nobody(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let eve = Desk::clerk(&app, &door, "eve@a.example", &["auth:user:list"]).await;
    let at = format!("/users/{}", bob.user);

    assert_eq!(ask(&eve, Method::GET, &at, None).await.status, 200);
    for (desk, method, path, body) in [
        (&eve, Method::PATCH, at.clone(), Some(json!({ "name": "x" }))),
        (&eve, Method::POST, format!("{at}/disable"), None),
        (&eve, Method::GET, "/roles".into(), None),
        (&eve, Method::POST, "/roles".into(), Some(json!({ "identifier": "x" }))),
        (&bob, Method::GET, "/users".into(), None),
        (&bob, Method::GET, at.clone(), None),
    ] {
        let refused = ask(desk, method, &path, body).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.text);
    }
}

async fn ten_1_people_of_another_tenant_are_nobody_here(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &a, "ada@a.example").await;
    let bea = Desk::admin(&app, &b, "bea@b.example").await;
    let at = format!("/users/{}", bea.user);

    let found =
        ask(&ada, Method::GET, "/users?$or[0][email]=bea%40b.example&$or[1][email][$ne]=x", None).await;
    assert_eq!((&found.json["total"], &found.json["data"][0]["id"]), (&json!(1), &json!(ada.user)));
    assert_eq!(told(&ask(&ada, Method::GET, &at, None).await), (404, "services.get.unknown"));
    for (method, path, body) in [
        (Method::PATCH, at.clone(), Some(json!({ "name": "x" }))),
        (Method::POST, format!("{at}/disable"), None),
    ] {
        assert_eq!(told(&ask(&ada, method, &path, body).await), (404, "auth.getUser.invalidUser"));
    }
    assert_eq!(ask(&bea, Method::GET, &at, None).await.json["isActive"], true);
}

async fn a_role_is_made_found_and_removed(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &a, "ada@a.example").await;
    let bea = Desk::admin(&app, &b, "bea@b.example").await;

    let made = ask(&ada, Method::POST, "/roles", Some(json!({ "identifier": "help-desk" }))).await;
    assert_eq!((made.status.as_u16(), &made.json["isEditable"]), (201, &json!(true)), "{}", made.text);
    let at = format!("/roles/{}", made.says("id"));
    let twice = ask(&ada, Method::POST, "/roles", Some(json!({ "identifier": "help-desk" }))).await;
    assert_eq!(told(&twice), (409, "authPermission.createRole.duplicateIdentifier"));
    let several = json!([{ "identifier": "x" }]);
    assert_eq!(ask(&ada, Method::POST, "/roles", Some(several)).await.status, 405);
    let found = ask(&ada, Method::GET, "/roles?identifier=help-desk", None).await;
    assert_eq!((&found.json["total"], &found.json["data"][0]["id"]), (&json!(1), &made.json["id"]));
    let known = ask(&ada, Method::GET, "/permissions?identifier=auth:user:list", None).await;
    assert_eq!(
        (&known.json["total"], &known.json["data"][0]["identifier"]),
        (&json!(1), &json!("auth:user:list"))
    );
    assert_eq!(ask(&bea, Method::GET, &at, None).await.status, 404);
    assert_eq!(ask(&bea, Method::DELETE, &at, None).await.status, 404);
    assert_eq!(ask(&ada, Method::DELETE, &at, None).await.json["identifier"], "help-desk");
    assert_eq!(ask(&ada, Method::GET, &at, None).await.status, 404);
}

async fn somebody_is_invited_once_under_a_key_and_no_more(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let admin = Desk::admin(&app, &door, "admin@example.com").await;
    let role = admin.filled("clerk", &["auth:user:list"]).await;
    let body = json!({ "email": "New@Example.com", "roles": ["clerk"] });
    let invite = async || {
        let request = app.request(&door, Method::POST, "/api/v1/invitations").json(&body);
        Reply::of(request.bearer_auth(&admin.token).header("idempotency-key", KEY)).await
    };

    let (first, again) = (invite().await, invite().await);
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201), "{}", first.text);
    assert_eq!(first.json, again.json);
    assert_eq!(first.json["roles"], json!(["clerk"]));

    let open = ask(&admin, Method::GET, "/invitations?email=new@example.com&revokedAt=", None).await;
    assert_eq!(open.json["total"], 1, "{}", open.text);
    admin.delete(&role).await;
    let path = format!("/invitations/{}", first.says("id"));
    assert_eq!(ask(&admin, Method::GET, &path, None).await.json["roles"], json!([]));
    assert_eq!(ask(&admin, Method::DELETE, &path, None).await.status, 200);
    let twice = ask(&admin, Method::DELETE, &path, None).await;
    assert_eq!(told(&twice), (404, "authInvitation.revoke.unknown"));
    assert_eq!(ask(&admin, Method::GET, "/invitations?revokedAt=", None).await.json["total"], 0);
}

async fn a_method_is_named_in_a_header_as_feathers_does(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let eve = Desk::clerk(&app, &door, "eve@a.example", &["auth:user:list", "auth:permission:manage"]).await;
    let call = async |desk: &Desk<'_>, path: &str, method: &str, body: Value| {
        let request = app.request(&door, Method::POST, &format!("/api/v1{path}"));
        Reply::of(request.header("x-service-method", method).bearer_auth(&desk.token).json(&body)).await
    };

    let refused = call(&eve, "/users", "disable", json!({ "id": bob.user })).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let off = call(&ada, "/users", "disable", json!({ "id": bob.user })).await;
    assert_eq!((off.status.as_u16(), &off.json["isActive"]), (200, &json!(false)), "{}", off.text);
    let nobody = call(&ada, "/users", "disable", json!({})).await;
    assert_eq!(told(&nobody), (404, "services.get.unknown"));
    for (path, method) in [
        ("/users", "explode"),
        ("/users", "create"),
        ("/users", "find"),
        ("/roles", "disable"),
        ("/roles", "create"),
    ] {
        let refused = call(&eve, path, method, json!({ "identifier": "x" })).await;
        assert_eq!(told(&refused), (405, "error.server.methodNotAllowed"), "{path} {method}");
    }
    assert_eq!(ask(&ada, Method::GET, "/roles", None).await.text.matches("\"x\"").count(), 0);
    let preflight = app.request(&door, Method::OPTIONS, "/api/v1/users");
    let preflight = Reply::of(preflight.header("access-control-request-method", "POST")).await;
    let allowed = |name: &str| preflight.headers[name].to_str().unwrap().to_owned();
    assert_eq!(allowed("access-control-allow-methods"), "GET, POST, HEAD, OPTIONS");
    assert!(allowed("access-control-allow-headers").contains("x-service-method"));
}

async fn changed(desk: &Desk<'_>, (path, tag): (&str, &str), body: Value) -> Reply {
    let request = desk.app.request(desk.door, Method::PATCH, &format!("/api/v1{path}"));
    Reply::of(request.header("if-match", tag).bearer_auth(&desk.token).json(&body)).await
}

async fn race_4_of_fifty_who_saw_the_same_record_one_changes_it(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    // One caller's writes queue behind that caller.
    let mut admins = Vec::new();
    for number in 0..10 {
        admins.push(Desk::admin(&app, &door, &format!("admin{number}@a.example")).await);
    }
    let ada = &admins[0];
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let at = format!("/users/{}", bob.user);
    for round in 0..5 {
        let seen = ask(ada, Method::GET, &at, None).await;
        let tag = seen.headers["etag"].to_str().unwrap();
        let calls = (0..50).map(|number| {
            changed(&admins[number % 10], (&at, tag), json!({ "name": format!("Bob {round} {number}") }))
        });
        let replies = futures_util::future::join_all(calls.collect::<Vec<_>>()).await;

        let won: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
        let lost =
            replies.iter().filter(|reply| told(reply) == (412, "services.precondition.failed")).count();
        assert_eq!((won.len(), lost), (1, 49), "{:?}", replies.iter().map(told).collect::<Vec<_>>());
        assert_eq!(ask(ada, Method::GET, &at, None).await.json["name"], won[0].json["name"]);
    }
}

async fn race_4_a_record_that_changed_is_not_overwritten(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let at = format!("/users/{}", bob.user);
    let seen = ask(&ada, Method::GET, &at, None).await;
    let tag = seen.headers["etag"].to_str().unwrap();

    let kept = app.request(&door, Method::GET, &format!("/api/v1{at}?$select=name")).bearer_auth(&ada.token);
    let kept = Reply::of(kept.header("if-none-match", tag)).await;
    assert_eq!((kept.status.as_u16(), kept.text.as_str()), (304, ""));
    let first = changed(&ada, (&at, tag), json!({ "name": "Bob" })).await;
    let second = changed(&ada, (&at, tag), json!({ "name": "Rob" })).await;
    let third = changed(&ada, (&at, first.headers["etag"].to_str().unwrap()), json!({ "name": "Rob" })).await;
    let any = changed(&ada, (&at, "*"), json!({ "name": "Robin" })).await;
    assert_eq!([first, second, third, any].map(|reply| reply.status.as_u16()), [200, 412, 200, 200]);
    // Somebody whose tag was lost on the way has not seen it.
    assert_eq!(changed(&ada, (&at, ""), json!({ "name": "Lost" })).await.status, 412);
    let unless = app.request(&door, Method::PATCH, &format!("/api/v1{at}")).bearer_auth(&ada.token);
    let unless = unless.header("if-none-match", "*").json(&json!({ "name": "Nobody" }));
    assert_eq!(Reply::of(unless).await.status, 412);

    let role = ask(&ada, Method::POST, "/roles", Some(json!({ "identifier": "x" }))).await;
    let at = format!("/api/v1/roles/{}", role.says("id"));
    let removal = async |tag: &str| {
        let request = app.request(&door, Method::DELETE, &at).bearer_auth(&ada.token);
        Reply::of(request.header("if-match", tag)).await.status.as_u16()
    };
    assert_eq!(removal("\"other\"").await, 412);
    assert_eq!(removal(role.headers["etag"].to_str().unwrap()).await, 200);
}

async fn made_under(desk: &Desk<'_>, key: &str, body: Value) -> Reply {
    let request = desk.app.request(desk.door, Method::POST, "/api/v1/roles").bearer_auth(&desk.token);
    Reply::of(request.header("idempotency-key", key).json(&body)).await
}

async fn race_5_of_fifty_calls_under_one_key_one_makes_something(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    let calls = (0..50).map(|_| made_under(&ada, KEY, json!({ "identifier": "once" })));
    let replies = futures_util::future::join_all(calls.collect::<Vec<_>>()).await;

    for reply in &replies {
        assert_eq!((reply.status.as_u16(), &reply.json), (201, &replies[0].json), "{}", reply.text);
    }
    let replayed = replies.iter().filter(|reply| reply.headers.contains_key("idempotent-replayed")).count();
    assert_eq!(replayed, 49);
    assert_eq!(ask(&ada, Method::GET, "/roles?identifier=once", None).await.json["total"], 1);
}

async fn race_5_a_key_is_of_one_caller_one_call_and_one_day(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &a, "ada@a.example").await;
    let bob = Desk::admin(&app, &a, "bob@a.example").await;
    let bea = Desk::admin(&app, &b, "bea@b.example").await;
    let body = json!({ "identifier": "once" });

    let first = made_under(&ada, KEY, body.clone()).await;
    let again = made_under(&ada, KEY, body.clone()).await;
    assert_eq!((first.status.as_u16(), &first.text), (201, &again.text));
    // It is gone meanwhile, and the answer is the same.
    assert_eq!(ask(&ada, Method::DELETE, &format!("/roles/{}", first.says("id")), None).await.status, 200);
    assert_eq!(made_under(&ada, KEY, body.clone()).await.text, first.text);
    assert_eq!(ask(&ada, Method::GET, "/roles?identifier=once", None).await.json["total"], 0);

    assert_eq!(
        told(&made_under(&ada, KEY, json!({ "identifier": "other" })).await),
        (422, "idempotencyKey.reused")
    );
    assert_eq!(told(&made_under(&ada, "short", body.clone()).await), (422, "idempotencyKey.unusable"));
    let of_b = made_under(&bea, KEY, body.clone()).await;
    assert_eq!(of_b.status, 201, "TEN-6: another tenant's key is another one");
    assert_ne!(of_b.says("id"), first.says("id"));
    let of_bob = made_under(&bob, KEY, body.clone()).await;
    assert_eq!(of_bob.status, 201, "{}", of_bob.text);
    // What was refused left nothing, and may be tried again.
    let other = KEY.replace('k', "q");
    assert_eq!(told(&made_under(&ada, &other, body.clone()).await).0, 409);
    assert_eq!(ask(&ada, Method::DELETE, &format!("/roles/{}", of_bob.says("id")), None).await.status, 200);
    assert_eq!(made_under(&ada, &other, body.clone()).await.status, 201);
    assert_eq!(kept(&app), 4);

    app.advance(24 * 3600 + 1);
    let (ada, role) =
        (Desk { token: app.session(&a, ada.user).await.access, ..ada }, json!({ "identifier": "next" }));
    assert_eq!(made_under(&ada, KEY, role).await.status, 201, "a day later the key means something else");
    doorward::identity::once::clean(
        &mut app.ground.connect(),
        app.clock.now() - Duration::from_secs(24 * 3600),
        100,
    )
    .unwrap();
    assert_eq!(kept(&app), 1);
}

fn kept(app: &App) -> i64 {
    idempotency_keys::table.count().get_result(&mut app.ground.connect()).unwrap()
}

async fn somebodys_session_is_ended_by_whoever_holds_as_much(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &a, "ada@a.example").await;
    let bob = Desk::plain(&app, &a, "bob@a.example").await;
    let eve = Desk::clerk(&app, &a, "eve@a.example", &["auth:user:manage"]).await;
    let bea = Desk::admin(&app, &b, "bea@b.example").await;
    let of = async |user: &Desk<'_>| {
        let found = ask(&ada, Method::GET, &format!("/sessions?userId={}&revokedAt=", user.user), None).await;
        assert_eq!(found.json["total"], 1, "{}", found.text);
        format!("/sessions/{}", found.json["data"][0]["id"].as_str().unwrap())
    };
    let (of_ada, of_bob) = (of(&ada).await, of(&bob).await);

    assert_eq!(told(&ask(&eve, Method::DELETE, &of_ada, None).await), (403, "auth.user.holdsMore"));
    assert_eq!(told(&ask(&bea, Method::DELETE, &of_bob, None).await), (404, "services.get.unknown"));
    assert_eq!(ask(&bob, Method::DELETE, &of_ada, None).await.status, 403);
    assert_eq!(ask(&eve, Method::DELETE, &of_bob, None).await.status, 200);
    assert_eq!(ask(&bob, Method::GET, "/auth/me", None).await.status, 401);
    assert_eq!(ask(&ada, Method::GET, "/auth/me", None).await.status, 200);
    let ended = ask(&ada, Method::GET, &of_bob, None).await;
    assert_eq!(ended.json["revokedReason"], "endedByAdmin", "{}", ended.text);
    assert!(!ended.text.contains("seed"), "{}", ended.text);
    assert_eq!(told(&ask(&eve, Method::DELETE, &of_bob, None).await), (404, "services.get.unknown"));
}
