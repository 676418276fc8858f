//! Webhooks are made, changed and taken away.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::actions::kit::PATCHED;
use crate::ground::app::App;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    a_webhook_is_made_changed_and_taken_away,
    race_a_tenant_has_an_end_of_webhooks,
    race_of_a_changed_webhook_and_its_turned_secret_both_stay,
);

const URL: &str = "https://hooks.example.com/door";

async fn a_webhook_is_made_changed_and_taken_away(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    let made = ada.send("/webhooks", json!({ "url": URL, "listens": [PATCHED] })).await;
    let at = format!("/webhooks/{}", made.says("id"));
    let moved = ada.patch(&at, json!({ "url": format!("{URL}/2"), "description": "Ours" })).await;
    let wrong = ada.patch(&at, json!({ "listens": ["doorward.never"], "url": "ftp://example.com" })).await;
    let secret = ada.look(&format!("{at}/secret")).await;
    let removed = ada.ask(Method::DELETE, &at, None).await;

    assert_eq!(made.status, 201, "{}", made.text);
    assert!(!made.text.contains("secret"), "{}", made.text);
    assert_eq!((moved.says("url"), moved.says("description")), ("https://hooks.example.com/door/2", "Ours"));
    assert_eq!(told(&wrong), (422, "validator.error"));
    assert_eq!(wrong.json["errors"].as_object().unwrap().len(), 2, "{}", wrong.text);
    assert!(secret.says("secret").starts_with("whsec_"), "{}", secret.text);
    assert_eq!(removed.status, 200);
    // What is shown is what is called, however it was written.
    let odd = ada
        .send("/webhooks", json!({ "url": "https:\\\\Hooks.Example.com\\a\tb", "listens": [PATCHED] }))
        .await;
    assert_eq!(odd.says("url"), "https://hooks.example.com/ab", "{}", odd.text);
    assert_eq!(ada.look(&at).await.status, 404);
    let changed = ada.look("/audit?action=webhooks.change").await;
    assert_eq!(changed.json["data"][0]["data"]["origin"], "https://hooks.example.com", "{}", changed.text);
    let audited = ada.look("/audit?action=webhooks.show_secret").await;
    assert_eq!(audited.json["data"].as_array().unwrap().len(), 1, "{}", audited.text);
}

async fn race_a_tenant_has_an_end_of_webhooks(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    // Changes of one person queue anyway.
    let mut desks = Vec::new();
    for number in 0..6 {
        desks.push(Desk::admin(&app, &door, &format!("p{number}@a.example")).await);
    }

    let webhook = json!({ "url": URL, "listens": [PATCHED] });
    let all = (0..60).map(|number| desks[number % 6].send("/webhooks", webhook.clone()));
    let (made, refused): (Vec<_>, Vec<_>) =
        join_all(all).await.into_iter().partition(|answer| answer.status == 201);

    assert_eq!((made.len(), refused.len()), (50, 10));
    assert!(refused.iter().all(|answer| told(answer) == (409, "webhooks.tooMany")));
}

async fn race_of_a_changed_webhook_and_its_turned_secret_both_stay(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::admin(&app, &door, "bob@a.example").await;
    let made = ada.send("/webhooks", json!({ "url": URL, "listens": [PATCHED] })).await;
    let at = format!("/webhooks/{}", made.says("id"));
    let turn = format!("{at}/rotate-secret");

    for number in 0..10 {
        let description = format!("Number {number}");
        let changes = (0..10).map(|_| bob.patch(&at, json!({ "description": description })));
        let (turned, changed) = tokio::join!(ada.send(&turn, json!({})), join_all(changes));

        assert!(turned.status == 200 && changed.iter().all(|answer| answer.status == 200), "{}", turned.text);
        assert_eq!(ada.look(&format!("{at}/secret")).await.says("secret"), turned.says("secret"));
        assert_eq!(ada.look(&at).await.says("description"), description);
    }
}
