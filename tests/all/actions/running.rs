//! Something happens, and an action answers it.

use std::time::Duration;

use doorward::app::listeners;
use doorward::components::platform::Platform;
use doorward::triggers::outbox::Outbox;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::kit::{PATCHED, echo, giving, workers};
use crate::ground::app::{App, config};
use crate::ground::people::PASSWORD;
use crate::ground::work::{idle, until};
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    what_happens_reaches_the_action_that_listens_and_what_it_did_is_told,
    conditions_decide_whether_it_acts,
    ten_1_an_action_hears_nothing_of_another_tenant,
    lower_priorities_run_first,
    what_is_switched_off_or_gone_does_nothing,
    hook_2_an_event_reaches_an_action_once_however_many_hand_it_on,
    hook_2_what_happened_while_nobody_worked_is_answered_later,
    a_try_says_what_would_be_done_and_does_nothing,
    an_action_is_run_by_hand,
    somebody_who_is_switched_off_by_an_action_is_out,
    race_a_login_beside_a_change_of_rights_is_let_in,
);

async fn what_happens_reaches_the_action_that_listens_and_what_it_did_is_told(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    ada.create("guest").await;
    let action = ada.makes(giving("guest", &ada.named("admin").await)).await;

    ada.rename(bob.user, "Bob").await;

    let runs = ada.ended(&action, 1).await;
    assert_eq!(
        (runs.len(), &runs[0]["state"], &runs[0]["detail"]),
        (1, &json!("done"), &json!({ "given": true }))
    );
    assert_eq!(runs[0]["envelope"]["subject"]["id"], json!(bob.user));
    assert_eq!(ada.roles_of(bob.user).await, ["guest"]);
    let audited = ada.look(&format!("/audit?targetId={action}&action=actions.run")).await;
    assert_eq!(audited.json["data"][0]["outcome"], "success", "{}", audited.text);
    // The effect names the run that caused it.
    let given = ada.look(&format!("/audit?targetId={}&action=role.give", bob.user)).await;
    assert_eq!(given.json["data"][0]["actor"]["kind"], "server", "{}", given.text);
    // To somebody to whom it is done already it is done once more, and nothing comes of it.
    ada.rename(bob.user, "Bobby").await;
    let again = ada.ended(&action, 2).await;
    assert_eq!(again[0]["detail"], json!({ "given": false }));
}

async fn conditions_decide_whether_it_acts(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let (inside, outside) =
        (Desk::plain(&app, &door, "bob@a.example").await, Desk::plain(&app, &door, "eve@else.example").await);
    ada.create("guest").await;
    let mut action = giving("guest", &ada.named("admin").await);
    action["conditions"] = json!({ "and": [
        { "!=": [{ "var": "user.emailDomain" }, "a.example"] },
        { "!": { "in": ["guest", { "var": "user.roles" }] } },
    ] });
    let action = ada.makes(action).await;

    ada.rename(inside.user, "Bob").await;
    ada.rename(outside.user, "Eve").await;

    let runs = ada.ended(&action, 2).await;
    let states: Vec<&Value> = runs.iter().map(|run| &run["state"]).collect();
    assert!(states.contains(&&json!("done")) && states.contains(&&json!("skipped")), "{states:?}");
    assert_eq!(ada.roles_of(outside.user).await, ["guest"]);
    assert!(ada.roles_of(inside.user).await.is_empty());
}

async fn ten_1_an_action_hears_nothing_of_another_tenant(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &a, "ada@a.example").await;
    let (eve, carl) =
        (Desk::admin(&app, &b, "eve@b.example").await, Desk::plain(&app, &b, "carl@b.example").await);
    let ours = ada.makes(echo(PATCHED, "x.ours")).await;
    let theirs = eve.makes(echo(PATCHED, "x.theirs")).await;

    eve.rename(carl.user, "Carl").await;
    eve.ended(&theirs, 1).await;

    assert!(ada.runs(&ours).await.is_empty());
    assert_eq!(told(&ada.look(&format!("/actions/{theirs}")).await).0, 404);
    let seen = ada.look(&format!("/action-runs?action={theirs}")).await;
    assert_eq!(seen.json["data"], json!([]), "{}", seen.text);
}

async fn lower_priorities_run_first(ground: Ground) {
    let mut config = config(&ground);
    config.jobs.workers = 1.try_into().unwrap();
    let app = App::with(ground, config).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let mut made = Vec::new();
    for priority in [5, -1, 0] {
        let mut action = echo(PATCHED, "x.heard");
        action["priority"] = json!(priority);
        action["name"] = json!(priority.to_string());
        made.push(ada.makes(action).await);
    }

    ada.rename(ada.user, "Ada").await;
    for action in &made {
        ada.ended(action, 1).await;
    }

    let audited = ada.look("/audit?action=actions.run&$sort[id]=1").await;
    let order: Vec<&Value> =
        audited.json["data"].as_array().unwrap().iter().map(|row| &row["target"]["id"]).collect();
    assert_eq!(order, [&json!(made[1]), &json!(made[2]), &json!(made[0])]);
}

async fn what_is_switched_off_or_gone_does_nothing(ground: Ground) {
    let app = App::with(ground.clone(), idle(&ground)).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let mut off = echo(PATCHED, "x.off");
    off["isEnabled"] = json!(false);
    let off = ada.makes(off).await;
    let (gone, kept) = (ada.makes(echo(PATCHED, "x.gone")).await, ada.makes(echo(PATCHED, "x.kept")).await);
    let outbox = handing_on(&app).await;

    ada.rename(ada.user, "Ada").await;
    until("it is handed on", async || ada.runs(&kept).await.len() == 1).await;
    assert_eq!(ada.ask(Method::DELETE, &format!("/actions/{gone}"), None).await.status, 200);
    let working = workers(&app).await;
    ada.ended(&kept, 1).await;
    let of_gone = ada.ended(&gone, 1).await;

    assert!(ada.runs(&off).await.is_empty());
    assert_eq!((&of_gone[0]["state"], of_gone.len()), (&json!("skipped"), 1));
    for platform in [outbox, working] {
        drop(platform.stop().await);
    }
}

