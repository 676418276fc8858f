//! A new password: who may set one, which are taken, and what ends with the old one.

use serde_json::json;

use super::kit::{ADA, OTHER, RIGHT, start};
use crate::ground::app::{App, Reply};
use crate::ground::{Ground, on_both};

on_both!(
    pw_1_fourteen_characters_alone_are_too_few,
    pw_3_a_passphrase_needs_no_composition,
    pw_4_a_common_or_personal_password_is_refused,
    pw_8_a_change_ends_the_other_sessions_and_is_told_by_mail,
    pw_8_other_sessions_stay_when_asked_to,
    pw_8_a_stale_session_needs_the_current_password,
    ses_2_the_tokens_before_a_change_stop_at_once,
);

const UPDATE: &str = "/auth/password-based/update-password";

async fn change(app: &App, token: &str, password: &str) -> Reply {
    app.post_as(&app.native("a").await, token, UPDATE, json!({ "password": password })).await
}

async fn pw_1_fourteen_characters_alone_are_too_few(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let token = app.token(&door, ADA).await;

    let short = change(&app, &token, "qz7 vR2 \u{1f98a}k9 w\u{e9}").await;
    let fits = change(&app, &token, "qz7 vR2 \u{1f98a}k9 w\u{e9}t").await;

    assert_eq!(
        (short.status.as_u16(), &short.json["errors"]["$.password"]["key"]),
        (422, &json!("validator.length")),
        "{}",
        short.text
    );
    assert_eq!(fits.status, 200, "{}", fits.text);
}

async fn pw_3_a_passphrase_needs_no_composition(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;

    let reply = change(&app, &app.token(&door, ADA).await, "mosslight ferry under copper hills").await;

    assert_eq!(reply.status, 200, "{}", reply.text);
}

async fn pw_4_a_common_or_personal_password_is_refused(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let token = app.token(&door, ADA).await;

    for (weak, why) in [
        ("passwordpassword", "common"),
        ("P4ssw0rdP4ssw0rd", "common"),
        ("123456789012345", "common"),
        ("ada@example.com1", "personal"),
        ("tenanttenanttenant a", "personal"),
    ] {
        let reply = change(&app, &token, weak).await;
        let key = &reply.json["errors"]["$.password"]["key"];
        assert_eq!(key, &json!(format!("validator.password.{why}")), "{weak}: {}", reply.text);
    }
    assert_eq!(app.login(&door, ADA, RIGHT).await.status, 200);
}

async fn pw_8_a_change_ends_the_other_sessions_and_is_told_by_mail(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let (here, there) = (app.token(&door, ADA).await, app.login(&door, ADA, RIGHT).await);
    assert_eq!(app.get_as(&door, there.says("accessToken"), "/auth/me").await.status, 200);

    let changed = change(&app, &here, OTHER).await;

    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(app.get_as(&door, there.says("accessToken"), "/auth/me").await.status, 401);
    let refresh = json!({ "refreshToken": there.says("refreshToken") });
    assert_eq!(app.post(&door, "/auth/refresh-tokens", refresh).await.status, 401);
    assert_eq!(app.get_as(&door, changed.says("accessToken"), "/auth/me").await.status, 200);
    assert_eq!(app.mails(), ["password/password_changed"]);
}

async fn pw_8_other_sessions_stay_when_asked_to(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let (here, there) = (app.token(&door, ADA).await, app.token(&door, ADA).await);

    let body = json!({ "password": OTHER, "keepOtherSessions": true });
    let changed = app.post_as(&door, &here, UPDATE, body).await;

    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(app.get_as(&door, &there, "/auth/me").await.status, 200);
}

async fn pw_8_a_stale_session_needs_the_current_password(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let session = app.login(&door, ADA, RIGHT).await;
    app.advance(601);
    let refresh = json!({ "refreshToken": session.says("refreshToken") });
    let token = app.post(&door, "/auth/refresh-tokens", refresh).await.says("accessToken").to_owned();

    let without = change(&app, &token, OTHER).await;
    let wrong = json!({ "currentPassword": OTHER, "password": OTHER });
    let wrong = app.post_as(&door, &token, UPDATE, wrong).await;
    let right = json!({ "currentPassword": RIGHT, "password": OTHER });
    let right = app.post_as(&door, &token, UPDATE, right).await;

    assert_eq!((without.status.as_u16(), without.key()), (403, "auth.requireUser.stepUpRequired"));
    assert_eq!(
        (wrong.status.as_u16(), wrong.key()),
        (403, "authPasswordBased.updatePassword.invalidPassword")
    );
    assert_eq!(right.status, 200, "{}", right.text);
}

async fn ses_2_the_tokens_before_a_change_stop_at_once(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let old = app.login(&door, ADA, RIGHT).await;

    assert_eq!(change(&app, old.says("accessToken"), OTHER).await.status, 200);

    assert_eq!(app.get_as(&door, old.says("accessToken"), "/auth/me").await.status, 401);
    let refresh = json!({ "refreshToken": old.says("refreshToken") });
    assert_eq!(app.post(&door, "/auth/refresh-tokens", refresh).await.status, 401);
}
