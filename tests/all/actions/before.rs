//! Before something is done: rules that say no, and webhooks that are asked.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::account::{House, NEW, token};
use crate::ground::app::{Door, Reply, config};
use crate::ground::people::PASSWORD;
use crate::ground::sink::{Manner, Sink};
use crate::ground::work::until;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    what_a_rule_denies_is_refused_in_the_tenants_own_words,
    hook_4_every_moment_asks_and_a_no_changes_nothing,
    hook_4_a_webhook_decides_and_only_true_allows,
    hook_4_silence_is_as_the_action_says_and_holds_nobody_else_up,
    who_is_denied_has_not_guessed,
    ten_1_another_tenants_rules_and_webhooks_are_not_asked,
    an_action_is_for_before_or_for_after,
    a_rule_binds_as_soon_as_it_is_made_and_no_longer_than_it_is_there,
);

const LOGIN: &str = "/api/v1/auth/password-based/login";

pub async fn start(ground: Ground) -> House {
    let mut config = config(&ground);
    config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
    House::with(ground, config).await
}

pub fn denying(point: &str, conditions: Value) -> Value {
    json!({ "name": format!("no {point}"), "listens": [point], "handler": "deny", "conditions": conditions,
        "configuration": { "reason": "Ask the desk." } })
}

async fn login(house: &House, door: &Door, email: &str) -> Reply {
    house.app.post(door, LOGIN, json!({ "email": email, "password": PASSWORD })).await
}

async fn what_a_rule_denies_is_refused_in_the_tenants_own_words(ground: Ground) {
    let house = start(ground).await;
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let outside = json!({ "!=": [{ "var": "data.emailDomain" }, "a.example"] });
    let action = ada.makes(denying("doorward.user.pre.create", outside)).await;

    let (stranger, ours) =
        (house.sign_up(&door, "eve@b.example").await, house.sign_up(&door, "bob@a.example").await);

    assert_eq!(told(&stranger), (403, "actions.denied"), "{}", stranger.text);
    assert_eq!(stranger.says("detail"), "Ask the desk.");
    assert_eq!(ours.status, 202, "{}", ours.text);
    house.mail("bob@a.example").await;
    assert_eq!(house.mails_to("eve@b.example"), 0);
    let runs = ada.runs(&action).await;
    assert_eq!(
        (runs.len(), &runs[0]["state"], &runs[0]["lastError"]),
        (1, &json!("denied"), &json!("Ask the desk."))
    );
    assert_eq!(runs[0]["envelope"]["data"]["email"], "eve@b.example");
    let audited = ada.look(&format!("/audit?targetId={action}&outcome=refused")).await;
    assert_eq!(audited.json["data"][0]["action"], "actions.decide", "{}", audited.text);
}

/// Does, as somebody, what each moment stands before.
async fn attempt(
    house: &House,
    point: &str,
    desks: (&Desk<'_>, &Desk<'_>),
    proofs: (&str, &str, &Door),
) -> Reply {
    let ((ada, bob), (verify, invitation, other)) = (desks, proofs);
    let app = &house.app;
    match point {
        "doorward.user.pre.create" => house.sign_up(ada.door, "carl@a.example").await,
        "doorward.session.pre.create" => login(house, ada.door, "bob@a.example").await,
        "verifying" => {
            house.post(ada.door, "verify-email", json!({ "verifyToken": verify, "password": NEW })).await
        }
        "switching" => {
            let to = json!({ "tenantId": ada.door.tenant });
            app.post_as(other, &bob.token, "/api/v1/session/switch-tenant", to).await
        }
        "doorward.invitation.pre.create" => {
            ada.send("/auth/invitation", json!({ "email": "dora@a.example", "roles": [] })).await
        }
        "doorward.invitation.pre.accept" => {
            let body = json!({ "token": invitation, "password": NEW, "name": "Guest" });
            app.post(ada.door, "/api/v1/auth/invitation/accept", body).await
        }
        "doorward.user.pre.patch" => {
            ada.patch(&format!("/users/{}", ada.user), json!({ "name": "Augusta" })).await
        }
        "editing" => ada.ask(Method::PATCH, "/auth/me", Some(json!({ "name": "Augusta" }))).await,
        _ => ada.give(ada.user, &ada.named("guest").await).await,
    }
}

