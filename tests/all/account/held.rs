//! A login that strangers' guesses hold: its holder is told once and gets in; nobody else learns that there is one.

use diesel::prelude::*;
use doorward::base::Email;
use doorward::db::schema::{audit_records, jobs};
use doorward::identity::Scope;
use doorward::management::events::people;
use serde_json::json;

use super::{House, NEW, token};
use crate::ground::app::{Door, Reply};
use crate::ground::people::PASSWORD;
use crate::ground::{Ground, on_both};

on_both!(
    bf_1_the_holder_of_a_held_login_is_told_once_and_the_mails_link_lets_them_in,
    bf_1_a_fifth_guess_that_is_right_holds_nothing,
    an_operator_sees_a_hold_and_ends_it,
    bf_1_guesses_at_the_current_password_are_told_to_the_holder_too,
    enum_3_a_hold_of_an_unknown_address_leaves_what_one_of_a_known_address_leaves,
);

const ADA: &str = "ada@example.com";
const NOBODY: &str = "nobody@example.com";

async fn login(house: &House, door: &Door, email: &str, password: &str) -> Reply {
    house.post(door, "login", json!({ "email": email, "password": password })).await
}

async fn guess(house: &House, door: &Door, email: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(login(house, door, email, NEW).await.status, 401);
    }
}

async fn bf_1_the_holder_of_a_held_login_is_told_once_and_the_mails_link_lets_them_in(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;

    guess(&house, &door, ADA, 5).await;
    let held = login(&house, &door, ADA, PASSWORD).await;
    for seconds in [6, 11, 21, 41] {
        house.app.advance(seconds);
        guess(&house, &door, ADA, 1).await;
    }
    house.settled().await;

    assert_eq!((held.status.as_u16(), house.mails_to(ADA)), (401, 1));
    let mail = house.mail(ADA).await;
    assert_eq!(mail.subject(), "Sign-ins to your account at Tenant a are held");
    assert!(mail.text().contains(&super::link(&mail)) && mail.html().contains("/account/reset?token="));
    let reset = json!({ "resetToken": token(&mail), "password": "meadow-lantern-93-copper-oar" });
    assert_eq!(house.post(&door, "reset-password", reset).await.status, 200);
    assert_eq!(login(&house, &door, ADA, "meadow-lantern-93-copper-oar").await.status, 200);
    let told = audit_records::table.filter(audit_records::action.eq("guesses.hold"));
    let told: i64 = told.count().get_result(&mut house.app.ground.connect()).unwrap();
    assert_eq!(told, 1);
}

async fn bf_1_a_fifth_guess_that_is_right_holds_nothing(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;

    guess(&house, &door, ADA, 4).await;
    let right = login(&house, &door, ADA, PASSWORD).await;
    house.settled().await;

    assert_eq!((right.status.as_u16(), house.mails_to(ADA)), (200, 0));
}

async fn an_operator_sees_a_hold_and_ends_it(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;
    let tenant = house.app.running.house.tenant(door.tenant).await.unwrap();
    let operator = Scope::of_operator(house.app.running.house.clone(), tenant);
    let held = async || people::list_people(&operator, None, 1).await.unwrap().remove(0).held_until;
    assert_eq!(held().await, None);

    guess(&house, &door, ADA, 6).await;
    let seen = held().await;
    let ended = people::unlock(&operator, Email::parse(ADA).unwrap()).await.unwrap();
    let again = people::unlock(&operator, Email::parse(ADA).unwrap()).await.unwrap();

    assert!(seen.is_some());
    assert_eq!((ended, again, held().await), (true, false, None));
    assert_eq!(login(&house, &door, ADA, PASSWORD).await.status, 200);
    let told = audit_records::table.filter(audit_records::action.eq("user.unlock"));
    assert_eq!(told.count().get_result::<i64>(&mut house.app.ground.connect()).unwrap(), 1);
}

async fn bf_1_guesses_at_the_current_password_are_told_to_the_holder_too(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, ADA).await;
    let thief = house.app.session(&door, user).await;

    for _ in 0..5 {
        let body = json!({ "email": "thief@example.com", "password": NEW });
        let path = "/auth/password-based/update-email";
        assert_eq!(house.app.post_as(&door, &thief.access, path, body).await.status, 401);
    }

    assert!(house.mail(ADA).await.subject().ends_with("are held"));
}

async fn enum_3_a_hold_of_an_unknown_address_leaves_what_one_of_a_known_address_leaves(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;
    let written = || {
        let mut conn = house.app.ground.connect();
        let errands = jobs::table.filter(jobs::name.eq("account.login_held"));
        let records = audit_records::table.filter(audit_records::action.eq("guesses.hold"));
        let errands: i64 = errands.count().get_result(&mut conn).unwrap();
        (errands, records.count().get_result::<i64>(&mut conn).unwrap())
    };

    guess(&house, &door, ADA, 6).await;
    let known = written();
    guess(&house, &door, NOBODY, 6).await;
    let both = written();
    house.settled().await;

    assert_eq!((known, both), ((1, 1), (2, 2)));
    assert_eq!((house.mails_to(ADA), house.mails_to(NOBODY)), (1, 0));
}
