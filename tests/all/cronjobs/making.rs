//! Cron jobs are made, changed and taken away, by whom the tenant lets.

use reqwest::Method;
use serde_json::{Value, json};

use crate::ground::app::App;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    a_cron_job_is_made_looked_at_changed_and_taken_away,
    what_is_wrong_with_it_is_told_at_once,
    ten_1_a_cron_job_of_another_tenant_is_none,
    priv_1_whoever_may_not_manage_them_makes_none,
    of_fifty_of_one_name_one_is_made,
    a_tenant_has_a_hundred_at_most,
);

pub fn nightly() -> Value {
    json!({ "name": "Nightly", "expression": "30 2 * * *", "timezone": "Europe/Amsterdam", "trigger": "x.nightly" })
}

async fn a_cron_job_is_made_looked_at_changed_and_taken_away(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    let made = ada.send("/cronjobs", nightly()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!((made.says("nextAt"), &made.json["isEnabled"]), ("2026-11-23T01:30:00Z", &json!(true)));
    let one = format!("/cronjobs/{}", made.says("id"));
    let upcoming = ada.look(&format!("{one}/upcoming")).await;
    assert_eq!(upcoming.json["times"][1], "2026-11-24T02:30:00+01:00", "{}", upcoming.text);
    assert_eq!(upcoming.json["times"].as_array().unwrap().len(), 20);
    let changed = ada.patch(&one, json!({ "timezone": "Asia/Kolkata", "missed": "skip" })).await;
    assert_eq!((changed.says("nextAt"), changed.says("missed")), ("2026-11-22T21:00:00Z", "skip"));
    let off = ada.patch(&one, json!({ "isEnabled": false })).await;
    assert_eq!(off.json["isEnabled"], false, "{}", off.text);
    let found = ada.look("/cronjobs?trigger=x.nightly&$sort[nextAt]=-1").await;
    assert_eq!(found.json["total"], 1, "{}", found.text);
    assert_eq!(ada.ask(Method::DELETE, &one, None).await.status, 200);
    assert_eq!(ada.look(&one).await.status, 404);
    let audited = ada.look(&format!("/audit?targetId={}", made.says("id"))).await;
    let actions: Vec<&str> = audited.json["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["cronjobs.remove", "cronjobs.change", "cronjobs.change", "cronjobs.create"]);
}

async fn what_is_wrong_with_it_is_told_at_once(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let made = ada.send("/cronjobs", nightly()).await;
    let one = format!("/cronjobs/{}", made.says("id"));

    for (member, value, key) in [
        ("expression", json!("* * * * * *"), "validator.pattern"),
        ("expression", json!("61 * * * *"), "validator.pattern"),
        ("expression", json!("0 0 30 2 *"), "validator.never"),
        ("timezone", json!("Mars/Olympus"), "validator.oneOf"),
        ("trigger", json!("doorward.user.post.create"), "validator.pattern"),
        ("data", json!({ "long": "x".repeat(5000) }), "validator.length"),
        ("name", json!(""), "validator.length"),
    ] {
        let mut wrong = nightly();
        wrong[member] = value.clone();
        for refused in [ada.send("/cronjobs", wrong).await, ada.patch(&one, json!({ member: value })).await] {
            assert_eq!(told(&refused), (422, "validator.error"), "{member}: {}", refused.text);
            assert_eq!(refused.json["errors"][format!("$.{member}")]["key"], key, "{}", refused.text);
        }
    }
    let all = json!({ "name": "", "expression": "", "timezone": "", "trigger": "y" });
    let refused = ada.send("/cronjobs", all).await;
    assert_eq!(refused.json["errors"].as_object().unwrap().len(), 3, "{}", refused.text);
    assert_eq!(ada.look(&one).await.json["updatedAt"], made.json["updatedAt"]);
}

async fn ten_1_a_cron_job_of_another_tenant_is_none(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let (ada, eve) =
        (Desk::admin(&app, &a, "ada@a.example").await, Desk::admin(&app, &b, "eve@b.example").await);
    let one = format!("/cronjobs/{}", ada.send("/cronjobs", nightly()).await.says("id"));

    assert_eq!(eve.look("/cronjobs").await.json["total"], 0);
    for refused in [
        eve.look(&one).await,
        eve.look(&format!("{one}/upcoming")).await,
        eve.patch(&one, json!({ "name": "Mine" })).await,
        eve.send(&format!("{one}/run"), json!({})).await,
        eve.ask(Method::DELETE, &one, None).await,
    ] {
        assert_eq!(refused.status, 404, "{}", refused.text);
    }
    assert_eq!(eve.send("/cronjobs", nightly()).await.status, 201, "a name is a tenant's own");
    assert_eq!(ada.look(&one).await.says("name"), "Nightly");
}

async fn priv_1_whoever_may_not_manage_them_makes_none(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::clerk(&app, &door, "bob@a.example", &["tenant:action:manage"]).await;
    let one = format!("/cronjobs/{}", ada.send("/cronjobs", nightly()).await.says("id"));

    for refused in [
        bob.look("/cronjobs").await,
        bob.send("/cronjobs", nightly()).await,
        bob.patch(&one, json!({ "name": "Mine" })).await,
        bob.send(&format!("{one}/run"), json!({})).await,
        bob.ask(Method::DELETE, &one, None).await,
    ] {
        assert_eq!(refused.status, 403, "{}", refused.text);
    }
    app.give_permission(&door, bob.user, "tenant:cronjob:manage").await;
    let bob = Desk { token: app.session(&door, bob.user).await.access, ..bob };
    assert_eq!(bob.patch(&one, json!({ "name": "Mine" })).await.status, 200);
}

async fn of_fifty_of_one_name_one_is_made(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    let all = futures_util::future::join_all((0..50).map(|_| ada.send("/cronjobs", nightly()))).await;

    let made = all.iter().filter(|reply| reply.status == 201).count();
    let refused = all.iter().filter(|reply| told(reply) == (409, "cronjobs.duplicateName")).count();
    assert_eq!((made, refused), (1, 49));
}

async fn a_tenant_has_a_hundred_at_most(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let named = |number: usize| {
        let mut job = nightly();
        job["name"] = json!(format!("{number}"));
        job
    };
    for number in 0..99 {
        assert_eq!(ada.send("/cronjobs", named(number)).await.status, 201);
    }

    let all =
        futures_util::future::join_all((99..109).map(|number| ada.send("/cronjobs", named(number)))).await;

    assert_eq!(all.iter().filter(|reply| reply.status == 201).count(), 1);
    assert_eq!(all.iter().filter(|reply| told(reply) == (409, "cronjobs.tooMany")).count(), 9);
}