async fn hook_4_every_moment_asks_and_a_no_changes_nothing(ground: Ground) {
    let house = start(ground).await;
    let app = &house.app;
    let (door, other) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(app, &door, "ada@a.example").await;
    app.person(&door, "bob@a.example").await;
    let bob = Desk::plain(app, &other, "bob@b.example").await;
    app.join(&door, bob.user).await;
    ada.create("guest").await;
    house.sign_up(&door, "new@a.example").await;
    let verify = token(&house.mail("new@a.example").await);
    ada.send("/auth/invitation", json!({ "email": "guest@a.example", "roles": [] })).await;
    let invitation = token(&house.mail("guest@a.example").await);
    let proofs = (verify.as_str(), invitation.as_str(), &other);
    let moments = [
        ("doorward.user.pre.create", "doorward.user.pre.create"),
        ("doorward.session.pre.create", "doorward.session.pre.create"),
        ("verifying", "doorward.session.pre.create"),
        ("switching", "doorward.session.pre.create"),
        ("doorward.invitation.pre.create", "doorward.invitation.pre.create"),
        ("doorward.invitation.pre.accept", "doorward.invitation.pre.accept"),
        ("doorward.user.pre.patch", "doorward.user.pre.patch"),
        ("editing", "doorward.user.pre.patch"),
        ("doorward.role.pre.give", "doorward.role.pre.give"),
    ];

    for (moment, point) in moments {
        let action = ada.makes(denying(point, Value::Null)).await;
        let before = told_of(app, &door);
        let refused = attempt(&house, moment, (&ada, &bob), proofs).await;
        assert_eq!(told(&refused), (403, "actions.denied"), "{moment}: {}", refused.text);
        assert_eq!(told_of(app, &door), before, "{moment}");
        assert_eq!(ada.ask(Method::DELETE, &format!("/actions/{action}"), None).await.status, 200);
        let allowed = attempt(&house, moment, (&ada, &bob), proofs).await;
        assert!(allowed.status.is_success(), "{moment}: {} {}", allowed.status, allowed.text);
    }
}

/// How much has happened there.
pub fn told_of(app: &crate::ground::app::App, door: &Door) -> i64 {
    use diesel::prelude::*;
    use doorward::db::schema::domain_events as e;
    e::table.filter(e::tenant_id.eq(door.tenant)).count().get_result(&mut app.ground.connect()).unwrap()
}

