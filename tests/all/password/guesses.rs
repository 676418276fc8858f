//! Guesses: counted for all nodes, refused alike, and no way to lock anybody out.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use diesel::prelude::*;
use doorward::base::PlainToken;
use doorward::db::Above;
use doorward::db::schema::{audit_records, one_time_proofs};
use doorward::guesses::entity::{self, Tried};
use doorward::guesses::{Counter, delay};
use futures_util::future::join_all;
use serde_json::json;

use super::kit::{ADA, LOGIN, OTHER, RIGHT, plain, quiet, start};
use crate::ground::app::{App, Door, Reply};
use crate::ground::{Ground, on_both};

on_both!(
    bf_1_a_hundred_wrong_guesses_over_all_paths_close_the_account,
    bf_2_the_right_password_is_refused_like_a_wrong_one_while_blocked,
    bf_2_a_block_passes_and_success_clears_it,
    bf_3_a_known_device_gets_in_while_a_stranger_is_blocked,
    bf_3_a_device_of_another_person_buys_nothing,
    bf_4_who_is_disabled_between_the_halves_of_a_login_gets_nothing,
    bf_5_spraying_is_throttled_by_address_and_elsewhere_is_unaffected,
    bf_5_spraying_from_many_addresses_is_throttled_by_tenant,
    bf_6_fifty_parallel_wrong_codes_spend_five,
    bf_6_fifty_parallel_wrong_passwords_spend_five,
    bf_7_counters_are_shared_by_nodes_and_outlive_them,
    bf_7_a_guess_of_a_node_whose_clock_is_behind_finds_open_what_is_open,
    bf_8_only_a_trusted_proxy_says_where_a_guess_came_from,
    each_refused_guess_is_told_once,
    a_guess_that_a_limit_refused_is_told_once_with_the_limit,
);

async fn bf_1_a_hundred_wrong_guesses_over_all_paths_close_the_account(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let device = app.login(&door, ADA, RIGHT).await.says("knownDevice").to_owned();
    for _ in 0..60 {
        app.login(&door, ADA, OTHER).await;
        app.advance(1000);
    }
    for _ in 0..60 {
        let known = json!({ "email": ADA, "password": RIGHT, "knownDevice": device });
        let session = app.post(&door, LOGIN, known).await;
        let change = json!({ "currentPassword": OTHER, "password": "eleven otters juggle marbles" });
        let path = "/auth/password-based/update-password";
        app.post_as(&door, session.says("accessToken"), path, change).await;
        app.advance(1000);
    }

    app.advance(7 * 24 * 3600);

    assert_eq!(app.most_failures(), 100);
    assert_eq!(app.login(&door, ADA, RIGHT).await.status, 401);
}

async fn bf_2_the_right_password_is_refused_like_a_wrong_one_while_blocked(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    let wrong = app.login(&door, ADA, OTHER).await;

    app.block(&door, ADA).await;

    assert_eq!(plain(&app.login(&door, ADA, RIGHT).await), plain(&wrong));
}

async fn bf_2_a_block_passes_and_success_clears_it(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    app.block(&door, ADA).await;

    app.advance(6);
    let right = app.login(&door, ADA, RIGHT).await;

    assert_eq!((right.status.as_u16(), app.most_failures()), (200, 0));
    assert_eq!(app.login(&door, ADA, OTHER).await.status, 401);
    assert_eq!(app.login(&door, ADA, RIGHT).await.status, 200);
}

async fn bf_3_a_known_device_gets_in_while_a_stranger_is_blocked(ground: Ground) {
    let app = start(ground).await;
    let (door, browser) = (app.native("a").await, app.browser("a").await);
    app.resident(&door, ADA).await;
    let device = app.login(&door, ADA, RIGHT).await.says("knownDevice").to_owned();
    let cookie = app.login(&browser, ADA, RIGHT).await.cookie("__Host-dwd-a-web").unwrap();
    for _ in 0..200 {
        app.login(&door, ADA, OTHER).await;
    }

    let body = json!({ "email": ADA, "password": RIGHT, "knownDevice": device });
    let phone = app.post(&door, LOGIN, body).await;
    let request = app.request(&browser, reqwest::Method::POST, LOGIN);
    let request = request.header("cookie", format!("__Host-dwd-a-web={cookie}"));
    let page = Reply::of(request.json(&json!({ "email": ADA, "password": RIGHT }))).await;

    assert_eq!((phone.status.as_u16(), page.status.as_u16()), (200, 200));
    assert_eq!(app.login(&door, ADA, RIGHT).await.status, 401);
}

