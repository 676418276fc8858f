//! What comes in: what its sender signed, once, and with no more rights than its writer had.

use std::process::Command;

use diesel::prelude::*;
use doorward::db::schema::domain_events;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::signed;
use crate::actions::kit::{echo, workers};
use crate::ground::app::{App, Reply};
use crate::ground::{Ground, on_both};
use crate::recipes::{packages, run};
use crate::rights::kit::{Desk, told};

on_both!(
    hook_1_what_the_fields_own_libraries_sign_is_heard_and_nothing_else,
    hook_1_an_old_message_is_refused_where_its_time_is_signed,
    hook_2_of_fifty_the_same_on_two_nodes_one_is_heard,
    hook_3_whoever_cannot_sign_learns_nothing_of_what_is_there,
    inj_1_what_is_signed_and_no_json_changes_nothing,
    priv_1_what_follows_does_no_more_than_its_writer_could,
    lim_6_one_sender_sends_so_often_and_no_more,
);

const MADE: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

struct Hook {
    path: String,
    one: String,
}

async fn hook(desk: &Desk<'_>, scheme: &str, trigger: &str) -> Hook {
    let new = json!({ "name": format!("{scheme} {trigger}"), "scheme": scheme, "trigger": trigger, "secret": MADE });
    let made = desk.send("/inbound-webhooks", new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    Hook { path: made.says("path").to_owned(), one: format!("/inbound-webhooks/{}", made.says("id")) }
}

/// As their senders' own libraries sign.
fn by_library(scheme: &str, (id, at): (&str, i64), body: &str) -> Vec<(String, String)> {
    let mut sign = Command::new("node");
    sign.args(["sign.mjs", scheme, MADE, id, &at.to_string(), body]).current_dir(packages("tests/webhooks"));
    let headers: Map<String, Value> = serde_json::from_str(&run(&mut sign)).unwrap();
    headers.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect()
}

/// From elsewhere: no client, no origin, no session.
async fn come(app: &App, path: &str, headers: &[(String, String)], body: &str) -> Reply {
    let request = reqwest::Client::new()
        .request(Method::POST, format!("http://{}{path}", app.running.address.unwrap()));
    let request = request.header("content-type", "application/json").body(body.to_owned());
    Reply::of(headers.iter().fold(request, |request, (name, value)| request.header(name, value))).await
}

fn ours(id: &str, at: i64, body: &str) -> Vec<(String, String)> {
    signed(MADE, (id, at), body).map(|(name, value)| (name.to_owned(), value)).to_vec()
}

fn thrown(app: &App, trigger: &str) -> i64 {
    let all = domain_events::table.filter(domain_events::trigger_name.eq(trigger));
    all.count().get_result(&mut app.ground.connect()).unwrap()
}

async fn hook_1_what_the_fields_own_libraries_sign_is_heard_and_nothing_else(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let _workers = workers(&app).await;
    let now = app.clock.now().seconds();

    for scheme in ["standardWebhooks", "gitHub", "stripe"] {
        let trigger = format!("x.{scheme}");
        let action = ada.makes(echo(&trigger, "x.heard")).await;
        let hook = hook(&ada, scheme, &trigger).await;
        let body = r#"{"id":"evt_1","type":"paid","amount":  3.50, "user": "nobody"}"#;
        let headers = by_library(scheme, ("paid", now), body);

        let (changed, none) = (body.replace("3.50", "3.51"), Vec::new());
        for (headers, body) in [(&headers, changed.as_str()), (&none, body)] {
            let refused = come(&app, &hook.path, headers, body).await;
            assert_eq!(told(&refused), (401, "inbound.refused"), "{scheme} {}", refused.text);
        }
        let other = if scheme == "gitHub" { "stripe" } else { "gitHub" };
        let refused = come(&app, &hook.path, &by_library(other, ("paid", now), body), body).await;
        assert_eq!(refused.status, 401, "{scheme}: signed otherwise");
        let taken = come(&app, &hook.path, &headers, body).await;
        assert_eq!((taken.status.as_u16(), taken.text.as_str()), (200, r#"{"success":true}"#));

        let run = ada.ended(&action, 1).await.remove(0);
        let data = &run["envelope"]["data"];
        assert_eq!((&data["type"], &data["payload"]["amount"]), (&json!("paid"), &json!(3.5)), "{run}");
        assert_eq!((&run["depth"], &run["envelope"]["user"]), (&json!(1), &Value::Null));
        assert_eq!(thrown(&app, &trigger), 1);
    }
}

async fn hook_1_an_old_message_is_refused_where_its_time_is_signed(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let (now, body) = (app.clock.now().seconds(), r#"{"type":"paid"}"#);

    for scheme in ["standardWebhooks", "stripe"] {
        let hook = hook(&ada, scheme, "x.paid").await;
        for (at, status) in [(now - 301, 401), (now + 301, 401), (now - 299, 200), (now + 299, 200)] {
            let came = come(&app, &hook.path, &by_library(scheme, (&at.to_string(), at), body), body).await;
            assert_eq!(came.status, status, "{scheme} {at} {}", came.text);
        }
    }
    let hook = hook(&ada, "standardWebhooks", "x.odd").await;
    for at in ["", "now", "-1", "1e9", "99999999999999999999"] {
        let mut headers = ours("odd", now, body);
        headers[1].1 = at.to_owned();
        assert_eq!(come(&app, &hook.path, &headers, body).await.status, 401, "{at}");
    }
}

async fn hook_2_of_fifty_the_same_on_two_nodes_one_is_heard(ground: Ground) {
    let app = App::start(ground).await;
    let beside = app.beside().await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let (hook, body) = (hook(&ada, "standardWebhooks", "x.paid").await, r#"{"type":"paid"}"#);
    let headers = ours("one", app.clock.now().seconds(), body);

    let all =
        (0..50).map(|number| come(if number % 2 == 0 { &app } else { &beside }, &hook.path, &headers, body));
    let all = join_all(all).await;

    assert!(all.iter().all(|reply| reply.status == 200), "a sender that is refused would send it again");
    assert_eq!(thrown(&app, "x.paid"), 1);
    let next = ours("two", app.clock.now().seconds(), body);
    assert_eq!(come(&app, &hook.path, &next, body).await.status, 200);
    assert_eq!(thrown(&app, "x.paid"), 2, "another message of the same words is another one");
}

async fn hook_3_whoever_cannot_sign_learns_nothing_of_what_is_there(ground: Ground) {
    let app = App::start(ground).await;
    let (door, other) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let hook = hook(&ada, "standardWebhooks", "x.paid").await;
    let body = r#"{"type":"paid"}"#;
    let headers = || ours("one", app.clock.now().seconds(), body);
    let (id, nobody) = (hook.path.rsplit('/').next().unwrap(), doorward::base::RecordId::new());
    let elsewhere = format!("/api/v1/hooks/{}/{id}", other.tenant);

    let mut answers = Vec::new();
    for path in [
        elsewhere,
        format!("/api/v1/hooks/{nobody}/{id}"),
        format!("/api/v1/hooks/{}/{nobody}", door.tenant),
        "/api/v1/hooks/x/y".to_owned(),
    ] {
        answers.push(come(&app, &path, &headers(), body).await);
    }
    answers.push(come(&app, &hook.path, &[], body).await);
    assert_eq!(ada.patch(&hook.one, json!({ "isEnabled": false })).await.status, 200);
    answers.push(come(&app, &hook.path, &headers(), body).await);
    assert_eq!(ada.ask(Method::DELETE, &hook.one, None).await.status, 200);
    answers.push(come(&app, &hook.path, &headers(), body).await);

    for answer in &answers {
        assert_eq!(told(answer), (401, "inbound.refused"), "{}", answer.text);
        assert_eq!(answer.json["detail"], answers[0].json["detail"]);
    }
    assert_eq!(thrown(&app, "x.paid"), 0);
}

async fn inj_1_what_is_signed_and_no_json_changes_nothing(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let hook = hook(&ada, "standardWebhooks", "x.paid").await;
    let (deep, large) = ("[".repeat(10_000), format!("\"{}\"", "x".repeat(70_000)));

    for (body, status) in [
        ("", 400),
        ("paid", 400),
        (r#"{"a":1,"a":2}"#, 400),
        (r#"{"a":"\u0000"}"#, 400),
        (deep.as_str(), 400),
        (large.as_str(), 413),
    ] {
        let came = come(&app, &hook.path, &ours("one", app.clock.now().seconds(), body), body).await;
        assert_eq!(came.status, status, "{}", came.text);
    }
    assert_eq!(thrown(&app, "x.paid"), 0);
}

async fn priv_1_what_follows_does_no_more_than_its_writer_could(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let clerk = Desk::clerk(&app, &door, "bob@a.example", &["tenant:webhook:manage"]).await;
    let _workers = workers(&app).await;
    let action = json!({ "name": "mail", "listens": ["x.paid"], "handler": "mail", "runsAs": ada.named("admin").await,
        "configuration": { "to": "role:admin", "subject": "Paid", "text": "{{data.payload.amount}}" } });
    let action = ada.makes(action).await;
    let (hook, body) = (hook(&clerk, "standardWebhooks", "x.paid").await, r#"{"amount":3}"#);
    let send = async |id: &str| {
        come(&app, &hook.path, &ours(id, app.clock.now().seconds(), body), body).await.status
    };

    assert_eq!(send("one").await, 200);
    assert_eq!(ada.ended(&action, 1).await[0]["detail"]["key"], "actions.run.notAllowed");
    // Whoever changes it answers for it.
    assert_eq!(ada.patch(&hook.one, json!({ "description": "Mine." })).await.status, 200);
    assert_eq!(send("two").await, 200);
    assert_eq!(ada.ended(&action, 2).await[0]["detail"], json!({ "mailed": 1 }));
}

async fn lim_6_one_sender_sends_so_often_and_no_more(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let (hook, body) = (hook(&ada, "standardWebhooks", "x.paid").await, "{}");
    let id: doorward::base::InboundWebhookId = hook.path.rsplit('/').next().unwrap().parse().unwrap();
    app.running.house.limiter.spend("inbound", id.0.as_bytes(), 599).unwrap();

    let last = come(&app, &hook.path, &ours("last", app.clock.now().seconds(), body), body).await;
    let more = come(&app, &hook.path, &ours("more", app.clock.now().seconds(), body), body).await;

    assert_eq!((last.status.as_u16(), more.status.as_u16()), (200, 429), "{}", more.text);
    assert_eq!(thrown(&app, "x.paid"), 1);
}
