//! People as they see themselves and as their admins do.

use doorward::base::UserId;
use doorward::db::Above;
use doorward::identity::User;
use reqwest::Method;
use serde_json::json;

use super::kit::{ADA, RIGHT, start};
use super::watch;
use crate::ground::app::{App, Reply};
use crate::ground::{Ground, on_both};

on_both!(
    me_asks_the_database_once_in_two_seconds,
    what_i_edit_of_myself_is_shown_at_once,
    a_profile_beyond_its_size_is_refused,
    people_are_listed_a_page_at_a_time,
    a_name_is_searched_for_as_it_stands,
    ten_3_ids_and_places_of_another_tenant_are_none_here,
    ten_3_who_belongs_to_two_tenants_has_in_each_the_rights_given_there,
    ses_5_who_is_switched_off_is_out_on_every_node,
    the_last_admin_stays,
    priv_2_nobody_acts_on_who_holds_more,
    pw_9_an_admin_starts_a_reset_and_sees_no_secret,
);

async fn me_asks_the_database_once_in_two_seconds(ground: Ground) {
    watch::begin();
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let token = app.token(&door, ADA).await;
    app.get_as(&door, &token, "/auth/me").await;
    watch::take(&app.ground);

    app.get_as(&door, &token, "/auth/me").await;
    let cached = watch::take(&app.ground);
    app.advance(2);
    app.get_as(&door, &token, "/auth/me").await;

    assert!(cached.is_empty(), "{cached:?}");
    assert!(!watch::take(&app.ground).is_empty());
}

async fn what_i_edit_of_myself_is_shown_at_once(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let token = app.token(&door, ADA).await;
    app.get_as(&door, &token, "/auth/me").await;

    let edit = json!({ "name": null, "locale": "nl-BE", "profile": { "team": "blue" } });
    let edit = app.request(&door, Method::PATCH, "/api/v1/auth/me").bearer_auth(&token).json(&edit);
    let edited = Reply::of(edit).await;
    let me = app.get_as(&door, &token, "/auth/me").await;

    assert_eq!(edited.status, 200, "{}", edited.text);
    assert_eq!(me.json["user"]["name"], json!(null));
    assert_eq!(
        (&me.json["user"]["locale"], &me.json["user"]["profile"]),
        (&json!("nl"), &json!({ "team": "blue" }))
    );
}

async fn a_profile_beyond_its_size_is_refused(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let token = app.token(&door, ADA).await;

    let large = json!({ "profile": { "x": "y".repeat(17 << 10) } });
    let request = app.request(&door, Method::PATCH, "/api/v1/auth/me").bearer_auth(&token).json(&large);

    assert_eq!(Reply::of(request).await.status, 422);
}

/// Ada as admin of tenant a, with her token.
async fn admin(app: &App) -> String {
    let door = app.native("a").await;
    let ada = app.resident(&door, ADA).await;
    app.make_admin(&door, ada).await;
    app.token(&door, ADA).await
}

async fn people_are_listed_a_page_at_a_time(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let token = admin(&app).await;
    for number in 0..4 {
        app.resident(&door, &format!("user{number}@example.com")).await;
    }
    let list = async |body| app.post_as(&door, &token, "/auth/list-users", body).await;

    let first = list(json!({ "limit": 3 })).await;
    let second = list(json!({ "limit": 3, "after": first.json["next"] })).await;

    assert_eq!(first.json["users"].as_array().map(Vec::len), Some(3), "{}", first.text);
    assert_eq!(second.json["users"].as_array().map(Vec::len), Some(2), "{}", second.text);
    assert!(second.json["next"].is_null());
    assert_eq!(list(json!({ "limit": 101 })).await.status, 422);
    assert_eq!(first.json["users"][0]["roles"][0]["identifier"], "admin");
}

async fn a_name_is_searched_for_as_it_stands(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let token = admin(&app).await;
    let found = async |name: &str| {
        let reply =
            app.post_as(&door, &token, "/auth/list-users", json!({ "search": { "name": name } })).await;
        reply.json["users"].as_array().map_or(0, Vec::len)
    };

    assert_eq!((found("aD").await, found("%").await, found("a_a").await), (1, 0, 0));
}

async fn ten_3_ids_and_places_of_another_tenant_are_none_here(ground: Ground) {
    let app = start(ground).await;
    let (door, other) = (app.native("a").await, app.native("b").await);
    let token = admin(&app).await;
    let bob = app.resident(&other, "bob@example.com").await;
    app.make_admin(&other, bob).await;
    app.resident(&other, "eve@example.com").await;
    let theirs = app.token(&other, "bob@example.com").await;
    let page = app.post_as(&other, &theirs, "/auth/list-users", json!({ "limit": 1 })).await;

    let place = app.post_as(&door, &token, "/auth/list-users", json!({ "after": page.json["next"] })).await;
    let read = app.get_as(&door, &token, &format!("/auth/user/{bob}")).await;
    let off =
        app.post_as(&door, &token, &format!("/auth/user/{bob}/set-active"), json!({ "active": false })).await;
    let name = app.request(&door, Method::PUT, &format!("/auth/user/{bob}/update")).bearer_auth(&token);
    let name = Reply::of(name.json(&json!({ "name": "Mallory" }))).await;

    assert!(page.json["next"].is_string(), "{}", page.text);
    let statuses = [&place, &read, &off, &name].map(|reply| reply.status.as_u16());
    assert_eq!(statuses, [422, 404, 404, 404]);
    assert_eq!(app.get_as(&other, &theirs, "/auth/me").await.json["user"]["name"], "Ada");
}

