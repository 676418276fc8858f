//! Typed codes and the current password are guesses: counted for the address and the person, whichever code it is.

use std::collections::HashSet;

use diesel::prelude::*;
use doorward::base::UserId;
use doorward::db::schema::{guess_counters, one_time_proofs};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{House, NEW, token};
use crate::ground::app::{self, Door, Reply};
use crate::ground::people::{Holder, PASSWORD};
use crate::ground::{Ground, on_both};

on_both!(
    bf_1_asking_for_another_reset_code_gives_no_new_guesses,
    bf_1_asking_for_another_sign_up_code_gives_no_new_guesses,
    bf_1_a_code_of_a_new_address_is_guessed_by_the_person_and_not_by_the_address,
    bf_1_a_hundred_wrong_codes_close_typing_until_the_mailbox_speaks_by_link,
    a_link_that_made_an_account_opens_typing_again,
    bf_1_the_current_password_of_a_changed_address_spends_what_logins_spend,
    bf_2_the_right_current_password_is_refused_like_a_wrong_one_while_blocked,
    bf_2_a_blocked_code_answers_like_a_wrong_one_whoever_the_address_belongs_to,
    bf_3_wrong_codes_keep_nobody_from_logging_in,
    bf_5_typed_codes_and_current_passwords_are_throttled_by_address_in_each_tenant,
    bf_6_fifty_parallel_typed_codes_spend_five,
    bf_6_fifty_parallel_current_passwords_spend_five,
    bf_7_codes_that_were_typed_at_another_node_count_here,
);

const ADA: &str = "ada@example.com";

fn wrong(code: &str) -> &'static str {
    if code == "00000000" { "00000001" } else { "00000000" }
}

/// What asked for a code, and the code that came.
struct Asked {
    request: String,
    code: String,
}

async fn reset_code(house: &House, door: &Door) -> Asked {
    let asked = house.forgot(door, ADA).await;
    Asked { request: asked.says("requestId").to_owned(), code: house.mail(ADA).await.code() }
}

async fn reset_by(house: &House, door: &Door, asked: &Asked, code: &str) -> Reply {
    let body = json!({ "email": ADA, "requestId": asked.request, "code": code, "password": NEW });
    house.post(door, "reset-password", body).await
}

async fn login(house: &House, door: &Door, password: &str) -> Reply {
    house.post(door, "login", json!({ "email": ADA, "password": password })).await
}

fn most_failures(house: &House) -> i32 {
    let most = guess_counters::table.select(diesel::dsl::max(guess_counters::failures));
    most.get_result::<Option<i32>>(&mut house.app.ground.connect()).unwrap().unwrap_or(0)
}

fn tries(house: &House) -> i64 {
    let tries: Vec<i32> =
        one_time_proofs::table.select(one_time_proofs::tries).load(&mut house.app.ground.connect()).unwrap();
    tries.into_iter().map(i64::from).sum()
}

async fn bf_1_asking_for_another_reset_code_gives_no_new_guesses(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;
    let first = reset_code(&house, &door).await;
    for _ in 0..4 {
        reset_by(&house, &door, &first, wrong(&first.code)).await;
    }

    let second = reset_code(&house, &door).await;
    let fifth = reset_by(&house, &door, &second, wrong(&second.code)).await;
    let right = reset_by(&house, &door, &second, &second.code).await;
    house.app.advance(6);
    let later = reset_by(&house, &door, &second, &second.code).await;

    assert_eq!((right.status, right.key()), (fifth.status, fifth.key()), "{}", right.text);
    assert_eq!((right.status.as_u16(), later.status.as_u16()), (401, 200), "{}", later.text);
    assert_eq!(login(&house, &door, NEW).await.status, 200);
}

async fn bf_1_asking_for_another_sign_up_code_gives_no_new_guesses(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let typed = async |asked: &Reply, code: &str| {
        let body = json!({ "email": ADA, "requestId": asked.says("requestId"), "code": code });
        house.post(&door, "verify-email", body).await
    };
    let asked = house.sign_up(&door, ADA).await;
    let code = house.mail(ADA).await.code();
    for _ in 0..4 {
        typed(&asked, wrong(&code)).await;
    }

    let another = house.sign_up(&door, ADA).await;
    let code = house.mail(ADA).await.code();
    typed(&another, wrong(&code)).await;
    let right = typed(&another, &code).await;
    house.app.advance(6);

    assert_eq!(
        (right.status.as_u16(), right.key()),
        (401, "authPasswordBased.verifyEmail.invalidVerifyToken")
    );
    assert_eq!(typed(&another, &code).await.status, 200);
}

async fn move_to(house: &House, door: &Door, by: &Holder, body: Value) -> Reply {
    house.app.post_as(door, &by.access, "/auth/password-based/update-email", body).await
}

