//! What actions add to tokens: below `ext`, asked anew at each refresh, and none of ours.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use doorward::db::schema::sessions;
use reqwest::Method;
use serde_json::{Value, json};

use super::before::{denying, start};
use super::kit::ACTION;
use crate::account::{House, NEW};
use crate::ground::app::{Door, Reply};
use crate::ground::people::PASSWORD;
use crate::ground::sink::{Manner, Sink};
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    claims_stand_below_ext_and_are_asked_anew_at_each_refresh,
    priv_10_no_action_touches_a_claim_of_ours,
    whoever_adds_claims_may_give_rights,
    a_token_that_is_refused_changes_nothing,
    hook_4_claims_that_are_too_much_are_no_answer,
);

const TOKEN: &str = "doorward.token.pre.create";
const LOGIN: &str = "/api/v1/auth/password-based/login";
const OURS: [&str; 13] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "jti",
    "tenant",
    "roles",
    "permissions",
    "acr",
    "amr",
    "act",
    "scope",
];

fn adding(claims: Value) -> Value {
    json!({ "name": format!("add {}", claims.to_string().len()), "listens": [TOKEN], "handler": "addClaims",
        "configuration": { "claims": claims } })
}

/// What stands in a token.
fn inside(access: &str) -> Value {
    let payload = access.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

async fn login(house: &House, door: &Door, email: &str) -> Reply {
    house.app.post(door, LOGIN, json!({ "email": email, "password": PASSWORD })).await
}

async fn asks(ada: &Desk<'_>, sink: &Sink, claims: Value) -> Value {
    let webhook = ada.send("/webhooks", json!({ "url": sink.url(), "listens": ["x.never"] })).await;
    json!({ "name": "ask", "listens": [TOKEN], "handler": "ask",
        "configuration": { "webhook": webhook.says("id"), "claims": claims } })
}

async fn claims_stand_below_ext_and_are_asked_anew_at_each_refresh(ground: Ground) {
    let house = start(ground).await;
    let (door, other) = (house.app.native("a").await, house.app.native("b").await);
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let bob = house.app.person(&door, "bob@a.example").await;
    house.app.person(&other, "eve@b.example").await;
    let guest = ada.create("guest").await;
    let rules =
        json!({ "plan": "gold", "domain": { "var": "user.emailDomain" }, "groups": { "var": "user.roles" } });
    ada.makes(adding(rules)).await;

    let came = login(&house, &door, "bob@a.example").await;
    let first = inside(came.says("accessToken"));
    assert_eq!(first["ext"], json!({ "plan": "gold", "domain": "a.example", "groups": [] }));
    assert_eq!(house.app.get_as(&door, came.says("accessToken"), "/api/v1/auth/me").await.status, 200);
    assert_eq!(ada.give(bob, &guest).await.status, 200);
    let next = house.app.refresh(&door, came.says("refreshToken")).await;
    assert_eq!(inside(next.says("accessToken"))["ext"]["groups"], json!(["guest"]), "{}", next.text);
    let elsewhere = login(&house, &other, "eve@b.example").await;
    assert_eq!(inside(elsewhere.says("accessToken")).get("ext"), None);
}

async fn priv_10_no_action_touches_a_claim_of_ours(ground: Ground) {
    let (house, sink) = (start(ground).await, Sink::start().await);
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    for name in OURS {
        for action in [adding(json!({ name: "x" })), asks(&ada, &sink, json!([name])).await] {
            let refused = ada.send("/actions", action).await;
            assert_eq!(told(&refused), (422, "validator.error"), "{name}: {}", refused.text);
        }
    }
    ada.makes(asks(&ada, &sink, json!(["department"])).await).await;
    sink.behave(&[Manner::Answer(
        r#"{"allow":true,"claims":{"department":"toys","sub":"eve","iss":"eve","aud":["eve"],"exp":9999999999,"iat":1,"jti":"x",
            "tenant":"eve","roles":["admin"],"permissions":["all"],"acr":"3","amr":["hwk"],"act":{},"cnf":{},"scope":"all","more":1}}"#,
    )]);

    let came = login(&house, &door, "ada@a.example").await;

    let token = inside(came.says("accessToken"));
    assert_eq!(token["ext"], json!({ "department": "toys" }));
    assert_eq!((&token["sub"], &token["scope"]), (&json!(ada.user), &json!("")));
    for absent in ["roles", "permissions", "acr", "amr", "act", "cnf", "more"] {
        assert_eq!(token.get(absent), None, "{absent}");
    }
    assert!(token["exp"].as_i64().unwrap() < 9_999_999_999 && token["iat"] != 1);
}

