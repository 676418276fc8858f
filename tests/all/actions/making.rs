//! Actions are made, changed and taken away; what is wrong with one is said when it is written.

use std::collections::BTreeSet;
use std::time::Instant;

use doorward::triggers::catalogue;
use reqwest::Method;
use serde_json::{Value, json};

use super::kit::{PATCHED, echo};
use crate::ground::app::App;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    an_action_is_made_changed_and_taken_away,
    all_that_is_wrong_with_an_action_is_said_at_once,
    inj_hostile_rules_are_refused_before_they_cost_anything,
    a_tenant_has_an_end_of_actions,
    what_can_happen_and_what_can_be_done_is_listed_with_its_schemas,
);

async fn an_action_is_made_changed_and_taken_away(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    let made = ada.send("/actions", echo(PATCHED, "x.heard")).await;
    let at = format!("/actions/{}", made.says("id"));
    let twin = ada.send("/actions", echo(PATCHED, "x.heard")).await;
    let patched =
        ada.patch(&at, json!({ "name": "Echo", "conditions": { "==": [1, 1] }, "isEnabled": false })).await;
    let emptied = ada.patch(&at, json!({ "conditions": null })).await;
    let other = ada.makes(echo(PATCHED, "x.heard")).await;
    let taken = ada.patch(&format!("/actions/{other}"), json!({ "name": "Echo" })).await;
    let found = ada.look("/actions?isEnabled=false&$select[]=name").await;
    let removed = ada.ask(Method::DELETE, &at, None).await;

    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!((&made.json["maxAttempts"], &made.json["isEnabled"]), (&json!(10), &json!(true)));
    assert_eq!(told(&twin), (409, "actions.duplicateName"));
    assert_eq!(
        (&patched.json["name"], &patched.json["conditions"]),
        (&json!("Echo"), &json!({ "==": [1, 1] }))
    );
    assert_eq!(emptied.json["conditions"], Value::Null, "{}", emptied.text);
    assert_eq!(told(&taken), (409, "actions.duplicateName"));
    assert_eq!(found.json["data"].as_array().unwrap().len(), 1, "{}", found.text);
    assert_eq!(removed.json["name"], "Echo");
    assert_eq!(ada.look(&at).await.status, 404);
    let audited = ada
        .look("/audit?action[$in][]=actions.create&action[$in][]=actions.change&action[$in][]=actions.remove")
        .await;
    assert_eq!(audited.json["data"].as_array().unwrap().len(), 5, "{}", audited.text);
}

async fn all_that_is_wrong_with_an_action_is_said_at_once(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let wrong = json!({
        "name": " ", "listens": ["doorward.usr.post.patch"], "conditions": { "evil": 1 }, "handler": "assignRole",
        "configuration": { "roel": "guest" }, "throwsOnSuccess": ["doorward.user.post.create"], "priority": 5000,
    });

    let refused = ada.send("/actions", wrong).await;
    let action = ada.makes(echo(PATCHED, "x.heard")).await;
    let bent = ada.patch(&format!("/actions/{action}"), json!({ "listens": ["x.*"] })).await;

    assert_eq!(told(&refused), (422, "validator.error"));
    let paths: BTreeSet<&str> =
        refused.json["errors"].as_object().unwrap().keys().map(String::as_str).collect();
    let all =
        ["$.name", "$.listens[0]", "$.conditions", "$.configuration", "$.throwsOnSuccess", "$.priority"];
    assert_eq!(paths, BTreeSet::from(all), "{}", refused.text);
    assert_eq!(told(&bent), (422, "validator.error"), "it would hear itself");
}

async fn inj_hostile_rules_are_refused_before_they_cost_anything(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let mut deep = json!(1);
    for _ in 0..60 {
        deep = json!({ "!": [deep] });
    }
    let wide = json!({ "or": vec![1; 20_000] });
    let doubling = json!({ "reduce": [[1, 2, 3], { "cat": [{ "var": "accumulator" }, { "var": "accumulator" }] }, "x"] });
    let own = json!({ "__proto__": [1] });

    for rule in [deep, wide, doubling, own] {
        let mut action = echo(PATCHED, "x.heard");
        action["conditions"] = rule;
        let began = Instant::now();
        let refused = ada.send("/actions", action).await;
        println!("refused after {:?}", began.elapsed());
        assert!([400, 413, 422].contains(&refused.status.as_u16()), "{}", refused.text);
    }
    assert_eq!(ada.look("/actions?$limit=1").await.json["total"], 0);
}

async fn a_tenant_has_an_end_of_actions(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    for number in 0..100 {
        ada.makes(echo(PATCHED, &format!("x.n{number}"))).await;
    }

    assert_eq!(told(&ada.send("/actions", echo(PATCHED, "x.more")).await), (409, "actions.tooMany"));
}

async fn what_can_happen_and_what_can_be_done_is_listed_with_its_schemas(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    let triggers = ada.look("/triggers").await;
    let handlers = ada.look("/action-handlers").await;

    let triggers = triggers.json["triggers"].as_array().unwrap().clone();
    assert_eq!(triggers.len(), catalogue::ALL.len() + catalogue::BEFORE.len());
    assert!(
        triggers.iter().all(|trigger| trigger["schema"]["properties"]["event"]["const"] == trigger["name"])
    );
    let handlers = handlers.json["handlers"].as_array().unwrap().clone();
    let assign = handlers.iter().find(|handler| handler["name"] == "assignRole").unwrap();
    assert_eq!(assign["needs"], "auth:permission:manage");
    assert!(assign["schema"]["properties"]["role"].is_object(), "{assign}");
}
