//! Messages are sent, signed, sent again, and looked at.

use std::process::Command;
use std::time::Duration;

use diesel::prelude::*;
use doorward::base::DomainEventId;
use doorward::db::schema::{deliveries, domain_events, outbox_places};
use doorward::management::entity::copies;
use reqwest::Method;
use serde_json::{Value, json};

use crate::actions::kit::PATCHED;
use crate::ground::app::{App, config};
use crate::ground::sink::{Manner, Sink};
use crate::ground::work::until;
use crate::ground::{Ground, on_both};
use crate::recipes::{packages, run};
use crate::rights::kit::{Desk, told};

on_both!(
    hook_1_what_happens_is_sent_and_the_fields_own_libraries_take_it,
    hook_1_while_a_secret_is_changed_both_are_good,
    hook_2_what_is_not_taken_is_sent_again_as_the_same_message,
    hook_2_what_nobody_took_is_seen_and_sent_again_when_asked,
    hook_2_after_a_restore_nobody_is_told_again_and_what_waited_can_be_sent,
    hook_3_a_webhook_that_is_switched_off_is_told_nothing,
    hook_3_whoever_answers_gone_is_told_nothing_more,
    hook_3_where_a_webhook_was_before_says_nothing_of_where_it_is,
    hook_3_a_message_holds_no_secret,
    priv_7_a_webhook_of_whoever_may_not_look_at_people_is_told_ids_alone,
    ssrf_1_a_webhook_reaches_nobody_in_here,
    ssrf_3_whoever_says_too_much_or_nothing_holds_nobody_up,
    ten_1_a_webhook_hears_nothing_of_another_tenant,
);

/// A server that may send to this machine, and tries again soon.
pub async fn start(ground: Ground) -> App {
    let mut config = config(&ground);
    config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
    config.jobs.poll = Duration::from_millis(50);
    App::with(ground, config).await
}

impl Desk<'_> {
    /// Time goes by, and they come in again.
    pub async fn waits(&mut self, seconds: u64) {
        self.app.advance(seconds);
        self.token = self.app.session(self.door, self.user).await.access;
    }

    pub async fn tells(&self, sink: &Sink) -> String {
        let made = self.send("/webhooks", json!({ "url": sink.url(), "listens": [PATCHED] })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.says("id").to_owned()
    }

    async fn secret(&self, webhook: &str) -> String {
        self.look(&format!("/webhooks/{webhook}/secret")).await.says("secret").to_owned()
    }

    /// The newest.
    pub async fn delivery(&self, webhook: &str) -> Value {
        let found = self.look(&format!("/deliveries?webhook={webhook}&$limit=1")).await;
        found.json["data"][0].clone()
    }

    pub async fn delivered(&self, webhook: &str, state: &str) -> Value {
        until("the delivery is over", async || self.delivery(webhook).await["state"] == state).await;
        self.delivery(webhook).await
    }
}

async fn hook_1_what_happens_is_sent_and_the_fields_own_libraries_take_it(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let webhook = ada.tells(&sink).await;

    ada.rename(ada.user, "Ada").await;
    let delivery = ada.delivered(&webhook, "done").await;

    let parcel = sink.kept().remove(0);
    assert_eq!(parcel.header("webhook-id"), delivery["id"].as_str().unwrap());
    assert_eq!((&delivery["lastStatus"], &delivery["attempts"]), (&json!(200), &json!(1)));
    let message = parcel.json();
    assert_eq!((&message["type"], &message["specversion"]), (&json!(PATCHED), &json!("1.0")));
    assert_eq!(message["subject"], format!("user/{}", ada.user));
    assert_eq!(message["data"]["user"]["name"], "Ada");
    ada.rename(ada.user, "Ada Lovelace").await;
    until("the next is sent", async || sink.kept().len() == 2).await;
    let next = sink.kept().remove(1).json();
    assert!(next["sequence"].as_str().unwrap() > message["sequence"].as_str().unwrap(), "{next}");
    let mut check = Command::new("node");
    check.args(["check.mjs", &ada.secret(&webhook).await]).current_dir(packages("tests/webhooks"));
    let headers: serde_json::Map<String, Value> =
        parcel.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    check.env("HEADERS", Value::Object(headers).to_string()).env("BODY", &parcel.body);
    let said = run(&mut check);
    assert_eq!(said.trim(), format!("{PATCHED} verified, a changed one refused"), "{said}");
}