async fn bf_1_a_code_of_a_new_address_is_guessed_by_the_person_and_not_by_the_address(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, ADA).await;
    let holder = house.app.session(&door, user).await;
    let mut last = (Value::Null, String::new());
    for number in 0..6 {
        let email = format!("mine{number}@example.com");
        let asked = move_to(&house, &door, &holder, json!({ "email": email })).await;
        let code = house.mail(&email).await.code();
        let body = |code: &str| json!({ "email": email, "requestId": asked.says("requestId"), "code": code });
        last = (body(&code), house.post(&door, "confirm-email", body(wrong(&code))).await.key().to_owned());
    }

    let right = house.post(&door, "confirm-email", last.0.clone()).await;
    house.app.advance(6);
    let later = house.post(&door, "confirm-email", last.0).await;

    assert_eq!((right.status.as_u16(), right.key()), (401, last.1.as_str()));
    assert_eq!(later.status, 200, "{}", later.text);
}

async fn bf_1_a_hundred_wrong_codes_close_typing_until_the_mailbox_speaks_by_link(ground: Ground) {
    let house = House::allowing(ground, 50).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;
    let nobodys = Asked { request: uuid::Uuid::nil().to_string(), code: String::new() };
    for _ in 0..101 {
        reset_by(&house, &door, &nobodys, "12345678").await;
        house.app.advance(1000);
    }
    house.app.advance(7 * 24 * 3600);

    let asked = house.forgot(&door, ADA).await;
    let mail = house.mail(ADA).await;
    let request = asked.says("requestId").to_owned();
    let typed = reset_by(&house, &door, &Asked { request, code: mail.code() }, &mail.code()).await;
    assert_eq!((most_failures(&house), typed.status.as_u16()), (100, 401));
    let link = json!({ "resetToken": token(&mail), "password": NEW });
    assert_eq!(house.post(&door, "reset-password", link).await.status, 200);

    assert!(house.mail(ADA).await.subject().ends_with("was changed"));
    let again = reset_code(&house, &door).await;
    assert_eq!(reset_by(&house, &door, &again, &again.code).await.status, 200);
}

async fn a_link_that_made_an_account_opens_typing_again(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let asked = house.sign_up(&door, ADA).await;
    let mail = house.mail(ADA).await;
    let body = json!({ "email": ADA, "requestId": asked.says("requestId"), "code": wrong(&mail.code()) });
    for _ in 0..6 {
        house.post(&door, "verify-email", body.clone()).await;
    }

    let entered = house.post(&door, "verify-email", json!({ "verifyToken": token(&mail) })).await;
    let again = reset_code(&house, &door).await;
    let reset = reset_by(&house, &door, &again, &again.code).await;

    assert_eq!((entered.status.as_u16(), reset.status.as_u16()), (200, 200), "{}", reset.text);
}

async fn holder_of(house: &House, door: &Door) -> (UserId, Holder) {
    let user = house.app.person(door, ADA).await;
    (user, house.app.session(door, user).await)
}

async fn bf_1_the_current_password_of_a_changed_address_spends_what_logins_spend(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let (_, holder) = holder_of(&house, &door).await;
    let guess = |password: &'static str| {
        move_to(&house, &door, &holder, json!({ "email": "new@example.com", "password": password }))
    };

    for _ in 0..3 {
        assert_eq!(guess(NEW).await.status, 401);
    }
    for _ in 0..2 {
        assert_eq!(login(&house, &door, NEW).await.status, 401);
    }

    assert_eq!(
        (guess(PASSWORD).await.status.as_u16(), login(&house, &door, PASSWORD).await.status.as_u16()),
        (401, 401)
    );
    house.app.advance(6);
    assert_eq!(guess(PASSWORD).await.status, 200);
    house.settled().await;
    assert_eq!(
        most_failures(&house),
        2,
        "the mails alone are counted: the right password clears the guesses"
    );
}

async fn bf_2_the_right_current_password_is_refused_like_a_wrong_one_while_blocked(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let (_, holder) = holder_of(&house, &door).await;
    for path in ["update-email", "update-password", "enable-otp", "disable-otp"] {
        let path = format!("/api/v1/auth/password-based/{path}");
        let guess = async |password: &str| {
            let body = match path.rsplit('/').next().unwrap() {
                "update-email" => json!({ "email": "new@example.com", "password": password }),
                "update-password" => json!({ "currentPassword": password, "password": NEW }),
                _ => json!({ "currentPassword": password }),
            };
            house.app.post_as(&door, &holder.access, &path, body).await
        };
        let first = guess("a guess of a thief").await;
        for _ in 0..5 {
            guess("a guess of a thief").await;
        }
        let before = house.app.running.house.hasher.counts().done();

        let right = guess(PASSWORD).await;

        assert_eq!((right.status, right.key()), (first.status, first.key()), "{path}");
        assert_eq!(house.app.running.house.hasher.counts().done(), before + 1, "{path}: the same work");
        diesel::delete(guess_counters::table).execute(&mut house.app.ground.connect()).unwrap();
        house.app.running.house.forget_all();
    }
}

