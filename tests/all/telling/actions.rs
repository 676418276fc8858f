//! Each action and the record that it must leave.

use std::collections::BTreeSet;

use diesel::prelude::*;
use doorward::base::{RequestId, TenantId};
use doorward::components::Clock;
use doorward::db::schema::audit_records;
use doorward::identity::Scope;
use doorward::permissions::{entity::Role, known, steps};
use serde_json::json;

use super::audit::{auditor, written};
use super::canaries::settings;
use super::tour::Tour;
use crate::ground::app::{App, Door, Reply};
use crate::ground::people::Holder;
use crate::ground::smtp::Smtp;
use crate::ground::{Ground, on_both};

on_both!(log_2_each_action_leaves_its_record);

/// ASVS 16.2.1, 16.3.1 to 16.3.4. Who asks for an account or for a mail is nobody yet, and leaves none.
const DONE: &[&str] = &[
    "account.accept_invitation",
    "account.confirm_email",
    "account.invite",
    "account.reset_password",
    "account.revoke_invitation",
    "account.undo_email",
    "account.verify_email",
    "client.create",
    "login.pending",
    "password.disable_otp",
    "password.enable_otp",
    "password.login",
    "password.resend_otp",
    "password.update_password",
    "password.verify_otp",
    "role.give",
    "role.take",
    "session.end",
    "session.endAll",
    "session.start",
    "tenant.create",
    "user.create",
    "user.disable",
    "user.enable",
    "users.edit_me",
    "users.start_reset",
    "users.update",
];
const REFUSED: &[&str] = &[
    "account.accept_invitation",
    "account.reset_password",
    "account.verify_email",
    "password.confirm",
    "password.login",
    "password.verify_otp",
    "sessions.list",
    "sessions.refresh",
    "tokens.introspect",
];

async fn log_2_each_action_leaves_its_record(ground: Ground) {
    let smtp = Smtp::with_login("doorward", super::canaries::MAIL_PASSWORD).await;
    let app = App::with_clock(ground.clone(), settings(&ground, &smtp), Clock::real()).await;
    let door = app.native("a").await;
    let admin = auditor(&app, &door).await;
    take_role(&app, door.tenant, &admin).await;

    let mut tour = Tour::of(&app, &smtp, (app.url(""), "here")).await;
    tour.walk().await;
    let ended =
        app.post_as(&door, &app.session(&door, admin.user).await.access, "/auth/logout", json!({})).await;
    written(&app).await;

    assert_eq!(ended.status, 200, "{}", ended.text);
    assert_eq!(missing(&ground, "success", DONE), [""; 0]);
    assert_eq!(missing(&ground, "refused", REFUSED), [""; 0]);
    whole(&ground, &door, &ended);
}

fn missing(ground: &Ground, outcome: &str, expected: &[&'static str]) -> Vec<&'static str> {
    let told = audit_records::table.filter(audit_records::outcome.eq(outcome)).select(audit_records::action);
    let told: BTreeSet<String> = told.load(&mut ground.connect()).unwrap().into_iter().collect();
    expected.iter().copied().filter(|action| !told.contains(*action)).collect()
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
