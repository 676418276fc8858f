//! Whoever is slow or away takes up their own places and nobody else's.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::ground::sink::{Manner, Sink};
use crate::ground::work::until;
use crate::ground::{Ground, on_both};
use crate::rights::kit::Desk;

use super::sending::start;

on_both!(
    ssrf_3_who_is_slow_takes_up_their_own_places_alone,
    ssrf_3_a_webhook_has_fewer_places_than_its_tenant,
    ssrf_3_who_fails_again_and_again_has_one_place,
    hook_2_a_late_result_does_not_undo_a_later_one,
);

async fn ssrf_3_who_is_slow_takes_up_their_own_places_alone(ground: Ground) {
    let (app, slow, quick) = (start(ground).await, Sink::start().await, Sink::start().await);
    let (a, b) = (app.native("a").await, app.native("b").await);
    let (ada, eve) =
        (Desk::admin(&app, &a, "ada@a.example").await, Desk::admin(&app, &b, "eve@b.example").await);
    for _ in 0..4 {
        ada.tells(&slow).await;
    }
    let theirs = eve.tells(&quick).await;
    slow.behave(&[Manner::SayLate(Duration::from_secs(9), 200); 200]);

    for number in 0..40 {
        ada.rename(ada.user, &format!("Ada {number}")).await;
    }
    until("the slow one has all its places", async || slow.kept().len() >= 64).await;
    eve.rename(eve.user, "Eve").await;
    eve.delivered(&theirs, "done").await;

    assert_eq!(slow.kept().len(), 64, "of a tenant");
    let sent: BTreeSet<String> =
        slow.kept().iter().map(|parcel| parcel.header("webhook-id").to_owned()).collect();
    assert_eq!(sent.len(), 64, "each is sent once");
}

async fn ssrf_3_a_webhook_has_fewer_places_than_its_tenant(ground: Ground) {
    let (app, slow, quick) = (start(ground).await, Sink::start().await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    ada.tells(&slow).await;
    slow.behave(&[Manner::SayLate(Duration::from_secs(9), 200); 100]);
    for number in 0..40 {
        ada.rename(ada.user, &format!("Ada {number}")).await;
    }
    until("the slow one has all its places", async || slow.kept().len() >= 32).await;

    let other = ada.tells(&quick).await;
    ada.rename(ada.user, "Ada").await;
    ada.delivered(&other, "done").await;

    assert_eq!(slow.kept().len(), 32);
}

async fn hook_2_a_late_result_does_not_undo_a_later_one(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let mut ada = Desk::admin(&app, &door, "ada@a.example").await;
    let webhook = ada.tells(&sink).await;
    sink.behave(&[Manner::SayLate(Duration::from_secs(2), 500)]);

    ada.rename(ada.user, "Ada").await;
    until("it is on its way", async || sink.kept().len() == 1).await;
    // As if whoever sends it were gone.
    ada.waits(61).await;
    ada.delivered(&webhook, "done").await;
    tokio::time::sleep(Duration::from_secs(3)).await;

    let delivery = ada.delivery(&webhook).await;
    assert_eq!((&delivery["state"], &delivery["lastStatus"]), (&json!("done"), &json!(200)), "{delivery}");
    assert_eq!((sink.kept().len(), &delivery["attempts"]), (2, &json!(1)));
}

async fn ssrf_3_who_fails_again_and_again_has_one_place(ground: Ground) {
    let (app, sink) = (start(ground).await, Sink::start().await);
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let webhook = ada.tells(&sink).await;
    sink.behave(&[Manner::HangUp; 5]);
    for number in 0..5 {
        ada.rename(ada.user, &format!("Ada {number}")).await;
    }
    let tried = async |count: usize| {
        let found = ada.look(&format!("/deliveries?webhook={webhook}&$limit=100")).await;
        let all: &Vec<Value> = found.json["data"].as_array().unwrap();
        all.iter().filter(|one| one["attempts"] != 0).count() >= count
    };
    until("all five came to nothing", async || tried(5).await).await;

    sink.behave(&[Manner::SayLate(Duration::from_secs(2), 200)]);
    for number in 0..10 {
        ada.rename(ada.user, &format!("Ada {number} again")).await;
    }
    until("one is on its way", async || sink.kept().len() >= 6).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(sink.kept().len(), 6, "the others wait to see what comes of it");

    until("it is well again, and all arrive", async || sink.kept().len() == 15).await;
}
