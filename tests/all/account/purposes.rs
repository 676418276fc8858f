//! Every kind of proof beside every other: each opens its own door, once, and no other.

use diesel::RunQueryDsl;
use serde_json::{Value, json};

use super::{House, NEW, token, wins};
use crate::ground::app::{Door, Reply};
use crate::ground::people::PASSWORD;
use crate::ground::{Ground, on_both};

on_both!(
    rst_4_a_proof_opens_its_own_door_and_none_of_the_others,
    ten_3_a_proof_of_another_tenant_opens_nothing_here_and_is_not_used_up,
    rst_4_a_typed_code_opens_its_own_door_and_none_of_the_others,
    race_2_fifty_at_once_use_a_login_code_up_once,
    race_2_fifty_at_once_use_any_proof_up_once,
    race_2_fifty_at_once_use_a_typed_code_up_once,
);

const KINDS: [&str; 5] = ["verify-email", "reset-password", "confirm-email", "undo-email", "invitation"];

/// One live link of every kind.
async fn one_of_each(house: &House, door: &Door) -> [String; 5] {
    house.sign_up(door, "new@example.com").await;
    let verify = token(&house.mail("new@example.com").await);
    let ada = house.app.person(door, "ada@example.com").await;
    let session = house.app.session(door, ada).await;
    let path = "/auth/password-based/update-email";
    house.app.post_as(door, &session.access, path, json!({ "email": "second@example.com" })).await;
    let first = token(&house.mail("second@example.com").await);
    house.post(door, "confirm-email", json!({ "token": first })).await;
    let undo = token(&house.mail("ada@example.com").await);
    house.app.post_as(door, &session.access, path, json!({ "email": "third@example.com" })).await;
    let confirm = token(&house.mail("third@example.com").await);
    house.app.promote(door, ada).await;
    let admin = house.app.session(door, ada).await;
    let body = json!({ "email": "guest@example.com", "roles": ["admin"] });
    house.app.post_as(door, &admin.access, "/api/v1/auth/invitation", body).await;
    let invitation = token(&house.mail("guest@example.com").await);
    house.app.person(door, "bob@example.com").await;
    house.forgot(door, "bob@example.com").await;
    let reset = token(&house.mail("bob@example.com").await);
    [verify, reset, confirm, undo, invitation]
}

fn path(kind: &str) -> String {
    match kind {
        "invitation" => "/api/v1/auth/invitation/accept".into(),
        kind => format!("/api/v1/auth/password-based/{kind}"),
    }
}

fn body(kind: &str, token: &str) -> Value {
    match kind {
        "verify-email" => json!({ "verifyToken": token }),
        "reset-password" => json!({ "resetToken": token, "password": NEW }),
        "invitation" => json!({ "token": token, "password": NEW, "name": "Guest" }),
        _ => json!({ "token": token }),
    }
}

async fn present(house: &House, door: &Door, kind: &str, token: &str) -> Reply {
    house.app.post(door, &path(kind), body(kind, token)).await
}

async fn rst_4_a_proof_opens_its_own_door_and_none_of_the_others(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let tokens = one_of_each(&house, &door).await;

    for (own, token) in KINDS.iter().zip(&tokens) {
        for other in KINDS.iter().filter(|other| other != &own) {
            let reply = present(&house, &door, other, token).await;
            assert_eq!(reply.status, 401, "a proof of {own} at {other}: {}", reply.text);
        }
    }
    for (own, token) in KINDS.iter().zip(&tokens) {
        let reply = present(&house, &door, own, token).await;
        assert_eq!(reply.status, 200, "a proof of {own}: {}", reply.text);
    }
}

async fn ten_3_a_proof_of_another_tenant_opens_nothing_here_and_is_not_used_up(ground: Ground) {
    let house = House::start(ground).await;
    let (door, other) = (house.app.native("a").await, house.app.native("b").await);
    let tokens = one_of_each(&house, &door).await;

    for (kind, token) in KINDS.iter().zip(&tokens) {
        let foreign = present(&house, &other, kind, token).await;
        assert_eq!(foreign.status, 401, "{kind}: {}", foreign.text);
    }
    for (kind, token) in KINDS.iter().zip(&tokens) {
        assert_eq!(present(&house, &door, kind, token).await.status, 200, "{kind}");
    }
}

/// A code that came to `ada@example.com`, and where it is to be typed.
struct TypedCode {
    kind: &'static str,
    request: String,
    code: String,
    /// A pending login's, for the code of a login.
    access: String,
}

