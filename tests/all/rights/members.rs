//! Who belongs to a tenant, and the end of a guest's stay.

use doorward::permissions::known::OF_ADMIN;
use reqwest::Method;
use serde_json::{Value, json};

use super::kit::{Desk, told};
use crate::ground::app::{App, Door};
use crate::ground::{Ground, on_both};
use crate::services::Poller;

on_both!(
    ten_1_a_guests_stay_ends_here_and_nowhere_else,
    priv_2_nobody_sends_away_who_is_at_home_here_or_holds_more,
    of_fifty_who_send_a_guest_away_one_does,
    priv_3_a_guest_who_alone_governs_stays,
);

/// Two tenants; somebody of the second who is a guest in the first, with a role.
async fn guest<'a>(app: &'a App, at: &'a Door, home: &'a Door, ada: &Desk<'_>) -> Desk<'a> {
    let eve = Desk::plain(app, home, "eve@b.example").await;
    app.join(at, eve.user).await;
    let role = ada.filled("helper", &["auth:user:list"]).await;
    assert_eq!(ada.give(eve.user, &role).await.status, 200);
    eve
}

async fn ten_1_a_guests_stay_ends_here_and_nowhere_else(ground: Ground) {
    let app = App::start(ground).await;
    let (door, there) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let eve = guest(&app, &door, &there, &ada).await;
    let here = app.session(&door, eve.user).await;
    let guests = format!("/memberships?homeTenantId={}", there.tenant);
    let shown = ada.look(&guests).await.json["data"].clone();
    assert_eq!((&shown[0]["id"], &shown[0]["isGuest"]), (&json!(eve.user), &json!(true)), "{shown}");
    assert_eq!(app.get_as(&door, &here.access, "/api/v1/users").await.status, 200);
    let mut watching = Poller::bound(&app, &ada.token).await;

    let gone = ada.ask(Method::DELETE, &format!("/memberships/{}", eve.user), None).await;

    assert_eq!((gone.status.as_u16(), &gone.json["id"]), (200, &json!(eve.user)), "{}", gone.text);
    assert_eq!(app.get_as(&door, &here.access, "/api/v1/users").await.status, 401);
    assert_eq!(app.refresh(&door, &here.refresh).await.status, 401);
    assert_eq!(eve.look("/auth/me").await.status, 200, "at home nothing changed");
    assert_eq!(ada.look(&guests).await.json["data"], json!([]));
    assert_eq!(ada.look(&format!("/users/{}", eve.user)).await.status, 404);
    let mut heard = String::new();
    while !heard.contains("users removed") {
        heard = watching.soon(std::time::Duration::from_secs(5)).await.expect("nobody is told");
    }
    assert!(heard.contains(&eve.user.to_string()), "{heard}");
    let audited = ada.look(&format!("/audit?targetId={}&action=users.end_membership", eve.user)).await;
    assert_eq!(audited.json["data"].as_array().unwrap().len(), 1, "{}", audited.text);

    app.join(&door, eve.user).await;
    let back =
        Desk { app: &app, door: &door, user: eve.user, token: app.session(&door, eve.user).await.access };
    assert_eq!(back.held().await, json!([]), "whoever comes back begins anew");
}

async fn priv_2_nobody_sends_away_who_is_at_home_here_or_holds_more(ground: Ground) {
    let app = App::start(ground).await;
    let (door, there) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let eve = guest(&app, &door, &there, &ada).await;
    let bob = Desk::clerk(&app, &door, "bob@a.example", &["auth:user:manage"]).await;
    let boss = Desk::admin(&app, &there, "boss@b.example").await;
    let stays = ada.look("/memberships").await.json;

    let end = |by, user: Value| async move {
        let by: &Desk<'_> = by;
        by.ask(Method::DELETE, &format!("/memberships/{}", user.as_str().unwrap()), None).await
    };
    assert_eq!(told(&end(&ada, json!(bob.user)).await), (409, "users.endMembership.atHome"));
    assert_eq!(told(&end(&ada, json!(ada.user)).await), (409, "users.endMembership.atHome"));
    assert_eq!(told(&end(&bob, json!(eve.user)).await), (403, "auth.user.holdsMore"));
    assert_eq!(end(&ada, json!(boss.user)).await.status, 404);
    // Her home manages her account, and not where she is a guest.
    assert_eq!(told(&end(&boss, json!(eve.user)).await), (409, "users.endMembership.atHome"));
    assert_eq!(ada.look("/memberships").await.json, stays);
}

async fn priv_3_a_guest_who_alone_governs_stays(ground: Ground) {
    let app = App::start(ground).await;
    let (door, there) = (app.native("a").await, app.native("b").await);
    let eve = Desk::plain(&app, &there, "eve@b.example").await;
    app.join(&door, eve.user).await;
    app.promote(&door, eve.user).await;
    let bob = Desk::clerk(&app, &door, "bob@a.example", OF_ADMIN).await;

    let refused = bob.ask(Method::DELETE, &format!("/memberships/{}", eve.user), None).await;

    assert_eq!(told(&refused), (409, "auth.setUserActive.lastAdmin"), "{}", refused.text);
    assert_eq!(bob.look(&format!("/memberships/{}", eve.user)).await.status, 200);
}

async fn of_fifty_who_send_a_guest_away_one_does(ground: Ground) {
    let app = App::start(ground).await;
    let (door, there) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let eve = guest(&app, &door, &there, &ada).await;
    let path = format!("/memberships/{}", eve.user);

    let all = (0..50).map(|_| ada.ask(Method::DELETE, &path, None));
    let all = futures_util::future::join_all(all).await;

    let count = |wanted: u16| all.iter().filter(|reply| reply.status == wanted).count();
    assert_eq!((count(200), count(404)), (1, 49), "{}", all[0].text);
}
