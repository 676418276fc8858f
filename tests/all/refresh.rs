//! Refresh tokens: what one buys, and what two holders of one lose.

use std::collections::BTreeSet;

use diesel::prelude::*;
use doorward::db::schema::{audit_records, sessions};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::ground::Ground;
use crate::ground::app::{App, Reply};
use crate::ground::on_both;

on_both!(
    ref_1_each_use_gives_a_new_token_and_spends_the_old,
    ref_2_a_spent_token_that_comes_back_ends_the_family,
    ref_3_fifty_parallel_refreshes_leave_one_family,
    ref_4_the_grace_does_not_start_again_and_dies_with_the_session,
    ref_7_the_absolute_end_comes_however_often_it_is_used,
    ref_8_a_damaged_token_is_refused_and_harms_nobody,
    ref_9_a_lost_answer_is_recovered_by_its_key_alone,
    two_holders_end_the_family_whoever_comes_first,
);

async fn ref_1_each_use_gives_a_new_token_and_spends_the_old(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let mut token = app.session(&door, user).await.refresh;
    let mut seen = BTreeSet::from([token.clone()]);

    for _ in 0..20 {
        app.advance(11);
        let reply = app.refresh(&door, &token).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        token = reply.says("refreshToken").to_owned();
        assert!(seen.insert(token.clone()), "a token came twice");
    }
}

async fn ref_2_a_spent_token_that_comes_back_ends_the_family(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let first = app.session(&door, user).await;
    app.advance(11);
    let second = app.refresh(&door, &first.refresh).await;
    app.advance(11);

    let again = app.refresh(&door, &first.refresh).await;

    assert_eq!((again.status.as_u16(), again.key()), (401, "sessionStore.refreshTokens.revokedToken"));
    assert_eq!(app.refresh(&door, second.says("refreshToken")).await.status, 401);
    assert_eq!(app.get_as(&door, second.says("accessToken"), "/session/list").await.status, 401);
    let told = audit_records::table.filter(audit_records::reason.eq("reused")).count();
    assert_eq!(told.get_result::<i64>(&mut ground.connect()).unwrap(), 1);
}

async fn ref_3_fifty_parallel_refreshes_leave_one_family(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let token = app.session(&door, user).await.refresh;
    app.advance(11);

    let replies = join_all((0..50).map(|_| app.refresh(&door, &token))).await;

    assert!(replies.iter().all(|reply| reply.status == 200));
    let successors: BTreeSet<&str> = replies.iter().map(|reply| reply.says("refreshToken")).collect();
    assert_eq!(successors.len(), 1);
    let generations: Vec<i64> =
        sessions::table.select(sessions::generation).load(&mut ground.connect()).unwrap();
    assert_eq!(generations, [2]);
}

async fn ref_4_the_grace_does_not_start_again_and_dies_with_the_session(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let first = app.session(&door, user).await;
    app.advance(11);
    app.refresh(&door, &first.refresh).await;
    app.advance(5);

    let within = app.refresh(&door, &first.refresh).await;
    app.advance(6);
    let after = app.refresh(&door, &first.refresh).await;

    assert_eq!((within.status.as_u16(), after.status.as_u16()), (200, 401));
    let second = app.session(&door, user).await;
    app.advance(11);
    let current = app.refresh(&door, &second.refresh).await;
    app.post_as(&door, current.says("accessToken"), "/auth/logout", json!({})).await;
    let spent = app.refresh(&door, &second.refresh).await;
    let fresh = app.refresh(&door, current.says("refreshToken")).await;
    assert_eq!((spent.status.as_u16(), fresh.status.as_u16()), (401, 401), "its session has ended");
}

async fn ref_7_the_absolute_end_comes_however_often_it_is_used(ground: Ground) {
    let mut config = crate::ground::app::config(&ground);
    config.lifetimes.refresh_absolute = std::time::Duration::from_secs(60);
    let app = App::with(ground, config).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let mut token = app.session(&door, user).await.refresh;

    let mut alive = 0;
    for _ in 0..10 {
        app.advance(11);
        let reply = app.refresh(&door, &token).await;
        if reply.status != 200 {
            break;
        }
        alive += 11;
        token = reply.says("refreshToken").to_owned();
    }

    assert_eq!(alive, 55);
}

async fn ref_8_a_damaged_token_is_refused_and_harms_nobody(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let token = app.session(&door, user).await.refresh;
    let cut = (1..40).map(|at| token[..token.len() - at].to_owned());
    let bent = ["A", "=", "==", " "].map(|end| format!("{token}{end}"));
    let cased =
        [token.to_uppercase(), token.to_lowercase(), token.replace("dwr_1_", "dwr_2_"), String::new()];

    // The last letter holds two bits that say nothing: they too must be as we wrote them.
    let letters = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['-', '_']);
    let ended = letters.map(|last| format!("{}{last}", &token[..token.len() - 1]));
    let ended: Vec<String> = ended.filter(|other| *other != token).collect();
    assert_eq!(ended.len(), 63);

    for damaged in cut.chain(bent).chain(cased).chain(ended) {
        let reply = app.refresh(&door, &damaged).await;
        let told = (reply.status.as_u16(), reply.key());
        assert_eq!(told, (401, "sessionStore.refreshTokens.invalidRefreshToken"), "{damaged}");
    }

    assert_eq!(app.refresh(&door, &token).await.status, 200);
}

async fn ref_9_a_lost_answer_is_recovered_by_its_key_alone(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let token = app.session(&door, user).await.refresh;
    let with_key = |key: &'static str| {
        let request = app.request(&door, Method::POST, "/auth/refresh-tokens").header("idempotency-key", key);
        Reply::of(request.json(&json!({ "refreshToken": token.clone() })))
    };
    app.advance(11);
    let lost = with_key("kJ4yX0pQ7rT2vW9zB5nM3c").await;
    app.advance(3600);

    let found = with_key("kJ4yX0pQ7rT2vW9zB5nM3c").await;
    let stranger = with_key("another-key-of-a-thief-1").await;

    assert_eq!(found.says("refreshToken"), lost.says("refreshToken"));
    assert_eq!(stranger.status, 401);
    assert_eq!(
        app.refresh(&door, found.says("refreshToken")).await.status,
        401,
        "the thief ended the family"
    );
}

async fn two_holders_end_the_family_whoever_comes_first(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    for honest_first in [true, false] {
        let stolen = app.session(&door, user).await.refresh;
        app.advance(if honest_first { 11 } else { 5 });
        assert_eq!(app.refresh(&door, &stolen).await.status, 200);
        app.advance(11);
        let second = app.refresh(&door, &stolen).await;
        app.advance(11);
        let third = app.refresh(&door, &stolen).await;

        let refused = [second.status.as_u16(), third.status.as_u16()];
        assert!(refused.contains(&401), "{honest_first}: {refused:?}");
    }
}
