//! A forgotten password.

use diesel::prelude::*;
use doorward::components::vault::Place;
use doorward::db::schema::{one_time_proofs, totp_settings};
use reqwest::Method;
use serde_json::json;

use super::{House, NEW, link, token, wins};
use crate::ground::Ground;
use crate::ground::app::Reply;
use crate::ground::on_both;
use crate::ground::people::PASSWORD;

on_both!(
    inj_8_no_look_alike_gets_a_mail_that_is_anothers,
    enum_3_a_forgotten_password_is_answered_the_same_for_known_and_unknown,
    rst_1_no_token_stands_in_the_database,
    rst_2_fifty_parallel_resets_by_one_link_set_one_password,
    rst_3_a_link_expires_and_one_reset_kills_the_others,
    rst_5_no_header_decides_where_the_link_leads,
    rst_6_without_the_mailed_token_no_walk_sets_a_password,
    rst_7_a_reset_ends_every_session_and_logs_nobody_in,
    rst_12_twenty_requests_send_three_mails,
    ten_7_a_reset_in_one_tenant_does_nothing_in_another,
    a_password_that_is_too_weak_uses_no_link_up,
    a_reset_lets_in_whom_guesses_kept_out,
    a_tenant_cannot_lower_the_floor_of_passwords,
);

async fn enum_3_a_forgotten_password_is_answered_the_same_for_known_and_unknown(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "ada@example.com").await;

    let known = house.forgot(&door, "ada@example.com").await;
    let unknown = house.forgot(&door, "eve@example.com").await;
    house.settled().await;
    let guess = |email: &str, asked: &Reply| {
        let id = asked.says("requestId").to_owned();
        house.post(
            &door,
            "reset-password",
            json!({ "email": email, "requestId": id, "code": "00000000", "password": NEW }),
        )
    };
    let (at_known, at_unknown) =
        (guess("ada@example.com", &known).await, guess("eve@example.com", &unknown).await);

    assert_eq!((known.status, known.text.len()), (unknown.status, unknown.text.len()));
    assert_eq!((house.mails_to("ada@example.com"), house.mails_to("eve@example.com")), (1, 0));
    assert_eq!((at_known.status, at_known.key()), (at_unknown.status, at_unknown.key()));
    let rows: i64 = one_time_proofs::table
        .filter(one_time_proofs::tries.eq(1))
        .count()
        .get_result(&mut house.app.ground.connect())
        .unwrap();
    assert_eq!(rows, 2, "a guess at an unknown address is counted on a row of its own");
}

async fn rst_1_no_token_stands_in_the_database(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "ada@example.com").await;

    house.forgot(&door, "ada@example.com").await;
    let token = token(&house.mail("ada@example.com").await);

    let hashes: Vec<Vec<u8>> = one_time_proofs::table
        .select(one_time_proofs::token_hash)
        .load(&mut house.app.ground.connect())
        .unwrap();
    let secret = token.strip_prefix("dwp_1_").unwrap();
    assert_eq!(secret.len(), 43, "256 bits");
    assert!(hashes.iter().all(|hash| hash.len() == 32 && hash != secret.as_bytes()));
    assert_eq!(hashes[0], doorward::base::PlainToken::from_text(token).hash().0);
}

async fn rst_2_fifty_parallel_resets_by_one_link_set_one_password(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, "ada@example.com").await;
    house.forgot(&door, "ada@example.com").await;
    let token = token(&house.mail("ada@example.com").await);
    let password = |n: usize| format!("{NEW}-{n}");

    let path = "/api/v1/auth/password-based/reset-password";
    let statuses =
        house.fifty(&door, path, |n| json!({ "resetToken": token, "password": password(n) })).await;

    assert_eq!(wins(&statuses), 1, "{statuses:?}");
    let winner = statuses.iter().position(|status| *status < 300).unwrap();
    assert!(house.opens(user, &password(winner)).await);
}

async fn rst_3_a_link_expires_and_one_reset_kills_the_others(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "ada@example.com").await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        house.forgot(&door, "ada@example.com").await;
        tokens.push(token(&house.mail("ada@example.com").await));
    }
    let reset =
        |token: &str| house.post(&door, "reset-password", json!({ "resetToken": token, "password": NEW }));

    let (second, first) = (reset(&tokens[1]).await, reset(&tokens[0]).await);
    // The word that the password was changed, before another mail can overtake it.
    house.mail("ada@example.com").await;
    house.app.advance(3601);
    house.forgot(&door, "ada@example.com").await;
    let late = super::token(&house.mail("ada@example.com").await);
    house.app.advance(1801);
    let expired = reset(&late).await;

    assert_eq!((second.status.as_u16(), first.status.as_u16(), expired.status.as_u16()), (200, 401, 401));
    assert_eq!(first.key(), expired.key());
}