async fn priv_7_a_webhook_of_whoever_may_not_look_at_people_is_told_ids_alone(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &["tenant:webhook:manage"]).await;
    let webhook = clerk.tells(&sink).await;

    for (by, shown) in [(&clerk, false), (&ada, true), (&clerk, false)] {
        let changed = by.patch(&format!("/webhooks/{webhook}"), json!({ "description": "Ours" })).await;
        assert_eq!(changed.json["showsPeople"], shown, "{}", changed.text);
        let before = sink.kept().len();
        ada.rename(ada.user, if shown { "Ada" } else { "Ada Lovelace" }).await;
        until("it is sent", async || sink.kept().len() > before).await;

        let message = sink.kept().pop().unwrap();
        assert_eq!(message.json()["subject"], format!("user/{}", ada.user));
        assert_eq!(message.json()["data"]["user"].is_object(), shown, "{}", message.body);
        assert_eq!(message.body.contains("ada@a.example"), shown, "{}", message.body);
    }
}

async fn hook_1_while_a_secret_is_changed_both_are_good(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let mut ada = Desk::admin(&app, &door, "ada@a.example").await;
    let webhook = ada.tells(&sink).await;
    let before = ada.secret(&webhook).await;
    let turned = ada.send(&format!("/webhooks/{webhook}/rotate-secret"), json!({})).await;

    assert_ne!(turned.says("secret"), before);
    assert_eq!(ada.secret(&webhook).await, turned.says("secret"));
    for (number, signatures) in [(1, 2), (2, 1)] {
        ada.rename(ada.user, &format!("Ada {number}")).await;
        until("it is sent", async || sink.kept().len() == number).await;
        let parcel = sink.kept().pop().unwrap();
        assert_eq!(parcel.header("webhook-signature").split(' ').count(), signatures);
        ada.waits(25 * 3600).await;
    }
}

async fn hook_2_what_is_not_taken_is_sent_again_as_the_same_message(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let mut ada = Desk::admin(&app, &door, "ada@a.example").await;
    let webhook = ada.tells(&sink).await;
    sink.behave(&[Manner::Say(500), Manner::HangUp, Manner::Say(302)]);

    ada.rename(ada.user, "Ada").await;
    for tries in 1..=3 {
        until("it was tried", async || ada.delivery(&webhook).await["attempts"] == tries).await;
        ada.waits(3600).await;
    }
    let delivery = ada.delivered(&webhook, "done").await;

    let ids: Vec<String> = sink.kept().iter().map(|parcel| parcel.header("webhook-id").to_owned()).collect();
    assert_eq!(ids, vec![delivery["id"].as_str().unwrap(); 4]);
    assert_eq!(delivery["attempts"], 4);
    let bodies: Vec<Value> = sink.kept().iter().map(|parcel| parcel.json()["id"].clone()).collect();
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}

async fn hook_2_what_nobody_took_is_seen_and_sent_again_when_asked(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let mut ada = Desk::admin(&app, &door, "ada@a.example").await;
    let webhook = ada.tells(&sink).await;
    sink.behave(&[Manner::Say(503); 20]);

    ada.rename(ada.user, "Ada").await;
    for tries in 1..20 {
        until("it was tried", async || ada.delivery(&webhook).await["attempts"] == tries).await;
        ada.waits(6 * 3600).await;
    }
    let failed = ada.delivered(&webhook, "failed").await;
    assert_eq!(
        (&failed["attempts"], &failed["lastStatus"], &failed["lastAnswer"]),
        (&json!(20), &json!(503), &json!("said"))
    );

    let range = json!({ "from": "2020-01-01T00:00:00Z", "to": "2040-01-01T00:00:00Z" });
    let replayed = ada.send(&format!("/webhooks/{webhook}/replay"), range).await;
    assert_eq!(replayed.json["deliveries"], 1, "{}", replayed.text);
    let done = ada.delivered(&webhook, "done").await;
    assert_eq!(done["id"], failed["id"]);
    let at = format!("/deliveries/{}/resend", done["id"].as_str().unwrap());
    assert_eq!(ada.send(&at, json!({})).await.status, 200);
    until("it is sent once more", async || sink.kept().len() == 22).await;
}

