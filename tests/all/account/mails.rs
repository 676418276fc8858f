//! LIM-6: what strangers have sent to an address takes nothing away from what its owner asks for.

use doorward::components::config::Config;
use reqwest::Method;
use serde_json::{Value, json};

use super::{House, NEW, link, token};
use crate::ground::app::{self, Door, Reply};
use crate::ground::{Ground, on_both};

on_both!(
    lim_6_who_uses_up_their_share_of_resets_leaves_the_owners_own,
    lim_6_noise_of_sign_ups_eats_no_reset,
    lim_6_all_callers_together_have_a_wider_share,
    lim_6_neighbours_of_one_site_share_theirs,
    lim_6_a_stranger_keeps_nobodys_sign_up_mail_away,
    a_mail_to_who_has_an_account_leads_to_a_new_password,
);

const ADA: &str = "ada@example.com";
const STRANGER: &str = "203.0.113.1";
const OWNER: &str = "198.51.100.7";

/// A server that believes its proxy, so that a test can come from anywhere.
async fn behind_a_proxy(ground: Ground) -> House {
    let config = app::config(&ground);
    let proxies = doorward::components::config::Proxies { trusted: vec!["127.0.0.0/8".parse().unwrap()] };
    House::with(ground, Config { proxies, ..config }).await
}

async fn from(house: &House, door: &Door, address: &str, event: &str, body: Value) -> Reply {
    let path = format!("/api/v1/auth/password-based/{event}");
    let request = house.app.request(door, Method::POST, &path).header("x-forwarded-for", address);
    let reply = Reply::of(request.json(&body)).await;
    house.settled().await;
    reply
}

async fn forgot(house: &House, door: &Door, address: &str) {
    let reply = from(house, door, address, "forgot-password", json!({ "email": ADA })).await;
    assert_eq!(reply.status, 202);
}

async fn sign_up(house: &House, door: &Door, address: &str) -> Reply {
    from(house, door, address, "sign-up", json!({ "email": ADA, "password": NEW })).await
}

async fn lim_6_who_uses_up_their_share_of_resets_leaves_the_owners_own(ground: Ground) {
    let house = behind_a_proxy(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;
    for _ in 0..5 {
        forgot(&house, &door, STRANGER).await;
    }
    let of_the_stranger = house.mails_to(ADA);

    forgot(&house, &door, OWNER).await;

    assert_eq!((of_the_stranger, house.mails_to(ADA)), (3, 4));
}

async fn lim_6_noise_of_sign_ups_eats_no_reset(ground: Ground) {
    let house = behind_a_proxy(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;
    for _ in 0..5 {
        sign_up(&house, &door, STRANGER).await;
    }
    let noise = house.mails_to(ADA);

    forgot(&house, &door, STRANGER).await;

    assert_eq!((noise, house.mails_to(ADA)), (3, 4));
    assert_eq!(house.smtp.mails().last().unwrap().subject(), "Set a new password for Tenant a");
}

async fn lim_6_all_callers_together_have_a_wider_share(ground: Ground) {
    let house = behind_a_proxy(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;

    for site in 0..6 {
        for _ in 0..3 {
            forgot(&house, &door, &format!("203.0.113.{site}")).await;
        }
    }

    assert_eq!(house.mails_to(ADA), 12);
}

async fn lim_6_neighbours_of_one_site_share_theirs(ground: Ground) {
    let house = behind_a_proxy(ground).await;
    let door = house.app.native("a").await;
    house.app.person(&door, ADA).await;

    for subnet in 0..5 {
        forgot(&house, &door, &format!("2001:db8:7:{subnet}::1")).await;
    }
    let of_one_site = house.mails_to(ADA);
    forgot(&house, &door, "2001:db8:8::1").await;

    assert_eq!((of_one_site, house.mails_to(ADA)), (3, 4));
}

async fn lim_6_a_stranger_keeps_nobodys_sign_up_mail_away(ground: Ground) {
    let house = behind_a_proxy(ground).await;
    let door = house.app.native("a").await;
    for _ in 0..8 {
        sign_up(&house, &door, STRANGER).await;
    }
    let of_the_stranger = house.smtp.mails();

    let own = sign_up(&house, &door, OWNER).await;
    assert_eq!((of_the_stranger.len(), house.mails_to(ADA)), (3, 4));
    let mail = house.smtp.mails().pop().unwrap();
    let proof =
        json!({ "email": ADA, "requestId": own.says("requestId"), "code": mail.code(), "password": NEW });
    let proven = house.post(&door, "verify-email", proof).await;

    assert_eq!(
        (proven.status.as_u16(), &proven.json["session"]["next"]),
        (200, &json!(null)),
        "{}",
        proven.text
    );
    assert!(house.opens(house.meant(&door, ADA).unwrap(), NEW).await);
}

async fn a_mail_to_who_has_an_account_leads_to_a_new_password(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, ADA).await;

    house.sign_up(&door, ADA).await;
    let mail = house.mail(ADA).await;
    let reset = json!({ "resetToken": token(&mail), "password": NEW });
    let reply = house.post(&door, "reset-password", reset).await;

    assert_eq!(mail.subject(), "You already have an account at Tenant a");
    assert!(mail.text().contains(&link(&mail)) && mail.html().contains("/account/reset?token="));
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(house.opens(user, NEW).await);
}
