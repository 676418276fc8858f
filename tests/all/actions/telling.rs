//! Actions that tell others: a webhook, a chat, and later themselves.

use reqwest::Method;
use serde_json::{Value, json};

use super::kit::{PATCHED, echo};
use crate::ground::sink::Sink;
use crate::ground::work::until;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};
use crate::webhooks::sending::start;

on_both!(
    a_webhook_that_listens_to_nothing_is_told_by_an_action_and_once,
    a_chat_is_told_words_in_which_nobodys_name_does_anything,
    a_trigger_that_waits_is_thrown_once_it_is_due_and_its_chain_goes_on,
    a_trigger_that_waits_is_not_thrown_for_an_action_that_is_gone,
    ten_1_nobody_tells_by_another_tenants_webhook,
);

async fn silent(desk: &Desk<'_>, sink: &Sink) -> String {
    let made = desk.send("/webhooks", json!({ "url": sink.url(), "listens": [] })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.says("id").to_owned()
}

fn telling(name: &str, configuration: Value) -> Value {
    let handler = if configuration["text"].is_null() { "webhook" } else { "chat" };
    json!({ "name": name, "listens": [PATCHED], "handler": handler, "configuration": configuration })
}

async fn a_webhook_that_listens_to_nothing_is_told_by_an_action_and_once(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let webhook = silent(&ada, &sink).await;
    let first = ada.makes(telling("one", json!({ "webhook": webhook }))).await;
    let second = ada.makes(telling("two", json!({ "webhook": webhook }))).await;

    ada.rename(ada.user, "Augusta").await;

    let [first, second] = [ada.ended(&first, 1).await, ada.ended(&second, 1).await];
    let mut sent = [&first[0]["detail"], &second[0]["detail"]].map(Value::to_string);
    sent.sort();
    assert_eq!(sent, [r#"{"sent":false}"#, r#"{"sent":true}"#], "an event reaches a webhook once");
    ada.delivered(&webhook, "done").await;
    let message = sink.kept().remove(0);
    assert_eq!(message.header("content-type"), "application/cloudevents+json; charset=utf-8");
    assert_eq!(message.json()["id"], first[0]["event"]);
    assert_eq!(message.json()["data"]["user"]["name"], "Augusta");
    assert_eq!(sink.kept().len(), 1);
}

async fn a_chat_is_told_words_in_which_nobodys_name_does_anything(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let webhook = silent(&ada, &sink).await;
    let text = "{{user.name}} ({{user.email}}) of {{tenant.name}} was renamed.";
    let action = ada.makes(telling("chat", json!({ "webhook": webhook, "text": text }))).await;

    ada.rename(ada.user, "<!channel> [bank](https://evil.example)").await;

    ada.ended(&action, 1).await;
    let delivery = ada.delivered(&webhook, "done").await;
    assert_eq!(delivery["text"], text, "what is kept holds nobody's name");
    let message = sink.kept().remove(0);
    assert_eq!(message.header("content-type"), "application/json; charset=utf-8");
    let said = "‹!channel› [bank] (https://evil.example) (ada@a.example) of a was renamed.";
    assert_eq!(message.json(), json!({ "text": said }));
}

/// What throws `x.later` after a day.
fn later() -> Value {
    json!({ "name": "later", "listens": [PATCHED], "handler": "throwLater",
        "configuration": { "after": 86_400, "trigger": "x.later", "data": { "why": "a day went by" } } })
}

async fn a_trigger_that_waits_is_thrown_once_it_is_due_and_its_chain_goes_on(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let mut ada = Desk::admin(&app, &door, "ada@a.example").await;
    let (waits, hears) = (ada.makes(later()).await, ada.makes(echo("x.later", "x.heard")).await);

    ada.rename(ada.user, "Augusta").await;
    let first = ada.ended(&waits, 1).await.remove(0);
    assert_eq!(first["detail"]["throws"], "x.later");
    ada.waits(86_000).await;
    assert_eq!(ada.runs(&hears).await.len(), 0, "not yet");
    ada.waits(401).await;

    let second = ada.ended(&hears, 1).await.remove(0);
    assert_eq!((&second["chain"], &second["depth"]), (&first["chain"], &json!(1)));
    assert_eq!(second["envelope"]["data"]["why"], "a day went by");
    assert_eq!(second["envelope"]["subject"], json!({ "kind": "user", "id": ada.user }));
}

async fn a_trigger_that_waits_is_not_thrown_for_an_action_that_is_gone(ground: Ground) {
    let app = start(ground).await;
    let door = app.native("a").await;
    let mut ada = Desk::admin(&app, &door, "ada@a.example").await;
    let (waits, hears) = (ada.makes(later()).await, ada.makes(echo("x.later", "x.heard")).await);
    let mut other = later();
    other["name"] = json!("another");
    let other = ada.makes(other).await;
    ada.rename(ada.user, "Augusta").await;
    ada.ended(&waits, 1).await;
    ada.ended(&other, 1).await;

    let gone = ada.ask(Method::DELETE, &format!("/actions/{waits}"), None).await;
    assert_eq!(gone.status, 200, "{}", gone.text);
    let off = ada.patch(&format!("/actions/{other}"), json!({ "isEnabled": false })).await;
    assert_eq!(off.status, 200, "{}", off.text);
    ada.waits(86_401).await;

    until("their jobs are over", async || {
        let jobs = ada.look("/jobs?name=actions.throw&state=done").await;
        jobs.json["data"].as_array().unwrap().len() == 2
    })
    .await;
    assert_eq!(ada.runs(&hears).await.len(), 0);
}

async fn ten_1_nobody_tells_by_another_tenants_webhook(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let (door, other) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let eve = Desk::admin(&app, &other, "eve@b.example").await;
    let theirs = silent(&ada, &sink).await;

    for configuration in [json!({ "webhook": theirs }), json!({ "webhook": theirs, "text": "Hello." })] {
        let refused = eve.send("/actions", telling("telling", configuration)).await;
        assert_eq!(told(&refused), (422, "validator.error"), "{}", refused.text);
        assert!(refused.text.contains("$.configuration.webhook"), "{}", refused.text);
    }
}