async fn hook_2_after_a_restore_nobody_is_told_again_and_what_waited_can_be_sent(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let mut ada = Desk::admin(&app, &door, "ada@a.example").await;
    let (webhook, other) = (ada.tells(&sink).await, ada.tells(&sink).await);
    sink.behave(&[Manner::Say(500), Manner::Say(500)]);
    ada.rename(ada.user, "Ada").await;
    until("both were tried", async || sink.kept().len() == 2).await;
    until("it was tried", async || ada.delivery(&webhook).await["attempts"] == 1).await;
    app.running.platform.stop().await;

    // As in a copy that was made between the change and its handing on to the other one.
    let conn = &mut app.ground.connect();
    let others: doorward::base::WebhookId = other.parse().unwrap();
    diesel::delete(deliveries::table.filter(deliveries::webhook_id.eq(others))).execute(conn).unwrap();
    diesel::delete(outbox_places::table).execute(conn).unwrap();
    copies::end(conn, app.clock.now()).unwrap();
    let again = app.beside().await;
    ada.app = &again;
    ada.waits(1).await;
    ada.rename(ada.user, "Ada Lovelace").await;
    let newest = domain_events::table.order(domain_events::sequence.desc()).select(domain_events::id);
    let newest: DomainEventId = newest.first(conn).unwrap();
    until("the next one is told", async || {
        let newest = ada.look(&format!("/deliveries?webhook={other}&event={newest}&state=done")).await;
        newest.json["data"].as_array().is_some_and(|found| found.len() == 1)
    })
    .await;

    let told = ada.look(&format!("/deliveries?webhook={other}")).await;
    assert_eq!(told.json["data"].as_array().unwrap().len(), 1, "{}", told.text);
    let waited = ada.look(&format!("/deliveries?webhook={webhook}&state=failed")).await;
    let waited = &waited.json["data"][0];
    assert_eq!(waited["lastError"], "restored");
    let at = format!("/deliveries/{}/resend", waited["id"].as_str().unwrap());
    assert_eq!(ada.send(&at, json!({})).await.status, 200);
    until("it is sent", async || sink.kept().len() == 5).await;
}

async fn hook_3_a_webhook_that_is_switched_off_is_told_nothing(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let mut ada = Desk::admin(&app, &door, "ada@a.example").await;
    let webhook = ada.tells(&sink).await;
    sink.behave(&[Manner::Say(500)]);

    ada.rename(ada.user, "Ada").await;
    until("it was tried", async || ada.delivery(&webhook).await["attempts"] == 1).await;
    let off = ada.patch(&format!("/webhooks/{webhook}"), json!({ "isEnabled": false })).await;
    assert_eq!(off.status, 200, "{}", off.text);
    ada.rename(ada.user, "Ada Lovelace").await;
    ada.waits(3600).await;

    ada.delivered(&webhook, "skipped").await;
    assert_eq!(sink.kept().len(), 1);
}

async fn hook_3_whoever_answers_gone_is_told_nothing_more(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let webhook = ada.tells(&sink).await;
    sink.behave(&[Manner::Say(410)]);

    ada.rename(ada.user, "Ada").await;
    ada.delivered(&webhook, "failed").await;

    assert_eq!(ada.look(&format!("/webhooks/{webhook}")).await.json["isEnabled"], false);
}