/// An action that asks this sink before somebody comes in.
async fn asking(ada: &Desk<'_>, sink: &Sink, more: Value) -> String {
    let made = ada.send("/webhooks", json!({ "url": sink.url(), "listens": ["x.never"] })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let mut configuration = json!({ "webhook": made.says("id") });
    configuration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ada.makes(json!({ "name": "ask", "listens": ["doorward.session.pre.create"], "handler": "ask",
        "configuration": configuration }))
        .await
}

async fn hook_4_a_webhook_decides_and_only_true_allows(ground: Ground) {
    let (house, sink) = (start(ground).await, Sink::start().await);
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let action = asking(&ada, &sink, json!({})).await;

    for (answer, status, key) in [
        (r#"{"allow":true}"#, 200, ""),
        (r#"{"allow":false,"reason":"Not today."}"#, 403, "actions.denied"),
        (r#"{"allow":false}"#, 403, "actions.denied"),
        (r#"{"allow":"true"}"#, 503, "actions.unanswered"),
        (r#"{"allow":1}"#, 503, "actions.unanswered"),
        ("{}", 503, "actions.unanswered"),
        ("yes", 503, "actions.unanswered"),
        (r#"{"allow":false,"allow":true}"#, 503, "actions.unanswered"),
    ] {
        sink.behave(&[Manner::Answer(answer)]);
        let came = login(&house, &door, "ada@a.example").await;
        assert_eq!(told(&came), (status, key), "{answer}: {}", came.text);
    }
    for manner in [Manner::Say(500), Manner::Say(302), Manner::HangUp, Manner::Endless] {
        sink.behave(&[manner]);
        let came = login(&house, &door, "ada@a.example").await;
        assert_eq!(told(&came), (503, "actions.unanswered"), "{manner:?}: {}", came.text);
        assert!(came.headers.contains_key("retry-after"), "{manner:?}");
    }

    let parcel = sink.kept().remove(0);
    assert!(parcel.header("webhook-signature").starts_with("v1,"));
    let message = parcel.json();
    assert_eq!(message["type"], "doorward.session.pre.create");
    assert_eq!(message["data"]["user"]["email"], "ada@a.example");
    let all = sink.kept();
    assert!(all.iter().all(|parcel| !parcel.body.contains(PASSWORD)));
    let runs = ada.runs(&action).await;
    let count = |state: &str| runs.iter().filter(|run| run["state"] == state).count();
    assert_eq!((count("denied"), count("failed"), runs.len()), (2, 9, 11));
}

async fn hook_4_silence_is_as_the_action_says_and_holds_nobody_else_up(ground: Ground) {
    let (house, sink) = (start(ground).await, Sink::start().await);
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let action = asking(&ada, &sink, json!({ "ifUnanswered": "allow" })).await;
    sink.behave(&[Manner::SayLate(Duration::from_secs(9), 200); 100]);

    let open = login(&house, &door, "ada@a.example").await;
    assert_eq!(open.status, 200, "{}", open.text);
    let webhook = ada.look(&format!("/actions/{action}")).await.json["configuration"]["webhook"].clone();
    let closed = ada
        .patch(
            &format!("/actions/{action}"),
            json!({ "configuration": { "webhook": webhook, "ifUnanswered": "deny" } }),
        )
        .await;
    assert_eq!(closed.status, 200, "{}", closed.text);
    let other = house.app.native("b").await;
    let eve = Desk::admin(&house.app, &other, "eve@b.example").await;
    // Invitations cost no hash: all of them wait at once.
    let change = json!({ "listens": ["doorward.invitation.pre.create"] });
    assert_eq!(ada.patch(&format!("/actions/{action}"), change).await.status, 200);
    let waiting = (0..40).map(|number| {
        ada.send("/auth/invitation", json!({ "email": format!("p{number}@a.example"), "roles": [] }))
    });
    let beside = async {
        until("all places are taken", async || sink.kept().len() >= 33).await;
        assert_eq!(eve.look("/auth/me").await.status, 200);
        assert_eq!(login(&house, &other, "eve@b.example").await.status, 200);
    };
    let (refused, ()) = tokio::join!(join_all(waiting), beside);

    assert!(refused.iter().all(|answer| told(answer) == (503, "actions.unanswered")), "{}", refused[0].text);
    assert_eq!(sink.kept().len(), 1 + 32, "the rest is not even asked");
}

async fn who_is_denied_has_not_guessed(ground: Ground) {
    let house = start(ground).await;
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    house.app.person(&door, "bob@a.example").await;
    let action = ada.makes(denying("doorward.session.pre.create", Value::Null)).await;
    for _ in 0..12 {
        let denied = login(&house, &door, "bob@a.example").await;
        assert_eq!(told(&denied), (403, "actions.denied"), "{}", denied.text);
    }
    let wrong = json!({ "email": "bob@a.example", "password": "not the one that it is" });
    assert_eq!(
        house.app.post(&door, LOGIN, wrong).await.status,
        401,
        "a stranger learns nothing of the rule"
    );

    assert_eq!(ada.ask(Method::DELETE, &format!("/actions/{action}"), None).await.status, 200);
    assert_eq!(login(&house, &door, "bob@a.example").await.status, 200);
}

async fn ten_1_another_tenants_rules_and_webhooks_are_not_asked(ground: Ground) {
    let (house, sink) = (start(ground).await, Sink::start().await);
    let (a, b) = (house.app.native("a").await, house.app.native("b").await);
    let ada = Desk::admin(&house.app, &a, "ada@a.example").await;
    let eve = Desk::admin(&house.app, &b, "eve@b.example").await;
    eve.makes(denying("doorward.session.pre.create", Value::Null)).await;
    let theirs = eve.send("/webhooks", json!({ "url": sink.url(), "listens": ["x.never"] })).await;

    assert_eq!(login(&house, &a, "ada@a.example").await.status, 200);
    let borrowed = json!({ "name": "ask", "listens": ["doorward.session.pre.create"], "handler": "ask",
        "configuration": { "webhook": theirs.says("id") } });
    let refused = ada.send("/actions", borrowed).await;
    assert_eq!(told(&refused), (422, "validator.error"), "{}", refused.text);
    assert!(refused.json["errors"]["$.configuration.webhook"].is_object(), "{}", refused.text);
}

async fn an_action_is_for_before_or_for_after(ground: Ground) {
    let house = start(ground).await;
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let denies_late = json!({ "name": "a", "listens": ["doorward.user.post.create"], "handler": "deny" });
    let acts_early =
        json!({ "name": "b", "listens": ["doorward.user.pre.create"], "handler": "endSessions" });
    let listens_early =
        json!({ "url": "https://hooks.example.com/", "listens": ["doorward.user.pre.create"] });

    for (path, body) in [("/actions", denies_late), ("/actions", acts_early), ("/webhooks", listens_early)] {
        let refused = ada.send(path, body).await;
        assert_eq!(told(&refused), (422, "validator.error"), "{}", refused.text);
        assert!(refused.json["errors"]["$.listens[0]"].is_object(), "{}", refused.text);
    }
    let action = ada.makes(denying("doorward.*.pre.create", Value::Null)).await;
    let tried =
        ada.send(&format!("/actions/{action}/try"), json!({ "trigger": "doorward.user.pre.create" })).await;
    assert_eq!(tried.status, 200, "{}", tried.text);
    assert!(tried.text.contains("Ask the desk."), "{}", tried.text);
}

async fn a_rule_binds_as_soon_as_it_is_made_and_no_longer_than_it_is_there(ground: Ground) {
    let house = start(ground).await;
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    for _ in 0..3 {
        assert_eq!(login(&house, &door, "ada@a.example").await.status, 200);
        let action = ada.makes(denying("doorward.session.pre.create", Value::Null)).await;
        assert_eq!(login(&house, &door, "ada@a.example").await.status, 403);
        let off = ada.patch(&format!("/actions/{action}"), json!({ "isEnabled": false })).await;
        assert_eq!(off.status, 200, "{}", off.text);
        assert_eq!(login(&house, &door, "ada@a.example").await.status, 200);
        assert_eq!(ada.ask(Method::DELETE, &format!("/actions/{action}"), None).await.status, 200);
    }
}