async fn rst_5_no_header_decides_where_the_link_leads(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "ada@example.com").await;

    let request = house.app.request(&door, Method::POST, "/api/v1/auth/password-based/forgot-password");
    let forged = request
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "https")
        .header("forwarded", "host=evil.example")
        .header("x-original-url", "https://evil.example/")
        .header("x-tenant-origin", "https://a.example");
    Reply::of(forged.json(&json!({ "email": "ada@example.com" }))).await;
    let mail = house.mail("ada@example.com").await;

    let port = house.app.running.address.unwrap().port();
    assert!(
        link(&mail).starts_with(&format!("http://a.localhost:{port}/account/reset?token=")),
        "{}",
        link(&mail)
    );
}

async fn rst_6_without_the_mailed_token_no_walk_sets_a_password(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, "ada@example.com").await;
    let id = house.forgot(&door, "ada@example.com").await.says("requestId").to_owned();
    house.mail("ada@example.com").await;
    let bodies = [
        json!({}),
        json!({ "password": NEW }),
        json!({ "resetToken": "", "password": NEW }),
        json!({ "resetToken": null, "password": NEW }),
        json!({ "resetToken": id, "password": NEW }),
        json!({ "email": "ada@example.com", "requestId": id, "password": NEW }),
        json!({ "email": "ada@example.com", "requestId": id, "code": "", "password": NEW }),
        json!({ "resetToken": "x", "email": "ada@example.com", "requestId": id, "code": "00000000", "password": NEW }),
        json!({ "verifyToken": id, "password": NEW }),
        json!({ "token": id }),
    ];
    let events = [
        "reset-password",
        "verify-email",
        "confirm-email",
        "undo-email",
        "resend-verification",
        "forgot-password",
    ];

    // Twenty walkers at once, of 250 steps each, every one in an order of its own.
    let walkers = (1..=20_u64).map(|seed| {
        let (house, door, bodies) = (&house, &door, &bodies);
        async move {
            let mut state = seed;
            for _ in 0..250 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let draw = (state >> 33) as usize;
                let (event, body) = (events[draw % events.len()], &bodies[draw / 7 % bodies.len()]);
                let reply = house.post(door, event, body.clone()).await;
                assert!(reply.status.is_client_error(), "{event} {body}: {}", reply.text);
            }
        }
    });
    futures_util::future::join_all(walkers).await;

    assert!(house.opens(user, PASSWORD).await);
}

async fn rst_7_a_reset_ends_every_session_and_logs_nobody_in(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, "ada@example.com").await;
    let session = house.app.session(&door, user).await;
    totp(&house, user, door.tenant);
    house.forgot(&door, "ada@example.com").await;
    let token = token(&house.mail("ada@example.com").await);

    let reset = house.post(&door, "reset-password", json!({ "resetToken": token, "password": NEW })).await;

    assert_eq!((reset.status.as_u16(), &reset.json), (200, &json!({ "success": true })));
    assert!(reset.headers.get("set-cookie").is_none());
    assert_eq!(house.app.get_as(&door, &session.access, "/session/list").await.status, 401);
    assert_eq!(house.app.refresh(&door, &session.refresh).await.status, 401);
    assert_eq!(house.mail("ada@example.com").await.subject(), "Your password at Tenant a was changed");
    let factors: i64 = totp_settings::table.count().get_result(&mut house.app.ground.connect()).unwrap();
    assert_eq!(factors, 1);
}

fn totp(house: &House, user: doorward::base::UserId, tenant: doorward::base::TenantId) {
    use totp_settings as t;
    let at = house.app.clock.now();
    let place = Place { tenant: Some(tenant), table: "totp_settings", column: "secret_sealed", row: user.0 };
    let sealed = house.app.running.house.vault.seal(&place, b"a secret").unwrap();
    let row =
        (t::user_id.eq(user), t::tenant_id.eq(tenant), t::secret_sealed.eq(sealed), t::last_step.eq(0_i64));
    let row = (row, t::verified_at.eq(at), t::created_at.eq(at), t::updated_at.eq(at));
    diesel::insert_into(t::table).values(row).execute(&mut house.app.ground.connect()).unwrap();
}

