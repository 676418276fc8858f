//! Sign-up and the proof of its address.

use diesel::prelude::*;
use doorward::db::schema::{sign_ups, users};
use serde_json::json;

use super::{House, NEW, token, wins};
use crate::ground::Ground;
use crate::ground::on_both;

on_both!(
    a_code_that_is_typed_where_one_signed_up_makes_the_account_and_logs_in,
    a_link_alone_asks_for_a_new_password,
    enum_4_a_taken_address_is_answered_as_a_free_one_and_its_owner_is_told,
    enum_3_another_mail_is_promised_to_everybody_and_sent_to_who_waits,
    race_1_fifty_parallel_sign_ups_of_one_address_make_one_account,
    sign_ups_do_not_replace_each_other_and_the_first_proof_ends_the_rest,
    lim_6_a_strangers_words_travel_in_no_mail,
    a_weak_password_is_refused_before_anything_is_written,
    five_wrong_codes_use_the_right_one_up,
    a_code_ages_before_its_link,
);

async fn a_code_that_is_typed_where_one_signed_up_makes_the_account_and_logs_in(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;

    let asked = house.sign_up(&door, "ada@example.com").await;
    let mail = house.mail("ada@example.com").await;
    let proof =
        json!({ "email": "Ada@Example.com ", "requestId": asked.says("requestId"), "code": mail.code() });
    let first = house.post(&door, "verify-email", proof.clone()).await;
    let again = house.post(&door, "verify-email", proof).await;

    assert_eq!(asked.status, 202, "{}", asked.text);
    assert_eq!(
        (first.status.as_u16(), &first.json["session"]["next"]),
        (200, &json!(null)),
        "{}",
        first.text
    );
    assert_eq!(
        (again.status.as_u16(), again.key()),
        (401, "authPasswordBased.verifyEmail.invalidVerifyToken")
    );
    let shown = house.app.get_as(&door, first.says("accessToken"), "/auth/password-based").await;
    assert_eq!(shown.json["emails"][0]["email"], "ada@example.com", "{}", shown.text);
    let user = house.meant(&door, "ada@example.com").unwrap();
    assert!(house.opens(user, NEW).await);
}

async fn a_link_alone_asks_for_a_new_password(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;

    house.sign_up(&door, "ada@example.com").await;
    let mail = house.mail("ada@example.com").await;
    let entered = house.post(&door, "verify-email", json!({ "verifyToken": token(&mail) })).await;

    assert_eq!((entered.status.as_u16(), &entered.json["session"]["next"]), (200, &json!("setPassword")));
    assert_eq!(entered.json["refreshToken"], json!(null));
    let user = house.meant(&door, "ada@example.com").unwrap();
    assert!(!house.opens(user, NEW).await, "a stranger who signed up with this address knows the password");
}

async fn enum_4_a_taken_address_is_answered_as_a_free_one_and_its_owner_is_told(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "ada@example.com").await;
    let hashes = || house.app.running.house.hasher.counts().done();
    let before = hashes();

    let taken = house.sign_up(&door, "ada@example.com").await;
    let between = hashes();
    let free = house.sign_up(&door, "eve@example.com").await;
    let after = hashes();
    house.settled().await;

    assert_eq!((taken.status, taken.text.len()), (free.status, free.text.len()));
    assert_eq!((between - before, after - between), (1, 1), "both arms hash once");
    assert_eq!(house.mail("ada@example.com").await.subject(), "You already have an account at Tenant a");
    assert_eq!(house.mail("eve@example.com").await.subject(), "Confirm your address for Tenant a");
    let waiting: i64 = sign_ups::table.count().get_result(&mut house.app.ground.connect()).unwrap();
    assert_eq!(waiting, 1, "no hash is kept for a taken address");
}

async fn enum_3_another_mail_is_promised_to_everybody_and_sent_to_who_waits(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, "known@example.com").await;
    let asked = house.sign_up(&door, "waits@example.com").await;
    house.mail("waits@example.com").await;

    let known = house.post(&door, "resend-verification", json!({ "email": "known@example.com" })).await;
    let nobody = house.post(&door, "resend-verification", json!({ "email": "nobody@example.com" })).await;
    let id = asked.says("requestId");
    let waits = house
        .post(&door, "resend-verification", json!({ "email": "waits@example.com", "requestId": id }))
        .await;
    house.settled().await;

    assert_eq!((known.status, known.text.len()), (nobody.status, nobody.text.len()));
    assert_eq!((waits.status, waits.says("requestId")), (nobody.status, id));
    assert_eq!((house.mails_to("known@example.com"), house.mails_to("nobody@example.com")), (0, 0));
    let code = house.mail("waits@example.com").await.code();
    let proof = json!({ "email": "waits@example.com", "requestId": id, "code": code });
    assert_eq!(house.post(&door, "verify-email", proof).await.json["session"]["next"], json!(null));
}