/// A part of a server that hands on what happened, and carries nothing out.
async fn handing_on(app: &App) -> Platform {
    let platform = Platform::builder(&app.clock)
        .given("house", app.running.house.clone())
        .required(Outbox::to(listeners()))
        .build()
        .unwrap();
    platform.start().await.unwrap();
    platform
}

async fn hook_2_an_event_reaches_an_action_once_however_many_hand_it_on(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let action = ada.makes(echo(PATCHED, "x.heard")).await;
    let second = ada.makes(echo("x.heard", "x.told")).await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(handing_on(&app).await);
    }
    let node = app.beside().await;

    let (desk, at) = (&ada, format!("/users/{}", ada.user));
    let rename = |number: usize| desk.patch(&at, json!({ "name": number.to_string() }));
    join_all((0..50).map(rename)).await;

    assert_eq!(ada.ended(&action, 50).await.len(), 50);
    assert_eq!(ada.ended(&second, 50).await.len(), 50);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((ada.runs(&action).await.len(), ada.runs(&second).await.len()), (50, 50));
    drop(node);
    for other in others {
        drop(other.stop().await);
    }
}

async fn hook_2_what_happened_while_nobody_worked_is_answered_later(ground: Ground) {
    let app = App::with(ground.clone(), idle(&ground)).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    ada.rename(ada.user, "Before").await;
    let action = ada.makes(echo(PATCHED, "x.heard")).await;
    ada.rename(ada.user, "After").await;

    for _ in 0..2 {
        // Each begins where the one before left off, or before.
        let (outbox, working) = (handing_on(&app).await, workers(&app).await);
        ada.ended(&action, 1).await;
        for platform in [outbox, working] {
            drop(platform.stop().await);
        }
    }

    assert_eq!(ada.runs(&action).await.len(), 1, "what was before the action was made is not its own");
}

async fn a_try_says_what_would_be_done_and_does_nothing(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    ada.create("guest").await;
    let mut action = giving("guest", &ada.named("admin").await);
    action["conditions"] = json!({ "==": [{ "var": "usr.email" }, null] });
    let action = ada.makes(action).await;
    let (at, about) = (format!("/actions/{action}/try"), json!({ "trigger": PATCHED, "user": bob.user }));

    let tried = ada.send(&at, about).await;
    let elsewhere = ada.send(&at, json!({ "trigger": "doorward.user.post.create" })).await;

    assert_eq!(tried.status, 200, "{}", tried.text);
    assert_eq!((&tried.json["listens"], &tried.json["holds"]), (&json!(true), &json!(true)));
    assert_eq!(tried.json["wouldDo"]["detail"], json!({ "given": true }), "{}", tried.text);
    assert_eq!(tried.json["unknownVariables"], json!(["usr.email"]));
    assert_eq!(tried.json["envelope"]["user"]["email"], "bob@a.example");
    assert_eq!(elsewhere.json["listens"], false);
    assert_eq!(elsewhere.json["wouldDo"]["key"], "actions.run.nobody", "{}", elsewhere.text);
    assert!(ada.roles_of(bob.user).await.is_empty());
    assert!(ada.runs(&action).await.is_empty());
}

async fn an_action_is_run_by_hand(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    ada.create("guest").await;
    let action = ada.makes(giving("guest", &ada.named("admin").await)).await;

    let begun = ada.send(&format!("/actions/{action}/run"), json!({ "user": bob.user })).await;

    assert_eq!(begun.status, 200, "{}", begun.text);
    let runs = ada.ended(&action, 1).await;
    assert_eq!((&runs[0]["id"], &runs[0]["state"]), (&begun.json["run"], &json!("done")));
    assert_eq!(ada.roles_of(bob.user).await, ["guest"]);
}

async fn somebody_who_is_switched_off_by_an_action_is_out(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let action = json!({
        "name": "out", "listens": [PATCHED], "handler": "disableUser", "runsAs": ada.named("admin").await,
        "throwsOnSuccess": ["x.out"],
    });
    let (action, after) = (ada.makes(action).await, ada.makes(echo("x.out", "x.done")).await);

    ada.rename(bob.user, "Bob").await;

    assert_eq!(ada.ended(&action, 1).await[0]["state"], "done");
    assert_eq!(bob.look("/auth/me").await.status, 401);
    let chained = ada.ended(&after, 1).await;
    assert_eq!((&chained[0]["depth"], &chained[0]["trigger"]), (&json!(1), &json!("x.out")));
    assert_eq!(chained[0]["chain"], ada.runs(&action).await[0]["event"]);
}

/// Whoever is given a role by an action as they come has their right password.
async fn race_a_login_beside_a_change_of_rights_is_let_in(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let guest = ada.create("guest").await;
    let login = json!({ "email": "bob@a.example", "password": PASSWORD });

    for round in 0..25 {
        let change = async {
            if round % 2 == 0 { ada.give(bob.user, &guest).await } else { ada.take(bob.user, &guest).await }
        };
        let login = app.post(&door, "/api/v1/auth/password-based/login", login.clone());
        let (changed, came) = tokio::join!(change, login);
        assert_eq!((changed.status.as_u16(), came.status.as_u16()), (200, 200), "{}", came.text);
    }
}