async fn rst_12_twenty_requests_send_three_mails(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "ada@example.com").await;

    let mut answers = Vec::new();
    for _ in 0..20 {
        let reply = house.forgot(&door, "ada@example.com").await;
        answers.push((reply.status.as_u16(), reply.text.len()));
    }
    house.settled().await;

    answers.dedup();
    assert_eq!((answers.len(), house.mails_to("ada@example.com")), (1, 3), "{answers:?}");
    house.app.advance(3601);
    house.forgot(&door, "ada@example.com").await;
    house.settled().await;
    assert_eq!(house.mails_to("ada@example.com"), 4);
}

async fn ten_7_a_reset_in_one_tenant_does_nothing_in_another(ground: Ground) {
    let house = House::start(ground).await;
    let (a, b) = (house.app.native("a").await, house.app.native("b").await);
    let at_a = house.app.person(&a, "ada@example.com").await;
    let at_b = house.app.person(&b, "ada@example.com").await;
    let session = house.app.session(&b, at_b).await;
    house.forgot(&a, "ada@example.com").await;
    let token = token(&house.mail("ada@example.com").await);
    let body = json!({ "resetToken": token, "password": NEW });

    let elsewhere = house.post(&b, "reset-password", body.clone()).await;
    let here = house.post(&a, "reset-password", body).await;

    assert_eq!((elsewhere.status.as_u16(), here.status.as_u16()), (401, 200));
    assert!(house.opens(at_a, NEW).await && house.opens(at_b, PASSWORD).await);
    assert_eq!(house.app.get_as(&b, &session.access, "/session/list").await.status, 200);
}

async fn a_password_that_is_too_weak_uses_no_link_up(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "ada@example.com").await;
    house.forgot(&door, "ada@example.com").await;
    let token = token(&house.mail("ada@example.com").await);
    let reset = |password: &str| {
        house.post(&door, "reset-password", json!({ "resetToken": token, "password": password }))
    };

    let (weak, strong) = (reset("password").await, reset(NEW).await);

    assert_eq!((weak.status.as_u16(), strong.status.as_u16()), (422, 200));
}

async fn a_reset_lets_in_whom_guesses_kept_out(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "ada@example.com").await;
    let login = |password: &'static str| {
        let body = json!({ "email": "ada@example.com", "password": password });
        house.post(&door, "login", body)
    };
    for _ in 0..6 {
        login("a wrong guess of a stranger").await;
    }
    assert_eq!(login(PASSWORD).await.status, 401, "kept out by now");

    house.forgot(&door, "ada@example.com").await;
    let token = token(&house.mail("ada@example.com").await);
    let reset = house.post(&door, "reset-password", json!({ "resetToken": token, "password": NEW })).await;

    assert_eq!(reset.status, 200, "{}", reset.text);
    assert_eq!(login(NEW).await.status, 200);
}

async fn a_tenant_cannot_lower_the_floor_of_passwords(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let tenant = house.app.running.house.tenant(door.tenant).await.unwrap().unwrap();
    let mut lax = (*tenant).clone();

    lax.settings.0.password_minimum = Some(4);

    assert_eq!(doorward::auth::account::policy::minimum(&lax), 15);
}

async fn inj_8_no_look_alike_gets_a_mail_that_is_anothers(ground: Ground) {
    let house = House::allowing(ground, 50).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "kim@example.com").await;
    let same = [
        "KIM@EXAMPLE.COM",
        " kim@example.com\t",
        "\u{212a}im@example.com",
        "kim@ｅｘａｍｐｌｅ.com",
        "kim@Example。com",
    ];
    let strange = [
        "кim@example.com",
        "kım@example.com",
        "kim\u{307}@example.com",
        "ｋim@example.com",
        "kim@exаmple.com",
        "kim@xn--exmple-4nf.com",
        "kim@examp\u{200b}le.com",
        "kim@example.com@evil.example",
        "\"kim\"@example.com",
        "kim(x)@example.com",
        "kim@[127.0.0.1]",
        "kim@127.0.0.1",
        "kim@example.com\r\nbcc: eve@evil.example",
        "kim@example.com,eve@evil.example",
    ];

    for spelling in same {
        assert_eq!(house.forgot(&door, spelling).await.status, 202, "{spelling}");
    }
    house.settled().await;
    assert_eq!(house.mails_to("kim@example.com"), same.len());
    for spelling in strange {
        assert_eq!(house.forgot(&door, spelling).await.status, 422, "{spelling}");
    }
    assert_eq!(house.forgot(&door, "kim+x@example.com").await.status, 202, "nobody's, and no look-alike");
    house.settled().await;

    let sent: Vec<_> = house.smtp.mails().into_iter().map(|mail| mail.to).collect();
    assert!(sent.iter().all(|to| to == &["kim@example.com"]), "{sent:?}");
    assert_eq!(sent.len(), same.len(), "a look-alike was taken for another");
}
