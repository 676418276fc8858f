//! The mailed code, the order of what a login still asks for, and where its token counts.

use doorward::identity::{Access, Method};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::kit::{ADA, OTHER, RIGHT};
use crate::ground::app::{App, Door, Reply};
use crate::ground::{Ground, on_both};

on_both!(
    a_mailed_code_finishes_the_login_with_two_factors,
    w_3_the_factor_comes_before_the_forced_change_and_neither_is_skipped,
    w_6_a_code_is_good_for_the_login_it_was_mailed_for_alone,
    fifty_who_bring_the_right_code_get_one_session,
    a_code_sent_again_works_too,
    pw_9_a_forced_change_takes_no_password_twice,
    ses_3_a_pending_token_opens_the_factor_routes_alone,
    ses_5_switching_the_code_off_ends_the_other_sessions,
);

const VERIFY: &str = "/auth/password-based/verify-otp";
const UPDATE: &str = "/auth/password-based/update-password";

async fn waiting(app: &App, door: &Door) -> Reply {
    let ada = app.resident(door, ADA).await;
    app.demand_code(ada);
    app.login(door, ADA, RIGHT).await
}

fn typed(code: &str, pending: &Reply) -> Value {
    json!({ "otp": code, "requestId": pending.json["session"]["requestId"] })
}

async fn a_mailed_code_finishes_the_login_with_two_factors(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let pending = waiting(&app, &door).await;

    let full = app.post_as(&door, pending.says("accessToken"), VERIFY, typed(&app.code(), &pending)).await;
    let again = app.post_as(&door, pending.says("accessToken"), VERIFY, typed(&app.code(), &pending)).await;

    assert_eq!(
        (&pending.json["session"]["type"], &pending.json["session"]["next"]),
        (&json!("checkTwoStep"), &json!("otp"))
    );
    assert!(pending.json["refreshToken"].is_null());
    assert_eq!((full.status.as_u16(), &full.json["success"]), (200, &json!(true)), "{}", full.text);
    assert_eq!(again.status, 401);
    assert_eq!(app.get_as(&door, full.says("accessToken"), "/auth/me").await.status, 200);
    assert_eq!(app.most_failures(), 0);
}

async fn w_3_the_factor_comes_before_the_forced_change_and_neither_is_skipped(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = app.resident(&door, ADA).await;
    app.demand_code(ada);
    app.demand_change(ada);
    let first = app.login(&door, ADA, RIGHT).await;

    let early = app.post_as(&door, first.says("accessToken"), UPDATE, json!({ "password": OTHER })).await;
    let second = app.post_as(&door, first.says("accessToken"), VERIFY, typed(&app.code(), &first)).await;
    let me = app.get_as(&door, second.says("accessToken"), "/auth/me").await;
    let last = app.post_as(&door, second.says("accessToken"), UPDATE, json!({ "password": OTHER })).await;

    assert_eq!((early.status.as_u16(), early.key()), (403, "auth.requireUser.incorrectSessionType"));
    assert_eq!(second.json["session"]["next"], "setPassword", "{}", second.text);
    assert_eq!(me.status, 401);
    assert_eq!((last.status.as_u16(), &last.json["session"]["type"]), (200, &json!("user")), "{}", last.text);
    assert_eq!(app.login(&door, ADA, RIGHT).await.status, 401);
    assert_eq!(app.login(&door, ADA, OTHER).await.json["session"]["next"], "otp");
}

async fn w_6_a_code_is_good_for_the_login_it_was_mailed_for_alone(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let first = waiting(&app, &door).await;
    let code = app.code();
    let second = app.login(&door, ADA, RIGHT).await;

    let crossed = app.post_as(&door, second.says("accessToken"), VERIFY, typed(&code, &first)).await;

    assert_eq!((crossed.status.as_u16(), crossed.key()), (401, "authPasswordBased.verifyOtp.invalid"));
}

async fn fifty_who_bring_the_right_code_get_one_session(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let pending = waiting(&app, &door).await;
    let (code, token) = (app.code(), pending.says("accessToken"));

    let all = join_all((0..50).map(|_| app.post_as(&door, token, VERIFY, typed(&code, &pending)))).await;

    assert_eq!(all.iter().filter(|reply| reply.status == 200).count(), 1);
}

async fn a_code_sent_again_works_too(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let pending = waiting(&app, &door).await;

    let resent = app
        .post_as(&door, pending.says("accessToken"), "/api/v1/auth/password-based/resend-otp", json!({}))
        .await;
    let body = json!({ "otp": app.code(), "requestId": resent.json["requestId"] });
    let full = app.post_as(&door, pending.says("accessToken"), VERIFY, body).await;

    assert_eq!((resent.status.as_u16(), full.status.as_u16()), (200, 200), "{} {}", resent.text, full.text);
    assert_eq!(app.mails(), ["sessions/login_code", "sessions/login_code"]);
}

async fn pw_9_a_forced_change_takes_no_password_twice(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = app.resident(&door, ADA).await;
    app.demand_change(ada);
    let pending = app.login(&door, ADA, RIGHT).await;
    let token = pending.says("accessToken");

    let same = app.post_as(&door, token, UPDATE, json!({ "password": RIGHT })).await;
    let new = app.post_as(&door, token, UPDATE, json!({ "password": OTHER })).await;
    let again = app.post_as(&door, token, UPDATE, json!({ "password": RIGHT })).await;

    assert_eq!(pending.json["session"]["next"], "setPassword");
    assert_eq!((same.status.as_u16(), new.status.as_u16(), again.status.as_u16()), (422, 200, 401));
    assert_eq!(app.login(&door, ADA, RIGHT).await.status, 401);
}

async fn ses_3_a_pending_token_opens_the_factor_routes_alone(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let pending = waiting(&app, &door).await;
    let mut opened = Vec::new();

    for route in doorward::app::routes().into_iter().filter(|route| needs_somebody(route.access)) {
        let path = route.path.replace("{user}", "0198c0de-0000-7000-8000-000000000000");
        let path = if route.hidden { path } else { format!("/api/v1{path}") };
        let method = reqwest::Method::from_bytes(route.method.word().as_bytes()).unwrap();
        let request = app.request(&door, method, &path).bearer_auth(pending.says("accessToken"));
        let request = if route.method == Method::Get { request } else { request.json(&json!({})) };
        if Reply::of(request).await.status != 401 {
            opened.push(route.path);
        }
    }

    let factors =
        ["verify-otp", "resend-otp", "update-password"].map(|name| format!("/auth/password-based/{name}"));
    assert_eq!(opened, factors);
}

fn needs_somebody(access: Access) -> bool {
    !matches!(access, Access::Open | Access::Tenant | Access::Perhaps)
}

async fn ses_5_switching_the_code_off_ends_the_other_sessions(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let (here, there) = (app.token(&door, ADA).await, app.token(&door, ADA).await);
    let otp = |word: &str| format!("/api/v1/auth/password-based/{word}-otp");

    let on = app.post_as(&door, &here, &otp("enable"), json!({})).await;
    let asked = app.login(&door, ADA, RIGHT).await;
    let off = app.post_as(&door, &here, &otp("disable"), json!({ "currentPassword": RIGHT })).await;

    assert_eq!((on.status.as_u16(), off.status.as_u16()), (200, 200), "{} {}", on.text, off.text);
    assert_eq!(asked.json["session"]["next"], "otp");
    assert_eq!(app.get_as(&door, &here, "/auth/me").await.status, 200);
    assert_eq!(app.get_as(&door, &there, "/auth/me").await.status, 401);
}
