//! What actions may do, and who may make them do it.

use reqwest::Method;
use serde_json::json;

use super::kit::{ACTION, PATCHED, echo, giving, workers};
use crate::ground::app::App;
use crate::ground::work::idle;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, MANAGE, told};

on_both!(
    priv_1_nobody_lets_an_action_do_what_they_may_not_do_themselves,
    priv_1_nobody_bends_an_action_that_may_do_more_than_they,
    priv_1_an_action_gives_no_role_that_holds_more_than_its_own,
    priv_7_a_try_shows_nobody_to_whom_people_are_hidden,
    priv_2_an_action_does_nothing_to_somebody_who_holds_more,
    job_2_what_an_action_may_is_asked_when_it_runs,
    job_2_an_action_that_runs_as_nobody_changes_nobody,
    priv_3_an_action_leaves_the_last_active_admin,
    priv_8_a_role_that_is_deleted_is_nobodys_right,
    race_of_an_action_and_a_demotion_nothing_is_given_after_it,
);

const USERS: &str = "auth:user:manage";

async fn priv_1_nobody_lets_an_action_do_what_they_may_not_do_themselves(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &[ACTION]).await;
    let (admin, small) = (ada.named("admin").await, ada.filled("small", &[ACTION]).await);

    assert_eq!(told(&clerk.send("/actions", giving("admin", &admin)).await), (403, "actions.mayNotRunAs"));
    assert_eq!(clerk.send("/actions", giving("small", &small)).await.status, 201);
    let own = clerk.makes(echo(PATCHED, "x.heard")).await;
    let raised = clerk.patch(&format!("/actions/{own}"), json!({ "runsAs": admin })).await;
    assert_eq!(told(&raised), (403, "actions.mayNotRunAs"));
    let unknown = clerk.patch(&format!("/actions/{own}"), json!({ "runsAs": clerk.user })).await;
    assert_eq!(told(&unknown), (422, "actions.unknownRole"));
}

async fn priv_1_nobody_bends_an_action_that_may_do_more_than_they(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &[ACTION]).await;
    ada.create("guest").await;
    let at = format!("/actions/{}", ada.makes(giving("guest", &ada.named("admin").await)).await);

    let bent = clerk.patch(&at, json!({ "configuration": { "role": "admin" } })).await;
    // Not even by taking its rights away first.
    let freed = clerk.patch(&at, json!({ "runsAs": null })).await;
    let tried = clerk.send(&format!("{at}/try"), json!({ "trigger": PATCHED, "user": clerk.user })).await;
    let run = clerk.send(&format!("{at}/run"), json!({ "user": clerk.user })).await;
    let removed = clerk.ask(Method::DELETE, &at, None).await;

    for reply in [&bent, &freed, &tried, &run, &removed] {
        assert_eq!(told(reply), (403, "actions.mayNotRunAs"), "{}", reply.text);
    }
    assert!(ada.roles_of(clerk.user).await.iter().all(|role| role != "guest" && role != "admin"));
    assert_eq!(ada.look(&at).await.json["configuration"]["role"], "guest");
}

async fn priv_1_an_action_gives_no_role_that_holds_more_than_its_own(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let helper = ada.filled("helper", &[MANAGE]).await;
    let action = ada.makes(giving("admin", &helper)).await;

    ada.rename(bob.user, "Bob").await;

    let runs = ada.ended(&action, 1).await;
    assert_eq!(
        (&runs[0]["state"], &runs[0]["detail"]["key"]),
        (&json!("failed"), &json!("actions.run.notAllowed"))
    );
    assert!(ada.roles_of(bob.user).await.is_empty());
    let audited = ada.look(&format!("/audit?targetId={action}&outcome=refused")).await;
    assert_eq!(audited.json["data"][0]["reason"], "actions.run.notAllowed", "{}", audited.text);
}

async fn priv_7_a_try_shows_nobody_to_whom_people_are_hidden(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &[ACTION]).await;
    let at = format!("/actions/{}/try", clerk.makes(echo(PATCHED, "x.heard")).await);
    let about = json!({ "trigger": PATCHED, "user": ada.user });

    assert!(!clerk.send(&at, about.clone()).await.text.contains("ada@a.example"));
    // Also not to who may look: it shows what the action sees, and that is what its writer may.
    assert!(!ada.send(&at, about.clone()).await.text.contains("ada@a.example"));
    let own = format!("/actions/{}/try", ada.makes(echo(PATCHED, "x.seen")).await);
    assert!(ada.send(&own, about).await.text.contains("ada@a.example"));
}

