//! REF-5, 6 and what a refresh token of somebody else, of nobody, or of the future does.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use doorward::base::{ClientId, SessionId};
use doorward::components::vault::Place;
use doorward::db::schema::{audit_records, clients, jobs, sessions, tenants, users};
use reqwest::Method;
use serde_json::json;

use crate::ground::Ground;
use crate::ground::app::{App, Door, Reply, START};
use crate::ground::on_both;

on_both!(
    ref_2_the_reuse_is_told_to_the_person_by_mail,
    ref_5_a_token_of_another_client_or_tenant_is_nobodys,
    ref_6_user_client_tenant_and_home_each_stop_it_at_once,
    ref_8_a_bad_mac_below_the_generation_ends_nothing,
    a_token_ahead_of_its_session_raises_an_alarm_and_ends_nothing,
);

async fn ref_2_the_reuse_is_told_to_the_person_by_mail(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let first = app.session(&door, user).await;
    for _ in 0..2 {
        app.advance(11);
        app.refresh(&door, &first.refresh).await;
    }

    app.refresh(&door, &first.refresh).await;

    let mails = jobs::table.filter(jobs::name.eq("mail.send")).count();
    assert_eq!(mails.get_result::<i64>(&mut ground.connect()).unwrap(), 1);
}

async fn ref_5_a_token_of_another_client_or_tenant_is_nobodys(ground: Ground) {
    let app = App::start(ground).await;
    let (door, b) = (app.native("a").await, app.native("b").await);
    let user = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, user).await;
    let backend = Door { client: "a-backend".into(), ..door.clone() };
    let crossed = Door { client: door.client.clone(), ..b.clone() };
    app.advance(11);

    for other in [&b, &backend, &crossed] {
        let reply = app.refresh(other, &holder.refresh).await;
        assert!(matches!(reply.status.as_u16(), 400 | 401), "{}", reply.text);
        let out = app.post(other, "/auth/logout", json!({ "refreshToken": holder.refresh })).await;
        assert!(out.status != 500, "{}", out.text);
    }
    let browser = app.browser("a").await;
    let request = app.request(&browser, Method::POST, "/auth/refresh-tokens");
    let request = request.header("cookie", format!("__Host-dw-a-web={}", holder.refresh)).json(&json!({}));
    assert_eq!(Reply::of(request).await.status, 401);

    assert_eq!(app.refresh(&door, &holder.refresh).await.status, 200, "no attempt harmed it");
}

async fn ref_6_user_client_tenant_and_home_each_stop_it_at_once(ground: Ground) {
    ground.leave_unsound("rows are bent by hand");
    let app = App::start(ground.clone()).await;
    for switch in 0..4 {
        let (name, home) = (["c", "d", "e", "f"][switch], ["ch", "dh", "eh", "fh"][switch]);
        let (home, _) = (app.found(home).await, app.found(name).await);
        let door = app.native(name).await;
        let user = app.person(&Door { tenant: home, ..door.clone() }, "ada@a.example").await;
        doorward::identity::User::join(&mut ground.connect(), door.tenant, user, START).unwrap();
        let holder = app.session(&door, user).await;
        assert_eq!(app.refresh(&door, &holder.refresh).await.status, 200);
        app.advance(11);

        let conn = &mut ground.connect();
        match switch {
            0 => diesel::update(users::table.find(user)).set(users::disabled_at.eq(START)).execute(conn),
            1 => diesel::update(clients::table.filter(clients::public_id.eq(&door.client)))
                .set(clients::disabled_at.eq(START))
                .execute(conn),
            2 => diesel::update(tenants::table.find(door.tenant))
                .set(tenants::suspended_at.eq(START))
                .execute(conn),
            _ => diesel::update(tenants::table.find(home)).set(tenants::suspended_at.eq(START)).execute(conn),
        }
        .unwrap();

        let reply = app.refresh(&door, &holder.refresh).await;
        assert!(matches!(reply.status.as_u16(), 400 | 401), "switch {switch}: {}", reply.text);
        assert_eq!(reply.says("accessToken"), "");
    }
}

/// A token of a session, at any generation, made with the seed out of the vault.
fn minted(app: &App, generation: i64) -> String {
    let row: (SessionId, ClientId, Vec<u8>) = sessions::table
        .select((sessions::id, sessions::client_id, sessions::seed_sealed))
        .first(&mut app.ground.connect())
        .unwrap();
    let tenant: doorward::base::TenantId =
        sessions::table.select(sessions::tenant_id).first(&mut app.ground.connect()).unwrap();
    let place = Place { tenant: Some(tenant), table: "sessions", column: "seed_sealed", row: row.0.0 };
    let seed = app.running.house.vault.open(&place, &row.2).unwrap();
    let ids = [*tenant.as_bytes(), *row.1.as_bytes(), *row.0.as_bytes()].concat();
    let signed = [b"dwr_1".as_slice(), &ids, &generation.to_be_bytes()].concat();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &seed), &signed);
    let bytes = [row.0.as_bytes().as_slice(), &generation.to_be_bytes(), mac.as_ref()].concat();
    format!("dwr_1_{}", URL_SAFE_NO_PAD.encode(bytes))
}

async fn ref_8_a_bad_mac_below_the_generation_ends_nothing(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let mut token = app.session(&door, user).await.refresh;
    for _ in 0..3 {
        app.advance(11);
        token = app.refresh(&door, &token).await.says("refreshToken").to_owned();
    }
    let old = minted(&app, 1);
    let encoded = old.strip_prefix("dwr_1_").unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(encoded).unwrap();
    *bytes.last_mut().unwrap() ^= 1;

    let forged = app.refresh(&door, &format!("dwr_1_{}", URL_SAFE_NO_PAD.encode(bytes))).await;

    assert_eq!(
        (forged.status.as_u16(), forged.key()),
        (401, "sessionStore.refreshTokens.invalidRefreshToken")
    );
    app.advance(11);
    assert_eq!(app.refresh(&door, &token).await.status, 200, "a stranger ended it");
}

async fn a_token_ahead_of_its_session_raises_an_alarm_and_ends_nothing(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let token = app.session(&door, user).await.refresh;
    assert_eq!(minted(&app, 1), token, "the forger's own hand is good");

    for generation in [2, 3, i64::MAX, i64::MIN, -1, 0] {
        assert_eq!(app.refresh(&door, &minted(&app, generation)).await.status, 401, "{generation}");
        if generation == i64::MAX {
            assert_eq!(app.refresh(&door, &token).await.status, 200, "one ahead ended the session");
        }
    }
    let told = audit_records::table.filter(audit_records::reason.eq("ahead")).count();
    assert_eq!(told.get_result::<i64>(&mut ground.connect()).unwrap(), 3);
}
