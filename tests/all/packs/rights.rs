//! A pack is no way to a right, nor around those who are asked.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{names, wanted, welcome};
use crate::ground::app::{App, config};
use crate::ground::sink::{Manner, Sink};
use crate::ground::work::until;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};
use crate::telling::audit::written;

on_both!(
    priv_1_a_pack_gives_nothing_that_its_installer_does_not_hold,
    hook_4_a_pack_is_no_way_around_those_who_are_asked_of_its_parts,
    ten_1_a_pack_touches_its_own_tenant_alone,
    race_4_what_is_changed_while_somebody_is_asked_is_looked_at_again,
);

const ALL: [&str; 6] = [
    "tenant:pack:manage",
    "auth:permission:manage",
    "tenant:action:manage",
    "tenant:cronjob:manage",
    "auth:user:list",
    "auth:user:manage",
];

async fn priv_1_a_pack_gives_nothing_that_its_installer_does_not_hold(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let empty = names(&ada).await["packs"].clone();
    let without = |missing: &str| ALL.into_iter().filter(|held| *held != missing).collect::<Vec<_>>();

    for (missing, refusal) in [
        ("tenant:pack:manage", (403, "auth.requireUser.missingPermissions")),
        ("auth:permission:manage", (403, "packs.mayNot")),
        ("tenant:action:manage", (403, "packs.mayNot")),
        ("tenant:cronjob:manage", (403, "packs.mayNot")),
        // Of the role `greeter`.
        ("auth:user:list", (403, "authPermission.mayNotGrant")),
    ] {
        let name = format!("{}@a.example", missing.replace(':', "-"));
        let clerk = Desk::clerk(&app, &door, &name, &without(missing)).await;
        let refused = clerk.send("/packs", wanted(&welcome("1"))).await;
        assert_eq!(told(&refused), refusal, "{missing}: {}", refused.text);
        assert!(!names(&ada).await["roles"].to_string().contains("greeter"));
    }
    let bob = Desk::clerk(&app, &door, "bob@a.example", &ALL).await;
    let claims = json!({ "name": "c", "listens": ["doorward.token.pre.create"], "handler": "addClaims",
        "configuration": { "claims": { "plan": "gold" } } });
    let mut as_admin = welcome("1");
    as_admin["actions"][0]["runsAs"] = json!("admin");
    assert_eq!(told(&bob.send("/packs", wanted(&as_admin)).await), (403, "actions.mayNotRunAs"));
    let carl = ["tenant:pack:manage", "tenant:action:manage"];
    let carl = Desk::clerk(&app, &door, "carl@a.example", &carl).await;
    let pack = json!({ "pack": { "name": "c", "version": "1", "actions": [claims] } });
    assert_eq!(told(&carl.send("/packs", pack).await), (403, "actions.mayNotAddClaims"));
    assert_eq!(names(&ada).await["packs"], empty);

    // Whoever may not make it may not change it, and may not take it away.
    let made = ada.send("/packs", wanted(&as_admin)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let one = format!("/packs/{}", made.says("id"));
    assert_eq!(
        told(&bob.ask(Method::PUT, &one, Some(wanted(&welcome("2")))).await),
        (403, "actions.mayNotRunAs")
    );
    assert_eq!(told(&bob.ask(Method::DELETE, &one, None).await), (403, "actions.mayNotRunAs"));
    assert_eq!(ada.look(&one).await.json["version"], "1");
    written(&app).await;
    let refusals = ada.look("/audit?outcome=refused&$limit=100").await.text;
    for reason in
        ["packs.mayNot", "authPermission.mayNotGrant", "actions.mayNotRunAs", "actions.mayNotAddClaims"]
    {
        assert!(refusals.contains(&format!("\"{reason}\"")), "{reason}: {refusals}");
    }
}

async fn hook_4_a_pack_is_no_way_around_those_who_are_asked_of_its_parts(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let mut one = String::new();
    let mut changed = welcome("2");
    changed["roles"][0]["permissions"] = json!(["auth:user:list"]);
    changed["actions"][0]["priority"] = json!(1);
    changed["cronJobs"][0]["description"] = json!("Later");

    for verb in ["create", "patch", "delete"] {
        for kind in ["role", "action", "cronjob"] {
            let name = format!("no {kind} {verb}");
            let deny = json!({ "name": name, "listens": [format!("doorward.{kind}.pre.{verb}")], "handler": "deny" });
            ada.makes(deny).await;
            let before = names(&ada).await;
            let tried = match verb {
                "create" => ada.send("/packs", wanted(&welcome("1"))).await,
                "patch" => ada.ask(Method::PUT, &one, Some(wanted(&changed))).await,
                _ => ada.ask(Method::DELETE, &one, None).await,
            };
            assert_eq!(told(&tried), (403, "actions.denied"), "{kind} {verb}: {}", tried.text);
            assert_eq!(names(&ada).await, before);
            let operator = app.scope(door.tenant).await;
            assert!(doorward::actions::events::switch(&operator, name, false).await.unwrap());
        }
        match verb {
            "create" => {
                let made = ada.send("/packs", wanted(&welcome("1"))).await;
                assert_eq!(made.status, 201, "{}", made.text);
                one = format!("/packs/{}", made.says("id"));
            }
            "patch" => assert_eq!(ada.ask(Method::PUT, &one, Some(wanted(&changed))).await.status, 200),
            _ => assert_eq!(ada.ask(Method::DELETE, &one, None).await.status, 200),
        }
    }
}

/// What was compared before the question is not what is there after the answer.
async fn race_4_what_is_changed_while_somebody_is_asked_is_looked_at_again(ground: Ground) {
    let mut config = config(&ground);
    config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
    let (app, sink) = (App::with(ground, config).await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let one = format!("/packs/{}", ada.send("/packs", wanted(&welcome("1"))).await.says("id"));
    let action = format!("/actions/{}", ada.look("/actions").await.json["data"][0]["id"].as_str().unwrap());
    let webhook = ada.send("/webhooks", json!({ "url": sink.url(), "listens": ["x.never"] })).await;
    let asks = json!({ "webhook": webhook.says("id"), "ifUnanswered": "allow" });
    ada.makes(json!({ "name": "ask", "listens": ["doorward.pack.pre.patch"], "handler": "ask", "configuration": asks }))
        .await;
    let mut next = welcome("2");
    next["actions"][0]["priority"] = json!(7);
    sink.behave(&[Manner::SayLate(Duration::from_secs(2), 500), Manner::Answer(r#"{"allow":true}"#)]);

    let by_hand = async {
        until("it is asked", || async { !sink.kept().is_empty() }).await;
        ada.ask(Method::PATCH, &action, Some(json!({ "isEnabled": false }))).await
    };
    let (upgraded, changed) = futures_util::join!(ada.ask(Method::PUT, &one, Some(wanted(&next))), by_hand);

    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(told(&upgraded), (409, "packs.changedByHand"), "{}", upgraded.text);
    assert_eq!(ada.look(&action).await.json["isEnabled"], false);
}

async fn ten_1_a_pack_touches_its_own_tenant_alone(ground: Ground) {
    let app = App::start(ground).await;
    let (door, there) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let eve = Desk::admin(&app, &there, "eve@b.example").await;
    let made = ada.send("/packs", wanted(&welcome("1"))).await;
    let one = format!("/packs/{}", made.says("id"));
    let ours = names(&ada).await;

    assert_eq!(eve.look("/packs").await.json["data"], json!([]));
    assert_eq!(eve.look(&one).await.status, 404);
    assert_eq!(eve.ask(Method::PUT, &one, Some(wanted(&welcome("2")))).await.status, 404);
    assert_eq!(eve.ask(Method::DELETE, &one, None).await.status, 404);
    assert_eq!(eve.send("/packs/diff", wanted(&welcome("1"))).await.json["installed"], Value::Null);
    assert_eq!(eve.send("/packs", wanted(&welcome("1"))).await.status, 201, "each tenant has its own");
    assert_eq!(names(&ada).await, ours);
}
