//! Inbound webhooks are made, changed and taken away, by whom the tenant lets.

use reqwest::Method;
use serde_json::{Value, json};

use crate::ground::app::App;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    one_is_made_looked_at_changed_and_taken_away,
    what_is_wrong_with_it_is_told_at_once,
    priv_1_whoever_may_not_manage_webhooks_makes_none,
    of_fifty_of_one_name_one_is_made,
    a_tenant_has_fifty_at_most,
);

const AT: &str = "/inbound-webhooks";

async fn one_is_made_looked_at_changed_and_taken_away(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    let made = ada.send(AT, json!({ "name": "Shop", "trigger": "x.paid" })).await;
    assert_eq!((made.status.as_u16(), made.says("scheme")), (201, "standardWebhooks"), "{}", made.text);
    let id = made.says("id").to_owned();
    assert_eq!(made.says("path"), format!("/api/v1/hooks/{}/{id}", door.tenant));
    let one = format!("{AT}/{id}");
    let secret = ada.look(&format!("{one}/secret")).await.says("secret").to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let changed = ada.patch(&one, json!({ "description": "Of the shop." })).await;
    assert_eq!(changed.says("description"), "Of the shop.");
    assert_eq!(ada.look(&format!("{one}/secret")).await.says("secret"), secret, "what is absent stays");
    let theirs = "our own secret, 2026";
    assert_eq!(ada.patch(&one, json!({ "scheme": "gitHub", "secret": theirs })).await.status, 200);
    assert_eq!(ada.look(&format!("{one}/secret")).await.says("secret"), theirs);
    let found = ada.look(&format!("{AT}?trigger=x.paid")).await;
    assert_eq!(found.json["total"], 1, "{}", found.text);
    assert!(!found.text.contains(theirs), "{}", found.text);
    assert_eq!(ada.ask(Method::DELETE, &one, None).await.status, 200);
    assert_eq!(ada.look(&one).await.status, 404);
    let audited = ada.look(&format!("/audit?targetId={id}")).await;
    let records = audited.json["data"].as_array().unwrap();
    let actions: Vec<&str> = records.iter().map(|record| record["action"].as_str().unwrap()).collect();
    let (show, change) = ("inbound.show_secret", "inbound.change");
    assert_eq!(actions, ["inbound.remove", show, change, show, change, show, "inbound.create"]);
    assert!(!audited.text.contains(theirs) && !audited.text.contains(&secret), "{}", audited.text);
}

async fn what_is_wrong_with_it_is_told_at_once(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let made = ada.send(AT, json!({ "name": "Shop", "trigger": "x.paid" })).await;
    let one = format!("{AT}/{}", made.says("id"));

    for (member, value) in [
        ("name", json!("")),
        ("name", json!(" two\nlines")),
        ("description", json!("x".repeat(501))),
        ("trigger", json!("doorward.user.post.create")),
        ("secret", json!("whsec_dG9vIHNob3J0")),
        ("secret", json!("a secret of many words, and no base64")),
        ("scheme", json!("md5")),
    ] {
        let mut new = json!({ "name": "Other", "trigger": "x.paid" });
        new[member] = value.clone();
        for reply in [ada.send(AT, new).await, ada.patch(&one, json!({ member: value })).await] {
            assert_eq!(reply.status, 422, "{member} {}", reply.text);
            assert!(reply.json["errors"][format!("$.{member}")].is_object(), "{member} {}", reply.text);
        }
    }
    let changed = ada.patch(&one, json!({ "scheme": "stripe" })).await;
    assert_eq!(changed.status, 200, "a secret that is made serves each scheme: {}", changed.text);
    let other = ada.send(AT, json!({ "name": "Other", "trigger": "x.paid" })).await;
    let same = ada.patch(&format!("{AT}/{}", other.says("id")), json!({ "name": "Shop" })).await;
    assert_eq!(told(&same), (409, "inbound.duplicateName"));
}

async fn priv_1_whoever_may_not_manage_webhooks_makes_none(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let clerk = Desk::clerk(&app, &door, "bob@a.example", &["tenant:cronjob:manage"]).await;
    let made = ada.send(AT, json!({ "name": "Shop", "trigger": "x.paid" })).await;
    let one = format!("{AT}/{}", made.says("id"));

    for (method, path, body) in [
        (Method::POST, AT.to_owned(), Some(json!({ "name": "Mine", "trigger": "x.paid" }))),
        (Method::PATCH, one.clone(), Some(json!({ "secret": "whsec_bXkgb3duLCBhbmQgbm9ib2R5IGVsc2Un" }))),
        (Method::DELETE, one.clone(), None::<Value>),
        (Method::GET, format!("{one}/secret"), None),
        (Method::GET, AT.to_owned(), None),
    ] {
        let refused = clerk.ask(method.clone(), &path, body).await;
        assert_eq!(refused.status, 403, "{method} {path} {}", refused.text);
    }
}

async fn of_fifty_of_one_name_one_is_made(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    let all = (0..50).map(|_| ada.send(AT, json!({ "name": "Shop", "trigger": "x.paid" })));
    let all = futures_util::future::join_all(all).await;

    assert_eq!(all.iter().filter(|reply| reply.status == 201).count(), 1);
    assert!(all.iter().all(|reply| reply.status == 201 || told(reply) == (409, "inbound.duplicateName")));
}

async fn a_tenant_has_fifty_at_most(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    for number in 0..45 {
        let made = ada.send(AT, json!({ "name": number.to_string(), "trigger": "x.paid" })).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }

    let more =
        (45..65).map(|number| ada.send(AT, json!({ "name": number.to_string(), "trigger": "x.paid" })));
    let more = futures_util::future::join_all(more).await;

    assert_eq!(more.iter().filter(|reply| reply.status == 201).count(), 5);
    assert_eq!(more.iter().filter(|reply| told(reply) == (409, "inbound.tooMany")).count(), 15);
}