async fn ten_3_who_belongs_to_two_tenants_has_in_each_the_rights_given_there(ground: Ground) {
    let app = start(ground).await;
    let (door, other) = (app.native("a").await, app.native("b").await);
    let token = admin(&app).await;
    let bob = app.resident(&other, "bob@example.com").await;
    app.make_admin(&other, bob).await;
    app.join(&door, bob).await;
    let eve = app.resident(&other, "eve@example.com").await;

    // Several at once: of them the server asks in words of their own.
    let list = app.post_as(&door, &token, "/auth/list-users", json!({})).await;
    let (tenant, ids) = (door.tenant, [bob, eve]);
    let db = &app.running.house.db;
    let members =
        db.above(Above::Person).read(move |conn| Ok(User::members(conn, tenant, &ids)?)).await.unwrap();

    let users = list.json["users"].as_array().unwrap();
    let of = |user: UserId| {
        users.iter().find(|one| one["id"] == json!(user)).map(|one| one["permissions"].clone())
    };
    assert_eq!((users.len(), of(bob)), (2, Some(json!([]))), "{}", list.text);
    assert_eq!(members.iter().map(|user| user.id).collect::<Vec<_>>(), [bob]);
}

async fn ses_5_who_is_switched_off_is_out_on_every_node(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let token = admin(&app).await;
    let bob = app.resident(&door, "bob@example.com").await;
    let theirs = app.token(&door, "bob@example.com").await;
    let beside = app.beside().await;
    assert_eq!(beside.get_as(&door, &theirs, "/auth/me").await.status, 200);

    let path = format!("/auth/user/{bob}/set-active");
    let off = app.post_as(&door, &token, &path, json!({ "active": false })).await;
    let here = app.get_as(&door, &theirs, "/auth/me").await;
    app.advance(2);

    assert_eq!((off.status.as_u16(), here.status.as_u16()), (200, 401), "{}", off.text);
    assert_eq!(beside.get_as(&door, &theirs, "/auth/me").await.status, 401);
    assert_eq!(app.mails(), ["users/account_disabled"]);
    assert_eq!(app.login(&door, "bob@example.com", RIGHT).await.status, 401);
    app.post_as(&door, &token, &path, json!({ "active": true })).await;
    assert_eq!(app.login(&door, "bob@example.com", RIGHT).await.status, 200);
}

async fn the_last_admin_stays(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let token = admin(&app).await;
    let me = app.get_as(&door, &token, "/auth/me").await.json["user"]["id"].as_str().unwrap().to_owned();

    let path = format!("/auth/user/{me}/set-active");
    let reply = app.post_as(&door, &token, &path, json!({ "active": false })).await;

    assert_eq!((reply.status.as_u16(), reply.key()), (409, "auth.setUserActive.lastAdmin"));
    assert_eq!(app.get_as(&door, &token, "/auth/me").await.status, 200);
}

async fn priv_2_nobody_acts_on_who_holds_more(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let owner = app.resident(&door, ADA).await;
    app.make_admin(&door, owner).await;
    let clerk = app.resident(&door, "clerk@example.com").await;
    app.give_permission(&door, clerk, "auth:user:manage").await;
    let token = app.token(&door, "clerk@example.com").await;

    for (path, body) in [("set-active", json!({ "active": false })), ("one-time-password", json!({}))] {
        let path = format!("/api/v1/auth/user/{owner}/{path}");
        let reply = app.post_as(&door, &token, &path, body).await;
        assert_eq!((reply.status.as_u16(), reply.key()), (403, "auth.user.holdsMore"), "{}", reply.text);
    }
}

async fn pw_9_an_admin_starts_a_reset_and_sees_no_secret(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let token = admin(&app).await;
    let bob = app.resident(&door, "bob@example.com").await;

    let path = format!("/api/v1/auth/user/{bob}/one-time-password");
    let reply = app.post_as(&door, &token, &path, json!({})).await;

    assert_eq!(reply.status, 200, "{}", reply.text);
    let letters = app.letters();
    assert_eq!((letters.len(), letters[0].to.as_str()), (1, "bob@example.com"));
    let link = letters[0].message.links()[0].expose();
    assert!(link.contains("/account/reset?token=dwp_1_"), "{link}");
    assert!(!reply.text.contains(&app.code()));
}