async fn race_1_fifty_parallel_sign_ups_of_one_address_make_one_account(ground: Ground) {
    let house = House::allowing(ground, 5).await;
    let door = house.app.native("a").await;
    let path = "/api/v1/auth/password-based/sign-up";

    let statuses = house.fifty(&door, path, |_| json!({ "email": "ada@example.com", "password": NEW })).await;
    house.settled().await;
    let mails = house.smtp.mails();
    let proofs = mails.iter().map(|mail| {
        house.post(&door, "verify-email", json!({ "verifyToken": token(mail), "password": NEW }))
    });
    let confirmed: Vec<u16> =
        futures_util::future::join_all(proofs).await.iter().map(|reply| reply.status.as_u16()).collect();

    assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
    assert_eq!((mails.len(), wins(&confirmed)), (5, 1), "{confirmed:?}");
    let people: i64 = users::table.count().get_result(&mut house.app.ground.connect()).unwrap();
    assert_eq!(people, 1);
}

async fn sign_ups_do_not_replace_each_other_and_the_first_proof_ends_the_rest(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;

    let own = house.sign_up(&door, "ada@example.com").await;
    let mail = house.mail("ada@example.com").await;
    let body = json!({ "email": "ada@example.com", "password": "thief-chosen-harbour-19-lamp" });
    house.post(&door, "sign-up", body).await;
    let strangers = house.mail("ada@example.com").await;
    let proof =
        json!({ "email": "ada@example.com", "requestId": own.says("requestId"), "code": mail.code() });
    let first = house.post(&door, "verify-email", proof).await;
    let second = house.post(&door, "verify-email", json!({ "verifyToken": token(&strangers) })).await;

    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 401));
    assert!(house.opens(house.meant(&door, "ada@example.com").unwrap(), NEW).await);
}

async fn lim_6_a_strangers_words_travel_in_no_mail(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;

    let name = "Win a prize at https://evil.example";
    let body = json!({ "email": "ada@example.com", "password": NEW, "name": name });
    house.post(&door, "sign-up", body).await;
    let mail = house.mail("ada@example.com").await;

    assert!(!String::from_utf8_lossy(&mail.raw).contains("evil.example"));
    assert!(!mail.text().contains("prize") && !mail.html().contains("prize"));
}

async fn a_weak_password_is_refused_before_anything_is_written(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;

    let body = json!({ "email": "ada@example.com", "password": "short" });
    let reply = house.post(&door, "sign-up", body).await;

    assert_eq!(reply.status, 422);
    assert_eq!(reply.json["errors"]["$.password"]["key"], "validator.length", "{}", reply.text);
    house.settled().await;
    assert_eq!(house.smtp.mails().len(), 0);
}

async fn five_wrong_codes_use_the_right_one_up(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let asked = house.sign_up(&door, "ada@example.com").await;
    let mail = house.mail("ada@example.com").await;
    let wrong = if mail.code() == "00000000" { "00000001" } else { "00000000" };
    let typed = |code: &str| {
        let body = json!({ "email": "ada@example.com", "requestId": asked.says("requestId"), "code": code });
        house.post(&door, "verify-email", body)
    };

    let mut keys = Vec::new();
    for _ in 0..5 {
        keys.push(typed(wrong).await.key().to_owned());
    }
    let right = typed(&mail.code()).await;

    assert_eq!((right.status.as_u16(), right.key()), (401, keys[0].as_str()));
    assert!(keys.iter().all(|key| key == "authPasswordBased.verifyEmail.invalidVerifyToken"), "{keys:?}");
    let link = house.post(&door, "verify-email", json!({ "verifyToken": token(&mail) })).await;
    assert_eq!(link.status, 200, "wrong guesses take no link out of a mail: {}", link.text);
}

async fn a_code_ages_before_its_link(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let asked = house.sign_up(&door, "ada@example.com").await;
    let mail = house.mail("ada@example.com").await;

    house.app.advance(601);
    let body =
        json!({ "email": "ada@example.com", "requestId": asked.says("requestId"), "code": mail.code() });
    let typed = house.post(&door, "verify-email", body).await;
    let link = house.post(&door, "verify-email", json!({ "verifyToken": token(&mail) })).await;

    assert_eq!((typed.status.as_u16(), link.status.as_u16()), (401, 200));
}
