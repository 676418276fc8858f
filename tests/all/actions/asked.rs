//! What a tenant has is not made, changed or taken away before its rules were asked; what ends somebody's access asks nobody.

use std::collections::BTreeSet;

use doorward::triggers::catalogue::BEFORE;
use reqwest::Method;
use serde_json::{Value, json};

use super::before::{denying, start, told_of};
use crate::account::token;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    hook_4_every_change_of_what_a_tenant_has_is_asked_about,
    what_ends_access_asks_nobody,
    a_name_of_the_common_gateway_is_listened_to,
);

/// What `before` and `claims` try.
const ELSEWHERE: [&str; 7] = [
    "doorward.invitation.pre.accept",
    "doorward.invitation.pre.create",
    "doorward.role.pre.give",
    "doorward.session.pre.create",
    "doorward.token.pre.create",
    "doorward.user.pre.create",
    "doorward.user.pre.patch",
];

type Attempt = (&'static str, Method, String, Value);

fn an_action(name: &str) -> Value {
    json!({ "name": name, "listens": ["x.never"], "handler": "endSessions" })
}

fn a_webhook(path: &str) -> Value {
    json!({ "url": format!("https://hooks.example/{path}"), "listens": ["x.never"] })
}

async fn id_of(ada: &Desk<'_>, path: &str, body: Value) -> String {
    let made = ada.send(path, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.says("id").to_owned()
}

async fn of_roles(ada: &Desk<'_>, permission: &str) -> Vec<Attempt> {
    let (role, spare, third) = (ada.create("one").await, ada.create("two").await, ada.create("three").await);
    let base = "/auth/permission/role";
    vec![
        ("doorward.role.pre.create", Method::POST, base.into(), json!({ "identifier": "four" })),
        ("doorward.role.pre.create", Method::POST, "/roles".into(), json!({ "identifier": "five" })),
        (
            "doorward.role.pre.patch",
            Method::POST,
            format!("{base}/{role}/add-permissions"),
            json!({ "permissions": [permission] }),
        ),
        (
            "doorward.role.pre.patch",
            Method::POST,
            format!("{base}/{role}/remove-permissions"),
            json!({ "permissions": [permission] }),
        ),
        ("doorward.role.pre.delete", Method::DELETE, format!("{base}/{spare}"), Value::Null),
        ("doorward.role.pre.delete", Method::DELETE, format!("/roles/{third}"), Value::Null),
    ]
}

async fn of_rules(ada: &Desk<'_>) -> Vec<Attempt> {
    let action = ada.makes(an_action("one")).await;
    let webhook = id_of(ada, "/webhooks", a_webhook("one")).await;
    let (action, webhook) = (format!("/actions/{action}"), format!("/webhooks/{webhook}"));
    vec![
        ("doorward.action.pre.create", Method::POST, "/actions".into(), an_action("two")),
        ("doorward.action.pre.patch", Method::PATCH, action.clone(), json!({ "priority": 7 })),
        ("doorward.action.pre.delete", Method::DELETE, action, Value::Null),
        ("doorward.webhook.pre.create", Method::POST, "/webhooks".into(), a_webhook("two")),
        ("doorward.webhook.pre.patch", Method::PATCH, webhook.clone(), json!({ "description": "x" })),
        ("doorward.webhook.pre.delete", Method::DELETE, webhook, Value::Null),
    ]
}

async fn of_cron_jobs(ada: &Desk<'_>) -> Vec<Attempt> {
    let job = |name: &str| json!({ "name": name, "expression": "0 0 * * *", "trigger": "x.never" });
    let one = format!("/cronjobs/{}", id_of(ada, "/cronjobs", job("one")).await);
    vec![
        ("doorward.cronjob.pre.create", Method::POST, "/cronjobs".into(), job("two")),
        ("doorward.cronjob.pre.patch", Method::PATCH, one.clone(), json!({ "description": "x" })),
        ("doorward.cronjob.pre.delete", Method::DELETE, one, Value::Null),
    ]
}

async fn of_inbound(ada: &Desk<'_>) -> Vec<Attempt> {
    let inbound = |name: &str| json!({ "name": name, "trigger": "x.never" });
    let one = format!("/inbound-webhooks/{}", id_of(ada, "/inbound-webhooks", inbound("one")).await);
    vec![
        ("doorward.inboundWebhook.pre.create", Method::POST, "/inbound-webhooks".into(), inbound("two")),
        ("doorward.inboundWebhook.pre.patch", Method::PATCH, one.clone(), json!({ "description": "x" })),
        ("doorward.inboundWebhook.pre.delete", Method::DELETE, one, Value::Null),
    ]
}

async fn of_packs(ada: &Desk<'_>) -> Vec<Attempt> {
    let pack = |name: &str, version: &str| json!({ "pack": { "name": name, "version": version } });
    let one = format!("/packs/{}", id_of(ada, "/packs", pack("one", "1")).await);
    vec![
        ("doorward.pack.pre.create", Method::POST, "/packs".into(), pack("two", "1")),
        ("doorward.pack.pre.patch", Method::PUT, one.clone(), pack("one", "2")),
        ("doorward.pack.pre.delete", Method::DELETE, one, Value::Null),
    ]
}

async fn of_people(ada: &Desk<'_>) -> Vec<Attempt> {
    let invited = |email: &str| json!({ "email": email, "roles": [] });
    let first = ada.send("/auth/invitation", invited("one@a.example")).await;
    let first = first.json["invitation"]["id"].as_str().unwrap().to_owned();
    let second = id_of(ada, "/invitations", invited("two@a.example")).await;
    let bob = ada.app.person(ada.door, "bob@a.example").await;
    let carl = ada.app.person(ada.door, "carl@a.example").await;
    for user in [bob, carl] {
        assert_eq!(ada.send(&format!("/users/{user}/disable"), json!({})).await.status, 200);
    }
    let address = json!({ "email": "augusta@a.example" });
    vec![
        (
            "doorward.invitation.pre.delete",
            Method::POST,
            "/auth/invitation/revoke".into(),
            json!({ "invitationId": first }),
        ),
        ("doorward.invitation.pre.delete", Method::DELETE, format!("/invitations/{second}"), Value::Null),
        ("doorward.user.pre.enable", Method::POST, format!("/users/{bob}/enable"), json!({})),
        (
            "doorward.user.pre.enable",
            Method::POST,
            format!("/auth/user/{carl}/set-active"),
            json!({ "active": true }),
        ),
        ("doorward.user.pre.patch", Method::POST, "/auth/password-based/update-email".into(), address),
    ]
}

/// What is denied and, where the rule is off, done.
async fn tried(ada: &Desk<'_>, (point, method, path, body): Attempt) {
    let body = Some(body).filter(|body| !body.is_null());
    let rule = ada.makes(denying(point, Value::Null)).await;
    let before = told_of(ada.app, ada.door);
    let refused = ada.ask(method.clone(), &path, body.clone()).await;
    assert_eq!(told(&refused), (403, "actions.denied"), "{method} {path}: {}", refused.text);
    assert_eq!(told_of(ada.app, ada.door), before, "{method} {path}");
    // From the command line: a rule may stand before its own change.
    let name = denying(point, Value::Null)["name"].as_str().unwrap().to_owned();
    let operator = ada.app.scope(ada.door.tenant).await;
    assert!(doorward::actions::events::switch(&operator, name, false).await.unwrap());
    let allowed = ada.ask(method.clone(), &path, body).await;
    assert!(allowed.status.is_success(), "{method} {path}: {} {}", allowed.status, allowed.text);
    let gone = ada.ask(Method::DELETE, &format!("/actions/{rule}"), None).await;
    assert_eq!(gone.status, 200, "{}", gone.text);
}

async fn hook_4_every_change_of_what_a_tenant_has_is_asked_about(ground: Ground) {
    let house = start(ground).await;
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let rules =
        [of_rules(&ada).await, of_cron_jobs(&ada).await, of_packs(&ada).await, of_inbound(&ada).await]
            .concat();
    let attempts = [of_roles(&ada, "auth:user:list").await, rules, of_people(&ada).await].concat();

    let mut points: BTreeSet<&str> = ELSEWHERE.into();
    for attempt in attempts {
        points.insert(attempt.0);
        tried(&ada, attempt).await;
    }

    assert_eq!(points, BEFORE.iter().map(|point| point.name).collect());
}

async fn what_ends_access_asks_nobody(ground: Ground) {
    let house = start(ground).await;
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let bob = Desk::plain(&house.app, &door, "bob@a.example").await;
    let guest = ada.create("guest").await;
    assert_eq!(ada.give(bob.user, &guest).await.status, 200);
    let webhook = id_of(&ada, "/webhooks", a_webhook("one")).await;
    ada.makes(json!({ "name": "no to all", "listens": ["*.*.pre.*"], "handler": "deny" })).await;

    let session = ada.look(&format!("/sessions?userId={}", bob.user)).await.json["data"][0]["id"].clone();
    let ended = [
        ada.send(&format!("/webhooks/{webhook}/rotate-secret"), json!({})).await,
        ada.take(bob.user, &guest).await,
        ada.ask(Method::DELETE, &format!("/sessions/{}", session.as_str().unwrap()), None).await,
        ada.send(&format!("/users/{}/disable", bob.user), json!({})).await,
        house.app.post_as(&door, &ada.token, "/api/v1/auth/logout", json!({})).await,
    ];

    for reply in ended {
        assert!(reply.status.is_success(), "{} {}", reply.status, reply.text);
    }
}

async fn a_name_of_the_common_gateway_is_listened_to(ground: Ground) {
    let house = start(ground).await;
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let theirs = |name: &str| json!({ "name": name, "listens": [name], "handler": "deny", "configuration": { "reason": "No." } });

    let unheard = ada.send("/actions", theirs("commongateway.object.pre.flush")).await;
    assert_eq!(told(&unheard), (422, "validator.error"), "{}", unheard.text);
    house.sign_up(&door, "new@a.example").await;
    let verify = token(&house.mail("new@a.example").await);
    ada.makes(theirs("commongateway.object.pre.create")).await;

    let verified = json!({ "verifyToken": verify, "password": crate::account::NEW });
    let refused = [
        ada.send("/roles", json!({ "identifier": "four" })).await,
        house.sign_up(&door, "eve@a.example").await,
        house.post(&door, "verify-email", verified).await,
    ];
    for reply in refused {
        assert_eq!(told(&reply), (403, "actions.denied"), "{}", reply.text);
    }
}