async fn bf_3_a_device_of_another_person_buys_nothing(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    app.resident(&door, "eve@example.com").await;
    let eves = app.login(&door, "eve@example.com", RIGHT).await.says("knownDevice").to_owned();
    app.block(&door, ADA).await;

    let body = json!({ "email": ADA, "password": RIGHT, "knownDevice": eves });

    assert_eq!(app.post(&door, LOGIN, body).await.status, 401);
}

async fn bf_4_who_is_disabled_between_the_halves_of_a_login_gets_nothing(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let ada = app.resident(&door, ADA).await;
    let session = app.login(&door, ADA, RIGHT).await;
    app.demand_code(ada);
    let pending = app.login(&door, ADA, RIGHT).await;

    app.disable(ada);

    let code = json!({ "otp": app.code(), "requestId": pending.json["session"]["requestId"] });
    let path = "/auth/password-based/verify-otp";
    assert_eq!(app.post_as(&door, pending.says("accessToken"), path, code).await.status, 401);
    app.advance(11);
    let refresh = json!({ "refreshToken": session.says("refreshToken") });
    assert_eq!(app.post(&door, "/auth/refresh-tokens", refresh).await.status, 401);
}

async fn bf_5_spraying_is_throttled_by_address_and_elsewhere_is_unaffected(ground: Ground) {
    let mut usual = quiet(&ground);
    usual.limits.guesses_per_address_per_minute = 60.try_into().unwrap();
    let app = App::with(ground, usual).await;
    let (door, other) = (app.native("a").await, app.native("b").await);
    app.resident(&other, ADA).await;

    let mut statuses = Vec::new();
    for number in 0..65 {
        statuses.push(app.login(&door, &format!("user{number}@example.com"), RIGHT).await.status.as_u16());
    }

    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 60);
    assert!(statuses[60..].iter().all(|status| *status == 429));
    assert_eq!(app.login(&other, ADA, RIGHT).await.status, 200);
}

async fn bf_5_spraying_from_many_addresses_is_throttled_by_tenant(ground: Ground) {
    let mut usual = quiet(&ground);
    usual.limits.guesses_per_tenant_per_minute = 20.try_into().unwrap();
    usual.proxies.trusted = vec!["127.0.0.1/32".parse().unwrap()];
    let app = App::with(ground, usual).await;
    let (door, other) = (app.native("a").await, app.native("b").await);
    let spray = async |door: &Door, number: u8| {
        let request = app.request(door, reqwest::Method::POST, LOGIN);
        let request = request.header("x-forwarded-for", format!("198.51.{number}.7"));
        let body = json!({ "email": format!("user{number}@example.com"), "password": RIGHT });
        Reply::of(request.json(&body)).await.status.as_u16()
    };

    let mut statuses = Vec::new();
    for number in 0..23 {
        statuses.push(spray(&door, number).await);
    }

    assert!(statuses[..20].iter().all(|status| *status == 401), "{statuses:?}");
    assert_eq!((&statuses[20..], spray(&other, 99).await), (&[429_u16; 3][..], 401));
}

async fn bf_6_fifty_parallel_wrong_codes_spend_five(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let ada = app.resident(&door, ADA).await;
    app.demand_code(ada);
    let pending = app.login(&door, ADA, RIGHT).await;
    let (token, path) = (pending.says("accessToken"), "/auth/password-based/verify-otp");
    let body = |code: &str| json!({ "otp": code, "requestId": pending.json["session"]["requestId"] });
    let right = app.code();
    let wrong = if right == "00000000" { "00000001" } else { "00000000" };

    let all = join_all((0..50).map(|_| app.post_as(&door, token, path, body(wrong)))).await;
    for _ in 0..6 {
        app.post_as(&door, token, path, body(wrong)).await;
    }

    assert!(all.iter().all(|reply| [401, 429].contains(&reply.status.as_u16())));
    let tries =
        one_time_proofs::table.select(one_time_proofs::tries).get_result::<i32>(&mut app.ground.connect());
    assert_eq!((tries, app.most_failures()), (Ok(5), 5));
    assert_eq!(app.post_as(&door, token, path, body(&right)).await.status, 401);
}