async fn priv_2_an_action_does_nothing_to_somebody_who_holds_more(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let eve = Desk::admin(&app, &door, "eve@a.example").await;
    let helper = ada.filled("helper", &[USERS]).await;
    let mut made = Vec::new();
    for handler in ["disableUser", "endSessions"] {
        let action = json!({ "name": handler, "listens": [PATCHED], "handler": handler, "runsAs": helper });
        made.push(ada.makes(action).await);
    }

    ada.rename(eve.user, "Eve").await;

    for action in &made {
        assert_eq!(ada.ended(action, 1).await[0]["detail"]["key"], "actions.run.notAllowed");
    }
    assert_eq!(eve.look("/auth/me").await.status, 200);
}

async fn job_2_what_an_action_may_is_asked_when_it_runs(ground: Ground) {
    let app = App::with(ground.clone(), idle(&ground)).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let helper = ada.filled("helper", &[MANAGE]).await;
    ada.create("guest").await;
    let action = ada.makes(giving("guest", &helper)).await;

    let begun = ada.send(&format!("/actions/{action}/run"), json!({ "user": bob.user })).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    assert_eq!(ada.empty(&helper, &[MANAGE]).await.status, 200);
    let working = workers(&app).await;

    let runs = ada.ended(&action, 1).await;
    assert_eq!(runs[0]["detail"]["key"], "actions.run.notAllowed");
    assert!(ada.roles_of(bob.user).await.is_empty());
    drop(working.stop().await);
}

async fn job_2_an_action_that_runs_as_nobody_changes_nobody(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    ada.create("guest").await;
    let mut action = giving("guest", "");
    action["runsAs"] = json!(null);
    let action = ada.makes(action).await;

    ada.rename(bob.user, "Bob").await;

    assert_eq!(ada.ended(&action, 1).await[0]["detail"]["key"], "actions.run.notAllowed");
    assert!(ada.roles_of(bob.user).await.is_empty());
}

async fn priv_3_an_action_leaves_the_last_active_admin(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let admin = ada.named("admin").await;
    let taking = json!({ "name": "take", "listens": ["x.never"], "handler": "takeRole",
        "configuration": { "role": "admin" }, "runsAs": admin });
    let disabling =
        json!({ "name": "out", "listens": ["x.never"], "handler": "disableUser", "runsAs": admin });

    for (action, why) in
        [(taking, "authPermission.userRemoveRole.lastAdmin"), (disabling, "auth.setUserActive.lastAdmin")]
    {
        let action = ada.makes(action).await;
        let run = ada.send(&format!("/actions/{action}/run"), json!({ "user": ada.user })).await;
        assert_eq!(run.status, 200, "{}", run.text);
        assert_eq!(ada.ended(&action, 1).await[0]["detail"]["key"], why);
    }

    assert_eq!(ada.look("/auth/me").await.status, 200);
}

async fn priv_8_a_role_that_is_deleted_is_nobodys_right(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let helper = ada.filled("helper", &[USERS]).await;
    let action = json!({ "name": "out", "listens": [PATCHED], "handler": "endSessions", "runsAs": helper });
    let action = ada.makes(action).await;

    assert_eq!(ada.delete(&helper).await.status, 200);
    ada.rename(bob.user, "Bob").await;

    assert_eq!(ada.ended(&action, 1).await[0]["detail"]["key"], "actions.run.notAllowed");
    assert_eq!(ada.look(&format!("/actions/{action}")).await.json["runsAs"], json!(null));
    assert_eq!(bob.look("/auth/me").await.status, 200);
}

async fn race_of_an_action_and_a_demotion_nothing_is_given_after_it(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let helper = ada.filled("helper", &[MANAGE]).await;
    let guest = ada.create("guest").await;
    let action = ada.makes(giving("guest", &helper)).await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;

    for round in 1..=25 {
        ada.send(&format!("/actions/{action}/run"), json!({ "user": bob.user })).await;
        let emptied = ada.empty(&helper, &[MANAGE]).await;
        assert_eq!(emptied.status, 200, "{}", emptied.text);
        let runs = ada.ended(&action, round).await;
        let audited = ada.look("/audit?$limit=2&$sort[id]=-1&action[$in][]=role.give&action[$in][]=permissions.remove_permissions").await;
        if runs[0]["state"] == "done" {
            assert_eq!(audited.json["data"][0]["action"], "permissions.remove_permissions", "round {round}");
            ada.take(bob.user, &guest).await;
        }
        assert_eq!(ada.fill(&helper, &[MANAGE]).await.status, 200);
    }
}
