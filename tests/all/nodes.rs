//! Two nodes on one database: what one ends, the other forgets; keys take turns under everybody's eyes.

use std::time::{Duration, Instant};

use doorward::base::SigningKeyId;
use doorward::components::rotation::Step;
use doorward::identity::Scope;
use doorward::management::{self, keys};
use serde_json::json;

use crate::ground::app::App;
use crate::ground::{Ground, on_both};

on_both!(
    a_logout_on_one_node_is_heard_on_the_other,
    last_seen_times_are_written_when_the_node_stops,
    key_2_no_valid_token_fails_while_keys_take_turns,
    key_3_a_revoked_key_fails_on_both_nodes,
    a_reused_refresh_token_is_told_to_its_person,
);

/// The clock stands still, so nothing that is remembered grows old: only hearing of it can end it.
async fn a_logout_on_one_node_is_heard_on_the_other(ground: Ground) {
    let app = App::start(ground).await;
    let beside = app.beside().await;
    let door = app.native("a").await;
    let ada = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, ada).await;
    let there = async || beside.get_as(&door, &holder.access, "/session/list").await.status.as_u16();
    assert_eq!(there().await, 200);

    app.post_as(&door, &holder.access, "/auth/logout", json!({})).await;

    let began = Instant::now();
    while there().await == 200 {
        assert!(began.elapsed() < Duration::from_secs(2), "not heard within two seconds");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn last_seen_times_are_written_when_the_node_stops(ground: Ground) {
    let app = App::start(ground).await;
    let beside = app.beside().await;
    let door = app.native("a").await;
    let ada = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, ada).await;
    app.advance(120);

    beside.get_as(&door, &holder.access, "/session/list").await;
    beside.running.platform.stop().await;

    let list = app.get_as(&door, &holder.access, "/session/list").await;
    assert_eq!(list.json["sessions"][0]["lastUsedAt"], json!(app.clock.now()), "{}", list.text);
}

fn key_of(token: &str) -> SigningKeyId {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().parse().unwrap()
}

/// A backend that keeps the public keys for as long as it may, and then asks again.
async fn key_2_no_valid_token_fails_while_keys_take_turns(ground: Ground) {
    let mut config = crate::ground::work::idle(&ground);
    config.keys.rotate = Duration::from_secs(3600);
    config.lifetimes.jitter_percent = 0;
    let app = App::with(ground, config).await;
    let door = app.native("a").await;
    let ada = app.person(&door, "ada@a.example").await;
    let house = &app.running.house;
    let scope = Scope::of_house(house.clone(), None);
    let (mut known, mut alive, mut steps, mut kids) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());

    for minute in 0..130 {
        if minute % 5 == 0 {
            let published = house.keys.published(door.tenant).await.unwrap();
            known = published.iter().map(|key| key.id).collect();
        }
        if minute % 4 == 0 {
            let token = app.session(&door, ada).await.access;
            if minute == 0 {
                known.push(key_of(&token));
            }
            assert!(known.contains(&key_of(&token)), "minute {minute}: signed by a key nobody was shown");
            kids.push(key_of(&token));
            alive.push((minute, token));
        }
        alive.retain(|(since, _)| minute - since < 5);
        for (since, token) in &alive {
            let status = app.get_as(&door, token, "/session/list").await.status;
            assert_eq!(status, 200, "minute {minute}: a token of minute {since} failed");
        }
        steps.push(keys::rotate(&scope, door.tenant).await.unwrap());
        app.advance(60);
    }

    kids.dedup();
    assert!(kids.len() >= 2 && steps.contains(&Step::Shown) && steps.contains(&Step::Taken), "{kids:?}");
}

async fn key_3_a_revoked_key_fails_on_both_nodes(ground: Ground) {
    let app = App::start(ground).await;
    let beside = app.beside().await;
    let door = app.native("a").await;
    let ada = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, ada).await;
    assert_eq!(beside.get_as(&door, &holder.access, "/session/list").await.status, 200);

    let tenant = app.running.house.tenant(door.tenant).await.unwrap();
    let operator = Scope::of_operator(app.running.house.clone(), tenant);
    management::events::keys::revoke_key(&operator, key_of(&holder.access)).await.unwrap();

    assert_eq!(app.get_as(&door, &holder.access, "/session/list").await.status, 401);
    let began = Instant::now();
    while beside.get_as(&door, &holder.access, "/session/list").await.status == 200 {
        assert!(began.elapsed() < Duration::from_secs(2), "the other node still believes it");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let fresh = app.session(&door, ada).await;
    assert_eq!(app.get_as(&door, &fresh.access, "/session/list").await.status, 200);
}

async fn a_reused_refresh_token_is_told_to_its_person(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = app.person(&door, "ada@a.example").await;
    let first = app.session(&door, ada).await.refresh;
    for _ in 0..2 {
        app.advance(20);
        let current = app.refresh(&door, &first).await;
        app.advance(20);
        let next = current.says("refreshToken").to_owned();
        if !next.is_empty() {
            app.refresh(&door, &next).await;
        }
    }

    let kept = app.running.house.mailer.kept().unwrap();
    crate::ground::work::until("the mail comes", async || kept.latest("ada@a.example").is_some()).await;
    assert_eq!(kept.latest("ada@a.example").unwrap().name, "sessions/refresh_reused");
}