async fn whoever_adds_claims_may_give_rights(ground: Ground) {
    let (house, sink) = (start(ground).await, Sink::start().await);
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let clerk = Desk::clerk(&house.app, &door, "bob@a.example", &[ACTION]).await;
    let webhook = asks(&ada, &sink, json!([])).await;
    let mut naming = webhook.clone();
    naming["configuration"]["claims"] = json!(["department"]);
    let hers = ada.makes(adding(json!({ "plan": "gold" }))).await;

    let asked = clerk.makes(webhook).await;
    let refused = [
        clerk.send("/actions", adding(json!({ "plan": "free", "x": 1 }))).await,
        clerk.send("/actions", naming.clone()).await,
        clerk.patch(&format!("/actions/{asked}"), json!({ "configuration": naming["configuration"] })).await,
        clerk.patch(&format!("/actions/{hers}"), json!({ "priority": 3 })).await,
        clerk.ask(Method::DELETE, &format!("/actions/{hers}"), None).await,
    ];

    for reply in refused {
        assert_eq!(told(&reply), (403, "actions.mayNotAddClaims"), "{}", reply.text);
    }
    let elsewhere = json!({ "listens": ["doorward.user.pre.create"] });
    let misplaced = ada.patch(&format!("/actions/{hers}"), elsewhere).await;
    assert_eq!(told(&misplaced), (422, "validator.error"), "{}", misplaced.text);
}

async fn a_token_that_is_refused_changes_nothing(ground: Ground) {
    let house = start(ground).await;
    let (door, other) = (house.app.native("a").await, house.app.native("b").await);
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let bob = Desk::plain(&house.app, &door, "bob@a.example").await;
    house.app.join(&other, bob.user).await;
    let came = login(&house, &door, "bob@a.example").await;
    let (access, refresh) = (came.says("accessToken").to_owned(), came.says("refreshToken").to_owned());
    let there = Desk::admin(&house.app, &other, "eve@b.example").await;
    let rules =
        [ada.makes(denying(TOKEN, Value::Null)).await, there.makes(denying(TOKEN, Value::Null)).await];

    // A token that moved just now stays as it is.
    house.app.advance(30);
    let live = live_sessions(&house);
    let password = json!({ "currentPassword": PASSWORD, "password": NEW });
    let attempts = [
        house.app.refresh(&door, &refresh).await,
        login(&house, &door, "bob@a.example").await,
        house
            .app
            .post_as(&door, &access, "/api/v1/session/switch-tenant", json!({ "tenantId": other.tenant }))
            .await,
        house.app.post_as(&door, &access, "/api/v1/auth/password-based/update-password", password).await,
    ];
    for reply in attempts {
        assert_eq!(told(&reply), (403, "actions.denied"), "{}", reply.text);
    }
    assert_eq!(live_sessions(&house), live);
    assert!(house.opens(bob.user, PASSWORD).await);

    // Long after what counts as one attempt: the token that was refused is spent by nobody.
    house.app.advance(120);
    let off = there.ask(Method::DELETE, &format!("/actions/{}", rules[1]), None).await;
    assert_eq!(off.status, 200, "{}", off.text);
    let ada = Desk { token: house.app.session(&door, ada.user).await.access, ..ada };
    assert_eq!(ada.ask(Method::DELETE, &format!("/actions/{}", rules[0]), None).await.status, 200);
    let next = house.app.refresh(&door, &refresh).await;
    assert_eq!(next.status, 200, "{}", next.text);
}

fn live_sessions(house: &House) -> i64 {
    let live = sessions::table.filter(sessions::revoked_at.is_null());
    live.count().get_result(&mut house.app.ground.connect()).unwrap()
}

async fn hook_4_claims_that_are_too_much_are_no_answer(ground: Ground) {
    let (house, sink) = (start(ground).await, Sink::start().await);
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let action = ada.makes(asks(&ada, &sink, json!(["department", "more"])).await).await;
    let long = format!(r#"{{"allow":true,"claims":{{"department":"{}"}}}}"#, "x".repeat(1100));
    let long: &'static str = Box::leak(long.into_boxed_str());

    for answer in [
        long,
        r#"{"allow":true,"claims":{"department":{"deep":1}}}"#,
        r#"{"allow":true,"claims":{"department":[[1]]}}"#,
        r#"{"allow":true,"claims":[1]}"#,
        r#"{"allow":true,"claims":{},"claims":{"department":"x"}}"#,
    ] {
        sink.behave(&[Manner::Answer(answer)]);
        let came = login(&house, &door, "ada@a.example").await;
        assert_eq!(told(&came), (503, "actions.unanswered"), "{answer}: {}", came.text);
    }
    sink.behave(&[Manner::Answer(r#"{"allow":true,"claims":{"department":"toys","more":null}}"#)]);
    let came = login(&house, &door, "ada@a.example").await;
    assert_eq!(inside(came.says("accessToken"))["ext"], json!({ "department": "toys" }));
    let runs = ada.runs(&action).await;
    assert!(runs.len() == 5 && runs.iter().all(|run| run["state"] == "failed"), "{runs:?}");
}