async fn bf_2_a_blocked_code_answers_like_a_wrong_one_whoever_the_address_belongs_to(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;
    let mut answers = HashSet::new();
    for email in [ADA, "nobody@example.com"] {
        let asked = house.forgot(&door, email).await;
        house.settled().await;
        for _ in 0..8 {
            let before = house.app.running.house.hasher.counts().done();
            let body = json!({ "email": email, "requestId": asked.says("requestId"), "code": "00000000", "password": NEW });
            let reply = house.post(&door, "reset-password", body).await;
            let hashes = house.app.running.house.hasher.counts().done() - before;
            answers.insert((reply.status.as_u16(), reply.key().to_owned(), reply.text.len(), hashes));
        }
    }
    let counters: i64 = guess_counters::table
        .filter(guess_counters::failures.eq(5))
        .count()
        .get_result(&mut house.app.ground.connect())
        .unwrap();

    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(counters, 4, "an address and a person, or a decoy in their place");
}

async fn bf_3_wrong_codes_keep_nobody_from_logging_in(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;
    let device = login(&house, &door, PASSWORD).await.says("knownDevice").to_owned();
    let asked = reset_code(&house, &door).await;
    for _ in 0..200 {
        reset_by(&house, &door, &asked, wrong(&asked.code)).await;
    }

    let stranger = login(&house, &door, PASSWORD).await;
    let body = json!({ "email": ADA, "password": PASSWORD, "knownDevice": device });
    let known = house.post(&door, "login", body).await;

    assert_eq!((stranger.status.as_u16(), known.status.as_u16()), (200, 200), "{}", stranger.text);
}

async fn bf_5_typed_codes_and_current_passwords_are_throttled_by_address_in_each_tenant(ground: Ground) {
    let mut config = app::config(&ground);
    config.limits.guesses_per_address_per_minute = 10.try_into().unwrap();
    let house = House::with(ground, config).await;
    let (a, b) = (house.app.native("a").await, house.app.native("b").await);
    let (_, holder) = holder_of(&house, &a).await;
    let id = uuid::Uuid::nil();
    let typed = |door: Door, event: &'static str, number: usize| {
        let mut body =
            json!({ "email": format!("user{number}@example.com"), "requestId": id, "code": "12345678" });
        if event == "reset-password" {
            body["password"] = json!(NEW);
        }
        let house = &house;
        async move { house.post(&door, event, body).await.status.as_u16() }
    };

    let mut statuses = Vec::new();
    for (number, event) in
        ["reset-password", "verify-email", "confirm-email"].into_iter().cycle().take(12).enumerate()
    {
        statuses.push(typed(a.clone(), event, number).await);
    }
    let current = move_to(&house, &a, &holder, json!({ "email": "n@example.com", "password": NEW })).await;

    assert_eq!(statuses[..10], [401; 10], "{statuses:?}");
    assert_eq!((statuses[10], statuses[11], current.status.as_u16()), (429, 429, 429));
    assert!(current.headers.contains_key("retry-after"));
    assert_eq!(typed(b, "reset-password", 1).await, 401, "another tenant has a budget of its own");
}

async fn bf_6_fifty_parallel_typed_codes_spend_five(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;
    // Three live codes, each of which would take five tries of its own.
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(reset_code(&house, &door).await);
    }

    let all = (0..50).map(|n| reset_by(&house, &door, &asked[n % 3], wrong(&asked[n % 3].code)));
    let all = join_all(all).await;
    for n in 0..6 {
        reset_by(&house, &door, &asked[n % 3], wrong(&asked[n % 3].code)).await;
    }

    let statuses: HashSet<u16> = all.iter().map(|reply| reply.status.as_u16()).collect();
    assert!(statuses.is_subset(&HashSet::from([401, 429, 503])), "{statuses:?}");
    assert_eq!((tries(&house), most_failures(&house)), (5, 5));
    assert_eq!(reset_by(&house, &door, &asked[2], &asked[2].code).await.status, 401);
}

async fn bf_6_fifty_parallel_current_passwords_spend_five(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let (_, holder) = holder_of(&house, &door).await;
    let guess = || move_to(&house, &door, &holder, json!({ "email": "new@example.com", "password": NEW }));

    let all = join_all((0..50).map(|_| guess())).await;
    for _ in 0..6 {
        guess().await;
    }

    let statuses: HashSet<u16> = all.iter().map(|reply| reply.status.as_u16()).collect();
    assert!(statuses.is_subset(&HashSet::from([401, 429, 503])), "{statuses:?}");
    assert_eq!(most_failures(&house), 5);
    assert_eq!(login(&house, &door, PASSWORD).await.status, 401, "the account's own budget");
}

async fn bf_7_codes_that_were_typed_at_another_node_count_here(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;
    let first = reset_code(&house, &door).await;
    let second = reset_code(&house, &door).await;
    for _ in 0..3 {
        reset_by(&house, &door, &first, wrong(&first.code)).await;
    }

    let beside = house.app.beside().await;
    let body =
        |code: &str| json!({ "email": ADA, "requestId": second.request, "code": code, "password": NEW });
    let path = "/api/v1/auth/password-based/reset-password";
    for _ in 0..2 {
        beside.post(&door, path, body(wrong(&second.code))).await;
    }

    assert_eq!(beside.post(&door, path, body(&second.code)).await.status, 401);
    assert_eq!(reset_by(&house, &door, &second, &second.code).await.status, 401);
}
