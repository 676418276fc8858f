//! Who did what, and why somebody was refused, as an auditor finds it.

use std::collections::BTreeSet;

use diesel::prelude::*;
use doorward::audit::controller::READ;
use doorward::base::{RequestId, TenantId};
use doorward::db::schema::audit_records;
use doorward::identity::Scope;
use doorward::permissions::{entity::Role, known, steps};
use serde_json::json;

use crate::ground::Ground;
use crate::ground::app::{App, Door, Reply};
use crate::ground::on_both;
use crate::ground::people::Holder;

on_both!(
    a_refused_login_is_found_by_its_request_id_with_the_reason_on_any_node,
    an_auditor_sees_their_own_tenant_and_a_member_sees_nothing,
    an_auditor_pages_through_all_records_once,
    a_crowd_that_is_refused_leaves_few_records_that_count_all,
    log_2_each_action_leaves_its_record,
);

async fn auditor(app: &App, door: &Door) -> Holder {
    let user = app.person(door, "auditor@a.example").await;
    app.promote(door, user).await;
    app.session(door, user).await
}

async fn written(app: &App) {
    let house = &app.running.house;
    house.denials.write_down(&house.db, house.clock.now(), false).await.unwrap();
}

async fn found(app: &App, door: &Door, token: &str, reply: &Reply) -> serde_json::Value {
    let path = format!("/api/v1/audit?requestId={}", reply.says("requestId"));
    let page = app.get_as(door, token, &path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    page.json["records"].clone()
}

/// The way in of this branch's tests is the refresh token; a password's goes the same way through the gate.
async fn a_refused_login_is_found_by_its_request_id_with_the_reason_on_any_node(ground: Ground) {
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
        let path = format!("/api/v1/audit?outcome=refused&limit=4{next}");
        let page = app.get_as(&door, &auditor.access, &path).await;
        let records = page.json["records"].as_array().unwrap().clone();
        seen.extend(records.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
        next = format!("&after={}", page.says("next"));
    }

    assert_eq!((seen.len(), next.as_str()), (15, "&after="));
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

/// What is done, and the record that it must leave (ASVS 16.2.1, 16.3.1 to 16.3.4).
const EXPECTED: &[(&str, &str)] = &[
    ("role.give", "success"),
    ("role.take", "success"),
    ("session.end", "success"),
    ("session.endAll", "success"),
    ("session.start", "success"),
    ("sessions.list", "refused"),
    ("sessions.refresh", "refused"),
    ("tenant.create", "success"),
];

async fn log_2_each_action_leaves_its_record(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let admin = auditor(&app, &door).await;
    let other = app.session(&door, admin.user).await;
    take_role(&app, door.tenant, &admin).await;

    app.post_as(&door, &admin.access, "/session/logout-others", json!({})).await;
    app.get_as(&door, &other.access, "/session/list").await;
    let admin = app.session(&door, admin.user).await;
    app.refresh(&door, "dwr_1_junk").await;
    let ended = app.post_as(&door, &admin.access, "/auth/logout", json!({})).await;
    written(&app).await;

    assert_eq!(ended.status, 200, "{}", ended.text);
    let rows: Vec<(String, String)> = audit_records::table
        .select((audit_records::action, audit_records::outcome))
        .load(&mut ground.connect())
        .unwrap();
    let told: BTreeSet<_> =
        rows.iter().map(|(action, outcome)| (action.as_str(), outcome.as_str())).collect();
    let missing: Vec<_> = EXPECTED.iter().filter(|expected| !told.contains(*expected)).collect();
    assert!(missing.is_empty(), "missing {missing:?} in {told:?}");
    whole(&ground, &door, &ended);
}

/// When, who, tenant, what, where from, in which session and request.
fn whole(ground: &Ground, door: &Door, ended: &Reply) {
    use audit_records as a;
    let request: RequestId = ended.headers["doorward-request-id"].to_str().unwrap().parse().unwrap();
    let (tenant, actor, target, address): (Option<TenantId>, bool, Option<String>, Option<String>) = a::table
        .filter(a::request_id.eq(request))
        .select((a::tenant_id, a::actor_id.is_not_null(), a::target_kind, a::address))
        .get_result(&mut ground.connect())
        .unwrap();
    assert_eq!((tenant, actor), (Some(door.tenant), true));
    assert_eq!((target.as_deref(), address.as_deref()), (Some("session"), Some("127.0.0.1")));
}

async fn take_role(app: &App, tenant: TenantId, holder: &Holder) {
    let user = holder.user;
    let scope = Scope::of_house(app.running.house.clone(), None);
    let taken = scope.write(move |tx| {
        let role = Role::named(tx.conn, tenant, known::ADMIN)?.unwrap();
        steps::take(tx, &role, user)
    });
    assert!(taken.await.unwrap());
}