async fn bf_6_fifty_parallel_wrong_passwords_spend_five(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;

    let all = join_all((0..50).map(|_| app.login(&door, ADA, OTHER))).await;
    for _ in 0..6 {
        app.login(&door, ADA, OTHER).await;
    }
    let statuses: HashSet<u16> = all.iter().map(|reply| reply.status.as_u16()).collect();

    assert!(statuses.is_subset(&HashSet::from([401, 429, 503])), "{statuses:?}");
    assert_eq!(app.most_failures(), 5);
    assert_eq!(app.login(&door, ADA, RIGHT).await.status, 401);
}

async fn bf_7_counters_are_shared_by_nodes_and_outlive_them(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    for _ in 0..4 {
        app.login(&door, ADA, OTHER).await;
    }

    let fresh = app.beside().await;
    fresh.login(&door, ADA, OTHER).await;
    fresh.login(&door, ADA, OTHER).await;

    assert_eq!(fresh.login(&door, ADA, RIGHT).await.status, 401);
    assert_eq!(app.login(&door, ADA, RIGHT).await.status, 401);
}

async fn bf_8_only_a_trusted_proxy_says_where_a_guess_came_from(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;

    for said in ["a", "", &"9".repeat(10_000), "fe80::1%eth0", "203.0.113.9", "203.0.113.9, 127.0.0.1"] {
        let request = app.request(&door, reqwest::Method::POST, LOGIN).header("x-forwarded-for", said);
        let reply = Reply::of(request.json(&json!({ "email": ADA, "password": OTHER }))).await;
        assert_ne!(reply.status, 200);
    }

    let told = audit_records::table.filter(audit_records::action.eq("password.login"));
    let told: Vec<Option<String>> =
        told.select(audit_records::address).load(&mut app.ground.connect()).unwrap();
    assert!(
        !told.is_empty() && told.iter().all(|address| address.as_deref() == Some("127.0.0.1")),
        "{told:?}"
    );
}

/// More than have records of their own in a minute: those that an event wrote down itself, and those of the gate.
async fn each_refused_guess_is_told_once(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    app.resident(&door, ADA).await;
    for _ in 0..35 {
        app.login(&door, ADA, OTHER).await;
    }
    for number in 0..30 {
        app.login(&door, &format!("user{number}@example.com"), OTHER).await;
    }

    let told = told(&app).await;

    assert_eq!(
        told,
        [("blocked", 30), ("unknown", 30), ("wrongPassword", 5)].map(|(r, n)| (r.to_owned(), n))
    );
}

async fn a_guess_that_a_limit_refused_is_told_once_with_the_limit(ground: Ground) {
    let mut usual = quiet(&ground);
    usual.limits.guesses_per_address_per_minute = 10.try_into().unwrap();
    let app = App::with(ground, usual).await;
    let door = app.native("a").await;
    for number in 0..25 {
        app.login(&door, &format!("user{number}@example.com"), OTHER).await;
    }

    let told = told(&app).await;

    assert_eq!(told, [("address", 15), ("unknown", 10)].map(|(reason, count)| (reason.to_owned(), count)));
}

/// Every refusal of the audit by its reason, once all is written down.
async fn told(app: &App) -> Vec<(String, i64)> {
    let house = &app.running.house;
    house.denials.write_down(&house.db, house.clock.now(), true).await.unwrap();
    let rows = audit_records::table.filter(audit_records::outcome.eq("refused"));
    let rows: Vec<(Option<String>, i64)> =
        rows.select((audit_records::reason, audit_records::count)).load(&mut app.ground.connect()).unwrap();
    let mut sums = BTreeMap::new();
    for (reason, count) in rows {
        *sums.entry(reason.unwrap()).or_default() += count;
    }
    sums.into_iter().collect()
}

/// Also of two logins at once: the one that was asked for first may be counted last.
async fn bf_7_a_guess_of_a_node_whose_clock_is_behind_finds_open_what_is_open(ground: Ground) {
    let app = start(ground).await;
    let counter = Counter { tenant: app.native("a").await.tenant, key: PlainToken::from_text("ada").hash() };
    let house = &app.running.house;
    let (now, earlier) = (house.clock.now(), house.clock.now() - Duration::from_millis(1));

    let guess = |at| {
        let (counters, steps) = ([counter.clone()], delay::steps(at, &house.config.guesses));
        house.db.above(Above::Operator).write(move |conn| entity::count(conn, &counters, at, &steps))
    };
    for at in [now, earlier, now, earlier] {
        let tried = guess(at).await.unwrap();
        assert!(matches!(tried, Tried::Open(_)), "an open counter was closed to one who came earlier");
    }
}
