//! Many who change rights at once.

use diesel::prelude::*;
use doorward::db::schema::audit_records;
use futures_util::future::join_all;
use serde_json::json;

use super::kit::{Desk, MANAGE};
use crate::ground::app::App;
use crate::ground::{Ground, on_both};

on_both!(
    priv_3_of_fifty_admins_who_demote_each_other_one_stays,
    race_of_two_owners_who_demote_each_other_one_remains_every_time,
    race_whoever_is_demoted_gives_nothing_more,
    race_fifty_make_one_role_of_a_name,
);

async fn priv_3_of_fifty_admins_who_demote_each_other_one_stays(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let mut admins = Vec::new();
    for number in 0..50 {
        admins.push(Desk::admin(&app, &door, &format!("admin{number}@a.example")).await);
    }
    let admin = admins[0].named("admin").await;

    let taken = admins.iter().enumerate().map(|(at, desk)| desk.take(admins[(at + 1) % 50].user, &admin));
    join_all(taken).await;

    let left = join_all(admins.iter().map(Desk::held)).await;
    let left = left.iter().filter(|held| !held.as_array().unwrap().is_empty()).count();
    assert!((1..50).contains(&left), "{left} are left");
}

async fn race_of_two_owners_who_demote_each_other_one_remains_every_time(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let eve = Desk::admin(&app, &door, "eve@a.example").await;
    let admin = ada.named("admin").await;

    for round in 0..25 {
        let (one, two) = tokio::join!(ada.take(eve.user, &admin), eve.take(ada.user, &admin));
        let statuses = [one.status.as_u16(), two.status.as_u16()];
        let (hers, theirs) = (ada.held().await, eve.held().await);
        let left = [&hers, &theirs].map(|held| !held.as_array().unwrap().is_empty());
        assert_eq!(left.iter().filter(|governs| **governs).count(), 1, "round {round}: {statuses:?}");
        let whom = if left[0] { eve.user } else { ada.user };
        app.promote(&door, whom).await;
        app.running.house.forget_all();
    }
}

/// In the records' own order: what somebody gave stands before their demotion.
async fn race_whoever_is_demoted_gives_nothing_more(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let owner = Desk::admin(&app, &door, "owner@a.example").await;
    let clerk = Desk::plain(&app, &door, "clerk@a.example").await;
    let friend = Desk::plain(&app, &door, "friend@a.example").await;
    let managers = owner.filled("managers", &[MANAGE]).await;

    let mut both_ways = [0, 0];
    for round in 0..25 {
        assert_eq!(owner.give(clerk.user, &managers).await.status, 200);
        let mine = format!("role-{round}");
        let role = owner.filled(&mine, &[MANAGE]).await;
        let (taken, given) = tokio::join!(owner.take(clerk.user, &managers), clerk.give(friend.user, &role));
        assert_eq!(taken.status, 200, "{}", taken.text);
        let gave = given.status == 200;
        both_ways[usize::from(gave)] += 1;
        if gave {
            use audit_records as a;
            let order: Vec<String> = a::table
                .filter(a::outcome.eq("success"))
                .filter(a::action.eq_any(["role.give", "role.take"]))
                .order(a::id.desc())
                .limit(2)
                .select(a::action)
                .load(&mut ground.connect())
                .unwrap();
            assert_eq!(order, ["role.take", "role.give"], "round {round}: given after it was taken");
            owner.take(friend.user, &role).await;
        }
        owner.delete(&role).await;
    }
    println!("{both_ways:?} were refused and let through");
}

async fn race_fifty_make_one_role_of_a_name(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    let made = join_all((0..50).map(|_| ada.post("/role", json!({ "identifier": "one" })))).await;

    let statuses: Vec<u16> = made.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 409, 503].contains(status)), "{statuses:?}");
}
