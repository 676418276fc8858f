//! Who did what, and why somebody was refused, as an auditor finds it.

use std::collections::BTreeSet;

use diesel::prelude::*;
use doorward::audit::service::READ;
use doorward::auth::password::events::Imported;
use doorward::db::schema::audit_records;
use doorward::permissions::known;
use serde_json::json;

use crate::ground::Ground;
use crate::ground::app::{App, Door, Reply};
use crate::ground::on_both;
use crate::ground::people::Holder;
use crate::password::kit::{OTHER, RIGHT, imported, password};

on_both!(
    a_refused_request_is_found_by_its_request_id_with_the_reason_on_any_node,
    a_refused_login_is_found_by_its_request_id_with_its_reason,
    an_auditor_sees_their_own_tenant_and_a_member_sees_nothing,
    an_auditor_pages_through_all_records_once,
    a_crowd_that_is_refused_leaves_few_records_that_count_all,
);

pub async fn auditor(app: &App, door: &Door) -> Holder {
    let user = app.person(door, "auditor@a.example").await;
    app.promote(door, user).await;
    app.session(door, user).await
}

pub async fn written(app: &App) {
    let house = &app.running.house;
    house.denials.write_down(&house.db, house.clock.now(), false).await.unwrap();
}

async fn found(app: &App, door: &Door, token: &str, reply: &Reply) -> serde_json::Value {
    let path = format!("/api/v1/audit?requestId={}", reply.says("requestId"));
    let page = app.get_as(door, token, &path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    page.json["data"].clone()
}

async fn a_refused_request_is_found_by_its_request_id_with_the_reason_on_any_node(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let auditor = auditor(&app, &door).await;

    let refused = app.refresh(&door, "dwr_1_junk").await;
    let unknown = app.get_as(&door, "no-token", "/session/list").await;
    written(&app).await;

    let other = app.beside().await;
    let record = found(&other, &door, &auditor.access, &refused).await[0].clone();
    assert_eq!(record["action"], "sessions.refresh");
    assert_eq!((&record["outcome"], &record["reason"]), (&json!("refused"), &json!("form")));
    assert_eq!(record["data"]["key"], "sessionStore.refreshTokens.invalidRefreshToken");
    assert_eq!((&record["address"], &record["count"]), (&json!("127.0.0.1"), &json!(1)));
    let record = found(&other, &door, &auditor.access, &unknown).await[0].clone();
    assert_eq!((&record["action"], &record["reason"]), (&json!("sessions.list"), &json!("form")));
}

/// It shows 8: the six ways to be refused look alike to the caller, and each has its own word in the audit.
async fn a_refused_login_is_found_by_its_request_id_with_its_reason(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let auditor = auditor(&app, &door).await;
    for name in ["ada", "off", "shut"] {
        app.resident(&door, &format!("{name}@a.example")).await;
    }
    app.settle(&door, imported("bare@a.example", None)).await;
    let hash = app.running.house.hasher.hash(None, &password(RIGHT)).await.unwrap();
    let unverified = Imported { is_verified: false, ..imported("new@a.example", Some(hash)) };
    app.settle(&door, unverified).await;
    app.disable(app.meant(&door, "off@a.example"));
    app.block(&door, "shut@a.example").await;

    let refused = [
        ("unknown", app.login(&door, "nobody@a.example", RIGHT).await),
        ("wrongPassword", app.login(&door, "ada@a.example", OTHER).await),
        ("disabled", app.login(&door, "off@a.example", RIGHT).await),
        ("noPassword", app.login(&door, "bare@a.example", RIGHT).await),
        ("notVerified", app.login(&door, "new@a.example", RIGHT).await),
        ("blocked", app.login(&door, "shut@a.example", RIGHT).await),
    ];
    written(&app).await;

    for (reason, reply) in refused {
        let records = found(&app, &door, &auditor.access, &reply).await;
        let record = &records[0];
        assert_eq!(records.as_array().unwrap().len(), 1, "{reason}: {records}");
        assert_eq!((record["reason"].as_str(), &record["outcome"]), (Some(reason), &json!("refused")));
        assert_eq!((&record["action"], &record["address"]), (&json!("password.login"), &json!("127.0.0.1")));
    }
}

async fn an_auditor_sees_their_own_tenant_and_a_member_sees_nothing(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let auditor = auditor(&app, &a).await;
    let member = app.person(&a, "member@a.example").await;
    let member = app.session(&a, member).await;

    let elsewhere = app.refresh(&b, "dwr_1_junk").await;
    let closed = app.get_as(&a, &member.access, "/api/v1/audit").await;
    written(&app).await;

    assert_eq!((closed.status.as_u16(), closed.key()), (403, "auth.requireUser.missingPermissions"));
    assert_eq!(found(&app, &a, &auditor.access, &elsewhere).await, json!([]));
    let record = found(&app, &a, &auditor.access, &closed).await[0].clone();
    assert_eq!((&record["reason"], &record["actor"]["id"]), (&json!(READ), &json!(member.user)));
    assert_eq!(READ, known::AUDIT_READ);
}

async fn an_auditor_pages_through_all_records_once(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let auditor = auditor(&app, &door).await;
    for _ in 0..15 {
        app.refresh(&door, "dwr_1_junk").await;
    }
    written(&app).await;

    let mut seen = BTreeSet::new();
    let mut next = String::new();
    for _ in 0..4 {
        let path = format!("/api/v1/audit?outcome=refused&$limit=4{next}");
        let page = app.get_as(&door, &auditor.access, &path).await;
        let records = page.json["data"].as_array().unwrap().clone();
        seen.extend(records.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
        next = format!("&$after={}", page.says("next"));
    }

    assert_eq!((seen.len(), next.as_str()), (15, "&$after="));
}

async fn a_crowd_that_is_refused_leaves_few_records_that_count_all(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;

    for _ in 0..100 {
        app.refresh(&door, "dwr_1_junk").await;
    }
    written(&app).await;
    app.advance(60);
    written(&app).await;

    let counts: Vec<i64> = audit_records::table
        .filter(audit_records::action.eq("sessions.refresh"))
        .select(audit_records::count)
        .load(&mut ground.connect())
        .unwrap();
    assert_eq!((counts.len(), counts.iter().sum::<i64>()), (21, 100));
}
