//! Nobody does by somebody else's action what they may not do themselves.

use serde_json::json;

use super::kit::{ACTION, PATCHED, echo, giving};
use crate::ground::app::App;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, MANAGE};

on_both!(
    priv_1_a_chain_does_no_more_than_any_who_wrote_a_part_of_it_may,
    priv_1_what_a_role_is_given_later_an_action_of_somebody_else_does_not_get,
    priv_7_an_action_of_whoever_may_not_look_at_people_learns_nothing_of_them,
    inj_a_rule_that_would_take_long_is_not_asked,
);

const LIST: &str = "auth:user:list";

async fn priv_1_a_chain_does_no_more_than_any_who_wrote_a_part_of_it_may(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &[ACTION]).await;
    ada.filled("boss", &[MANAGE]).await;
    let mut vetted = giving("boss", &ada.named("admin").await);
    vetted["listens"] = json!(["x.vetted"]);
    let vetted = ada.makes(vetted).await;
    let by_hand = clerk.makes(echo("x.never", "x.vetted")).await;
    let mut after = echo(PATCHED, "x.elsewhere");
    after["throwsOnSuccess"] = json!(["x.vetted"]);
    clerk.makes(after).await;

    let run = clerk.send(&format!("/actions/{by_hand}/run"), json!({ "user": clerk.user })).await;
    assert_eq!(run.status, 200, "{}", run.text);
    ada.rename(clerk.user, "Clerk").await;

    for run in ada.ended(&vetted, 2).await {
        assert_eq!(run["detail"]["key"], "actions.run.notAllowed", "{run}");
    }
    assert!(!ada.roles_of(clerk.user).await.contains(&"boss".to_owned()));
    // The same by whoever may: it is the hand and not the way that counts.
    let own = ada.makes(echo("x.never.again", "x.vetted")).await;
    ada.send(&format!("/actions/{own}/run"), json!({ "user": clerk.user })).await;
    assert_eq!(ada.ended(&vetted, 3).await[0]["state"], "done");
    assert!(ada.roles_of(clerk.user).await.contains(&"boss".to_owned()));
}

async fn priv_1_what_a_role_is_given_later_an_action_of_somebody_else_does_not_get(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &[ACTION]).await;
    let later = ada.create("later").await;
    let planted = clerk.makes(giving("later", &later)).await;
    let friend = Desk::plain(&app, &door, "friend@a.example").await;

    assert_eq!(ada.fill(&later, &[MANAGE]).await.status, 200);
    ada.rename(friend.user, "Friend").await;

    assert_eq!(ada.ended(&planted, 1).await[0]["detail"]["key"], "actions.run.notAllowed");
    assert!(ada.roles_of(friend.user).await.is_empty());
    // Whoever holds it all, and writes it again, has agreed.
    assert_eq!(
        ada.patch(&format!("/actions/{planted}"), json!({ "description": "Seen." })).await.status,
        200
    );
    ada.rename(friend.user, "A friend").await;
    assert_eq!(ada.ended(&planted, 2).await[0]["state"], "done");
}

async fn priv_7_an_action_of_whoever_may_not_look_at_people_learns_nothing_of_them(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &[ACTION]).await;
    let seeing = Desk::clerk(&app, &door, "seeing@a.example", &[ACTION, LIST]).await;
    let mut asks = echo(PATCHED, "x.learned");
    asks["conditions"] = json!({ "in": ["ada@", { "var": "user.email" }] });
    let blind = clerk.makes(asks.clone()).await;
    asks["name"] = json!("seeing");
    let sighted = seeing.makes(asks).await;

    for (desk, action, state) in [(&clerk, &blind, "skipped"), (&seeing, &sighted, "done")] {
        let about = json!({ "trigger": PATCHED, "user": ada.user });
        let tried = desk.send(&format!("/actions/{action}/try"), about).await;
        assert_eq!(tried.json["holds"], state == "done", "{}", tried.text);
        let run = desk.send(&format!("/actions/{action}/run"), json!({ "user": ada.user })).await;
        assert_eq!(run.status, 200, "{}", run.text);
        assert_eq!(ada.ended(action, 1).await[0]["state"], state);
    }
}

/// Seconds of one processor, on every write of everybody, were what this cost once.
async fn inj_a_rule_that_would_take_long_is_not_asked(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let many = vec![json!({ "var": "data.a" }); 35];
    let loops =
        json!({ "some": [{ "merge": many }, { "some": [vec![0; 215], { "==": [{ "var": "" }, -1] }] }] });
    let mut asks = echo("x.asked", "x.learned");
    asks["conditions"] = loops;
    let refused = ada.send("/actions", asks.clone()).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains("It would take too long"), "{}", refused.text);
    asks["conditions"] = json!({ "some": [{ "var": "data.a" }, { "in": [{ "var": "" }, vec![7; 90]] }] });
    let at = format!("/actions/{}/try", ada.makes(asks).await);

    let small = ada.send(&at, json!({ "trigger": "x.asked", "data": { "a": vec![7; 1_000] } })).await;
    let large = ada.send(&at, json!({ "trigger": "x.asked", "data": { "a": vec![1; 3_000] } })).await;

    assert_eq!(small.json["holds"], true, "{}", small.text);
    assert_eq!(large.status, 422, "{}", large.text);
    assert!(large.text.contains("At most 4096 bytes"), "{}", large.text);
}