async fn hook_3_where_a_webhook_was_before_says_nothing_of_where_it_is(ground: Ground) {
    let (app, sink, other) = (start(ground).await, Sink::start().await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let webhook = ada.tells(&sink).await;
    sink.behave(&[Manner::SayLate(Duration::from_secs(1), 410)]);

    ada.rename(ada.user, "Ada").await;
    until("it is sent", async || sink.kept().len() == 1).await;
    let moved = ada.patch(&format!("/webhooks/{webhook}"), json!({ "url": other.url() })).await;
    ada.delivered(&webhook, "failed").await;

    assert_eq!(moved.status, 200, "{}", moved.text);
    let now = ada.look(&format!("/webhooks/{webhook}")).await;
    assert_eq!((&now.json["isEnabled"], now.says("url")), (&json!(true), other.url().as_str()));
}

async fn hook_3_a_message_holds_no_secret(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let everything = json!({ "url": sink.url(), "listens": ["doorward.*.post.*"] });
    assert_eq!(ada.send("/webhooks", everything).await.status, 201);

    let login = json!({ "email": "ada@a.example", "password": crate::ground::people::PASSWORD });
    let login = app.post(&door, "/api/v1/auth/password-based/login", login).await;
    ada.rename(ada.user, "Ada").await;
    let webhook = ada.tells(&sink).await;
    until("all is told", async || sink.kept().len() >= 3).await;

    let secrets = [login.says("accessToken"), login.says("refreshToken"), crate::ground::people::PASSWORD];
    let (shown, all) = (ada.secret(&webhook).await, sink.kept());
    for secret in secrets.into_iter().chain([shown.as_str()]) {
        assert!(!secret.is_empty() && all.iter().all(|parcel| !parcel.body.contains(secret)));
    }
}

async fn ssrf_1_a_webhook_reaches_nobody_in_here(ground: Ground) {
    let (app, sink) = (App::start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    for url in
        [sink.url(), "https://127.0.0.1/".into(), "https://[::1]/".into(), "http://example.com/".into()]
    {
        let made = ada.send("/webhooks", json!({ "url": url, "listens": [PATCHED] })).await;
        assert_eq!(told(&made), (422, "validator.error"), "{url}");
    }
    // What its name means is asked when it is called.
    let made = ada.send("/webhooks", json!({ "url": "https://localhost/", "listens": [PATCHED] })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    ada.rename(ada.user, "Ada").await;
    until("it was tried", async || ada.delivery(made.says("id")).await["attempts"] == 1).await;

    let delivery = ada.delivery(made.says("id")).await;
    assert!(delivery["lastError"].as_str().unwrap().contains("may not be called"), "{delivery}");
    assert!(sink.kept().is_empty());
}

async fn ssrf_3_whoever_says_too_much_or_nothing_holds_nobody_up(ground: Ground) {
    let (app, sink, other) = (start(ground).await, Sink::start().await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let (bad, good) = (ada.tells(&sink).await, ada.tells(&other).await);
    sink.behave(&[Manner::Endless]);

    ada.rename(ada.user, "Ada").await;
    ada.delivered(&good, "done").await;
    until("it was tried", async || ada.delivery(&bad).await["attempts"] == 1).await;

    let delivery = ada.delivery(&bad).await;
    assert_eq!(delivery["lastAnswer"].as_str().unwrap().len(), 1024);
}

async fn ten_1_a_webhook_hears_nothing_of_another_tenant(ground: Ground) {
    let (app, sink, other) = (start(ground).await, Sink::start().await, Sink::start().await);
    let (a, b) = (app.native("a").await, app.native("b").await);
    let (ada, eve) =
        (Desk::admin(&app, &a, "ada@a.example").await, Desk::admin(&app, &b, "eve@b.example").await);
    let (ours, theirs) = (ada.tells(&sink).await, eve.tells(&other).await);

    eve.rename(eve.user, "Eve").await;
    let delivery = eve.delivered(&theirs, "done").await;

    assert!(sink.kept().is_empty());
    for path in ["/webhooks/{}/secret", "/webhooks/{}"] {
        assert_eq!(ada.look(&path.replace("{}", &theirs)).await.status, 404, "{path}");
    }
    let at = format!("/deliveries/{}/resend", delivery["id"].as_str().unwrap());
    assert_eq!(ada.send(&at, json!({})).await.status, 404);
    assert_eq!(ada.ask(Method::DELETE, &format!("/webhooks/{ours}"), None).await.status, 200);
}
