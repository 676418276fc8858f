//! Mails in a tenant's own words; and a tenant's whole story of somebody who comes from outside.

use serde_json::{Value, json};

use super::before::start;
use super::kit::PATCHED;
use crate::account::{NEW, token};
use crate::ground::sink::{Manner, Sink};
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    who_comes_from_outside_is_asked_about_becomes_a_guest_and_the_owner_is_told,
    a_mail_goes_to_members_alone_in_words_that_are_filled_in,
    job_2_a_mail_needs_the_right_to_look_at_people,
    lim_6_the_actions_of_a_tenant_mail_so_often_and_no_more,
);

fn mailing(hears: &str, to: &str, runs_as: Value) -> Value {
    json!({
        "name": format!("mail {to}"), "listens": [hears], "handler": "mail", "runsAs": runs_as,
        "configuration": { "to": to, "subject": "{{user.email}} is here", "text": "Name: {{user.name}}\n\nRoles: {{user.roles}}." },
    })
}

async fn who_comes_from_outside_is_asked_about_becomes_a_guest_and_the_owner_is_told(ground: Ground) {
    let (house, sink) = (start(ground).await, Sink::start().await);
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    ada.create("guest").await;
    let admin = ada.named("admin").await;
    let outside = |name: &str| json!({ "!=": [{ "var": name }, "a.example"] });
    let webhook = ada.send("/webhooks", json!({ "url": sink.url(), "listens": ["x.never"] })).await;
    ada.makes(json!({
        "name": "May they come in?", "listens": ["doorward.user.pre.create"], "conditions": outside("data.emailDomain"),
        "handler": "ask", "configuration": { "webhook": webhook.says("id") },
    }))
    .await;
    let welcome = ada
        .makes(json!({
            "name": "Guests", "listens": ["doorward.user.post.create"], "conditions": outside("user.emailDomain"),
            "handler": "assignRole", "configuration": { "role": "guest" }, "runsAs": admin,
            "throwsOnSuccess": ["x.guest"],
        }))
        .await;
    let telling = ada.makes(mailing("x.guest", "role:admin", json!(admin))).await;

    sink.behave(&[Manner::Answer(r#"{"allow":false}"#), Manner::Answer(r#"{"allow":true}"#)]);
    assert_eq!(told(&house.sign_up(&door, "eve@b.example").await), (403, "actions.denied"));
    assert_eq!(house.sign_up(&door, "eve@b.example").await.status, 202);
    assert_eq!(house.sign_up(&door, "bob@a.example").await.status, 202);
    for email in ["eve@b.example", "bob@a.example"] {
        let proof = json!({ "verifyToken": token(&house.mail(email).await), "password": NEW });
        assert_eq!(house.post(&door, "verify-email", proof).await.status, 200, "{email}");
    }

    let runs = ada.ended(&welcome, 2).await;
    let count = |state: &str| runs.iter().filter(|run| run["state"] == state).count();
    assert_eq!((count("done"), count("skipped")), (1, 1), "{runs:?}");
    assert_eq!(ada.ended(&telling, 1).await[0]["detail"], json!({ "mailed": 1 }));
    let mail = house.mail("ada@a.example").await;
    assert_eq!(mail.subject(), "eve@b.example is here");
    let eve = house.meant(&door, "eve@b.example").unwrap();
    assert_eq!(ada.roles_of(eve).await, ["guest"]);
    assert_eq!(sink.kept().len(), 2, "nobody is asked about who comes from inside");
}

async fn a_mail_goes_to_members_alone_in_words_that_are_filled_in(ground: Ground) {
    let house = start(ground).await;
    let (door, other) = (house.app.native("a").await, house.app.native("b").await);
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let bob = Desk::plain(&house.app, &door, "bob@a.example").await;
    Desk::admin(&house.app, &other, "eve@b.example").await;
    let admin = json!(ada.named("admin").await);
    let (person, role) = (
        ada.makes(mailing(PATCHED, "person", admin.clone())).await,
        ada.makes(mailing(PATCHED, "role:admin", admin.clone())).await,
    );
    for to in ["eve@b.example", "role:", "", "everybody"] {
        assert_eq!(told(&ada.send("/actions", mailing(PATCHED, to, admin.clone())).await).0, 422, "{to}");
    }

    ada.rename(bob.user, "Bob <b>Builder</b>").await;
    for action in [&person, &role] {
        assert_eq!(ada.ended(action, 1).await[0]["state"], "done");
    }

    let mail = house.mail("bob@a.example").await;
    assert_eq!(mail.subject(), "bob@a.example is here");
    assert!(mail.text().contains("Name: Bob <b>Builder</b>"), "{}", mail.text());
    assert!(!mail.html().contains("<b>Builder"), "{}", mail.html());
    house.mail("ada@a.example").await;
    assert_eq!(house.mails_to("eve@b.example"), 0);
}

async fn job_2_a_mail_needs_the_right_to_look_at_people(ground: Ground) {
    let house = start(ground).await;
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let helper = ada.create("helper").await;

    for runs_as in [Value::Null, json!(helper)] {
        let action = ada.makes(mailing(PATCHED, "person", runs_as)).await;
        let run = ada.send(&format!("/actions/{action}/run"), json!({ "user": ada.user })).await;
        assert_eq!(run.status, 200, "{}", run.text);
        assert_eq!(ada.ended(&action, 1).await[0]["detail"]["key"], "actions.run.notAllowed");
        let gone = ada.ask(reqwest::Method::DELETE, &format!("/actions/{action}"), None).await;
        assert_eq!(gone.status, 200);
    }
    assert_eq!(house.mails_to("ada@a.example"), 0);
}

async fn lim_6_the_actions_of_a_tenant_mail_so_often_and_no_more(ground: Ground) {
    let house = start(ground).await;
    let door = house.app.native("a").await;
    let ada = Desk::admin(&house.app, &door, "ada@a.example").await;
    let action = ada.makes(mailing(PATCHED, "person", json!(ada.named("admin").await))).await;
    let limiter = &house.app.running.house.limiter;
    limiter.spend("action-mail", door.tenant.0.as_bytes(), 199).unwrap();

    for _ in 0..2 {
        let run = ada.send(&format!("/actions/{action}/run"), json!({ "user": ada.user })).await;
        assert_eq!(run.status, 200, "{}", run.text);
    }

    let runs = ada.ended(&action, 2).await;
    let states: std::collections::BTreeSet<_> =
        runs.iter().map(|run| run["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["done", "failed"].into(), "{runs:?}");
}