/// One live code of every kind, all at one address.
async fn a_code_of_each(house: &House, door: &Door) -> Vec<TypedCode> {
    let of = |kind, asked: &Reply, code| {
        let request = asked.json["requestId"].as_str().or(asked.json["session"]["requestId"].as_str());
        TypedCode {
            kind,
            request: request.unwrap().to_owned(),
            code,
            access: asked.says("accessToken").to_owned(),
        }
    };
    let email = "ada@example.com";
    let asked = house.sign_up(door, email).await;
    let verify = of("verify-email", &asked, house.mail(email).await.code());
    let eve = house.app.person(door, "eve@example.com").await;
    let session = house.app.session(door, eve).await;
    let body = json!({ "email": email });
    let asked = house.app.post_as(door, &session.access, "/auth/password-based/update-email", body).await;
    let confirm = of("confirm-email", &asked, house.mail(email).await.code());
    let ada = house.app.person(door, email).await;
    let asked = house.forgot(door, email).await;
    let reset = of("reset-password", &asked, house.mail(email).await.code());
    house.app.demand_code(ada);
    let asked = house.post(door, "login", json!({ "email": email, "password": PASSWORD })).await;
    let login = of("verify-otp", &asked, house.mail(email).await.code());
    vec![verify, confirm, reset, login]
}

async fn type_at(house: &House, door: &Door, kind: &str, (typed, access): (&TypedCode, &str)) -> Reply {
    let (request, code) = (&typed.request, &typed.code);
    if kind == "verify-otp" {
        let path = "/api/v1/auth/password-based/verify-otp";
        return house.app.post_as(door, access, path, json!({ "otp": code, "requestId": request })).await;
    }
    let mut body = json!({ "email": "ada@example.com", "requestId": request, "code": code });
    if kind == "reset-password" {
        body["password"] = json!(NEW);
    }
    house.post(door, kind, body).await
}

async fn rst_4_a_typed_code_opens_its_own_door_and_none_of_the_others(ground: Ground) {
    let house = House::allowing(ground, 50).await;
    let door = house.app.native("a").await;
    let codes = a_code_of_each(&house, &door).await;
    let access = &codes[3].access;

    for typed in &codes {
        for other in codes.iter().filter(|other| other.kind != typed.kind) {
            let reply = type_at(&house, &door, other.kind, (typed, access)).await;
            assert_eq!(reply.status, 401, "a code of {} at {}: {}", typed.kind, other.kind, reply.text);
            // What is wrong is counted; here only the purpose is to decide.
            diesel::delete(doorward::db::schema::guess_counters::table)
                .execute(&mut house.app.ground.connect())
                .unwrap();
        }
    }
    for typed in [&codes[3], &codes[2]] {
        let reply = type_at(&house, &door, typed.kind, (typed, access)).await;
        assert_eq!(reply.status, 200, "a code of {}: {}", typed.kind, reply.text);
    }
}

async fn race_2_fifty_at_once_use_a_login_code_up_once(ground: Ground) {
    let house = House::allowing(ground, 50).await;
    let door = house.app.native("a").await;
    let codes = a_code_of_each(&house, &door).await;
    let login = &codes[3];

    let all = (0..50).map(|_| type_at(&house, &door, login.kind, (login, &login.access)));
    let all = futures_util::future::join_all(all).await;

    assert_eq!(all.iter().filter(|reply| reply.status == 200).count(), 1);
}

async fn race_2_fifty_at_once_use_any_proof_up_once(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let tokens = one_of_each(&house, &door).await;

    for (kind, token) in KINDS.iter().zip(&tokens) {
        let statuses = house.fifty(&door, &path(kind), |_| body(kind, token)).await;
        assert_eq!(wins(&statuses), 1, "{kind}: {statuses:?}");
    }
}

async fn race_2_fifty_at_once_use_a_typed_code_up_once(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "ada@example.com").await;
    let asked = house.forgot(&door, "ada@example.com").await;
    let code = house.mail("ada@example.com").await.code();
    let id = asked.says("requestId");

    let statuses = house
        .fifty(
            &door,
            &path("reset-password"),
            |_| json!({ "email": "ada@example.com", "requestId": id, "code": code, "password": NEW }),
        )
        .await;

    assert_eq!(wins(&statuses), 1, "{statuses:?}");
}
