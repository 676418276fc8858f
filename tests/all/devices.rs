//! Devices of sessions, and where they are told of news.

use diesel::prelude::*;
use doorward::db::schema::devices;
use doorward::sessions::device::{Device, Platform};
use serde_json::json;

use crate::ground::Ground;
use crate::ground::app::App;
use crate::ground::on_both;

on_both!(
    a_phone_takes_a_token_and_no_web_push,
    a_session_without_a_device_has_nothing_to_tell,
    a_phone_that_changes_hands_is_nobody_elses,
    the_same_phone_again_ends_its_older_session,
);

const PUSH: &str = "/session/set-notification-token";

fn phone() -> Option<Device> {
    let name = "Ada's phone".to_owned();
    Some(Device { platform: Platform::Android, name, notification_token: None, web_push_information: None })
}

async fn a_phone_takes_a_token_and_no_web_push(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let phone = app.session_on(&door, user, phone()).await;
    let web = json!({ "endpoint": "https://push.example/1", "keys": { "p256dh": "x", "auth": "y" } });

    let token = app.post_as(&door, &phone.access, PUSH, json!({ "notificationToken": "t1" })).await;
    let both = json!({ "notificationToken": "t1", "webPushInformation": web });
    let both = app.post_as(&door, &phone.access, PUSH, both).await;

    assert_eq!(token.status, 200, "{}", token.text);
    assert_eq!((both.status.as_u16(), both.key()), (422, "authSession.setDeviceNotificationToken.invalid"));
}

async fn a_session_without_a_device_has_nothing_to_tell(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let bare = app.session(&door, user).await;

    let reply = app.post_as(&door, &bare.access, PUSH, json!({ "notificationToken": "t1" })).await;

    assert_eq!((reply.status.as_u16(), reply.key()), (400, "authSession.setDeviceNotificationToken.unknown"));
}

async fn a_phone_that_changes_hands_is_nobody_elses(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let (ada, bob) = (app.person(&door, "ada@a.example").await, app.person(&door, "bob@a.example").await);
    let before = app.session_on(&door, ada, phone()).await;
    let after = app.session_on(&door, bob, phone()).await;

    app.post_as(&door, &before.access, PUSH, json!({ "notificationToken": "t1" })).await;
    app.post_as(&door, &after.access, PUSH, json!({ "notificationToken": "t1" })).await;

    let told = devices::table.filter(devices::notification_token.eq("t1")).select(devices::user_id);
    assert_eq!(told.load::<doorward::base::UserId>(&mut ground.connect()).unwrap(), [bob]);
    assert_eq!(app.get_as(&door, &before.access, "/session/list").await.status, 200);
}

async fn the_same_phone_again_ends_its_older_session(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let (older, newer) =
        (app.session_on(&door, user, phone()).await, app.session_on(&door, user, phone()).await);

    app.post_as(&door, &older.access, PUSH, json!({ "notificationToken": "t1" })).await;
    app.post_as(&door, &newer.access, PUSH, json!({ "notificationToken": "t1" })).await;

    assert_eq!(app.get_as(&door, &older.access, "/session/list").await.status, 401);
    let listed = app.get_as(&door, &newer.access, "/session/list").await;
    assert_eq!(listed.json["sessions"][0]["device"]["name"], "Ada's phone");
}
