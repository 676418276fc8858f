//! Each time of each cron job is thrown once, whoever does it; and nothing that follows does more than its writer could.

use diesel::prelude::*;
use doorward::base::{JobId, Timestamp};
use doorward::db::schema::{cron_jobs, domain_events, jobs};
use doorward::identity::{Claimed, Scope};
use serde_json::{Value, json};

use super::making::nightly;
use crate::actions::kit::{ACTION, workers};
use crate::ground::app::App;
use crate::ground::work::until;
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    at_its_time_it_is_thrown_and_an_action_acts,
    of_fifty_ticks_on_two_nodes_one_throws,
    what_was_missed_is_thrown_once_or_not_at_all,
    a_change_counts_from_then_on,
    priv_1_what_follows_from_a_cron_job_does_no_more_than_its_writer_could,
    a_clock_that_was_ahead_leaves_no_cron_job_behind,
    one_that_no_program_understands_is_switched_off_and_holds_no_other_up,
);

const NIGHT: u64 = 13 * 3600 + 1800;

/// What each minute's job does.
async fn tick(app: &App) {
    let handlers = doorward::cronjobs::handlers();
    let scope = Scope::of_house(app.running.house.clone(), None);
    let job = Claimed::new(JobId::new(), None, 0);
    handlers[0].run(scope, job).await.unwrap();
}

fn thrown(app: &App, trigger: &str) -> Vec<Value> {
    use domain_events as e;
    let all = e::table.filter(e::trigger_name.eq(trigger)).order(e::sequence).select(e::data);
    let all: Vec<doorward::db::Json<Value>> = all.load(&mut app.ground.connect()).unwrap();
    all.into_iter().map(|data| data.0).collect()
}

async fn at_its_time_it_is_thrown_and_an_action_acts(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    ada.create("guest").await;
    let _workers = workers(&app).await;
    let action = json!({ "name": "a", "listens": ["x.nightly"], "handler": "assignRole",
        "configuration": { "role": "guest" }, "runsAs": ada.named("admin").await });
    let action = ada.makes(action).await;
    let mut job = nightly();
    job["data"] = json!({ "user": bob.user, "why": "the night" });
    let job = ada.send("/cronjobs", job).await.says("id").to_owned();

    tick(&app).await;
    assert_eq!(thrown(&app, "x.nightly").len(), 0, "not yet");
    app.advance(NIGHT);
    until("it is thrown", async || thrown(&app, "x.nightly").len() == 1).await;

    let ada = Desk { token: app.session(&door, ada.user).await.access, ..ada };
    let runs = ada.ended(&action, 1).await;
    assert_eq!((&runs[0]["state"], &runs[0]["depth"]), (&json!("done"), &json!(1)), "{}", runs[0]);
    assert_eq!(ada.roles_of(bob.user).await, ["guest"]);
    let data = thrown(&app, "x.nightly").remove(0);
    assert_eq!((&data["why"], &data["missed"]), (&json!("the night"), &json!(0)));
    assert_eq!((&data["cronjob"], &data["due"]), (&json!(job), &json!("2026-11-23T01:30:00Z")));
    let own = ada.runs(&job).await;
    assert_eq!((own.len(), &own[0]["state"], &own[0]["chain"]), (1, &json!("done"), &runs[0]["chain"]));
    let shown = ada.look(&format!("/cronjobs/{job}")).await;
    assert_eq!(shown.says("nextAt"), "2026-11-24T01:30:00Z", "{}", shown.text);
    let again = ada.send(&format!("/cronjobs/{job}/run"), json!({})).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(thrown(&app, "x.nightly").len(), 2);
    assert_eq!(ada.look(&format!("/cronjobs/{job}")).await.says("nextAt"), "2026-11-24T01:30:00Z");
}

async fn of_fifty_ticks_on_two_nodes_one_throws(ground: Ground) {
    let app = App::start(ground).await;
    let beside = app.beside().await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    for number in 0..5 {
        let mut job = nightly();
        job["name"] = json!(number.to_string());
        assert_eq!(ada.send("/cronjobs", job).await.status, 201);
    }
    app.advance(NIGHT);

    let ticks = (0..50).map(|number| tick(if number % 2 == 0 { &app } else { &beside }));
    futures_util::future::join_all(ticks).await;

    assert_eq!(thrown(&app, "x.nightly").len(), 5);
}

async fn what_was_missed_is_thrown_once_or_not_at_all(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    for (name, missed) in [("x.once", "once"), ("x.skip", "skip")] {
        let mut job = nightly();
        (job["name"], job["trigger"], job["missed"]) = (json!(name), json!(name), json!(missed));
        assert_eq!(ada.send("/cronjobs", job).await.status, 201);
    }

    app.advance(NIGHT + 3 * 86_400 + 600);
    tick(&app).await;
    tick(&app).await;

    let once = thrown(&app, "x.once");
    assert_eq!(
        (once.len(), &once[0]["missed"], &once[0]["due"]),
        (1, &json!(3), &json!("2026-11-26T01:30:00Z"))
    );
    assert_eq!(thrown(&app, "x.skip").len(), 0);
    app.advance(86_400 - 600 + 30);
    tick(&app).await;
    assert_eq!(
        (thrown(&app, "x.once").len(), thrown(&app, "x.skip").len()),
        (2, 1),
        "what is in time counts"
    );
}

async fn a_change_counts_from_then_on(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let one = format!("/cronjobs/{}", ada.send("/cronjobs", nightly()).await.says("id"));
    assert_eq!(ada.patch(&one, json!({ "isEnabled": false })).await.status, 200);
    app.advance(NIGHT + 60);
    tick(&app).await;
    assert_eq!(thrown(&app, "x.nightly").len(), 0, "it is off");

    let ada = Desk { token: app.session(&door, ada.user).await.access, ..ada };
    let on = ada.patch(&one, json!({ "isEnabled": true })).await;
    assert_eq!(on.says("nextAt"), "2026-11-24T01:30:00Z", "what passed while it was off is not due");
    tick(&app).await;
    assert_eq!(thrown(&app, "x.nightly").len(), 0);
    let renamed = ada.patch(&one, json!({ "name": "Other" })).await;
    assert_eq!(renamed.says("nextAt"), "2026-11-24T01:30:00Z");
}

async fn priv_1_what_follows_from_a_cron_job_does_no_more_than_its_writer_could(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let rights = [ACTION, "tenant:cronjob:manage"];
    let clerk = Desk::clerk(&app, &door, "bob@a.example", &rights).await;
    let _workers = workers(&app).await;
    let action = json!({ "name": "a", "listens": ["x.promote"], "handler": "assignRole",
        "configuration": { "role": "admin" }, "runsAs": ada.named("admin").await });
    let action = ada.makes(action).await;
    let mut job = nightly();
    (job["trigger"], job["data"]) = (json!("x.promote"), json!({ "user": clerk.user }));

    let job = clerk.send("/cronjobs", job).await.says("id").to_owned();
    assert_eq!(clerk.send(&format!("/cronjobs/{job}/run"), json!({})).await.status, 200);
    app.advance(NIGHT);
    tick(&app).await;

    let ada = Desk { token: app.session(&door, ada.user).await.access, ..ada };
    let runs = ada.ended(&action, 2).await;
    for run in &runs {
        assert_eq!(run["detail"]["key"], "actions.run.notAllowed", "{run}");
    }
    let by_ada = ada.send(&format!("/cronjobs/{job}/run"), json!({})).await;
    assert_eq!(told(&by_ada).0, 200, "{}", by_ada.text);
    assert_eq!(
        ada.ended(&action, 3).await[0]["detail"]["key"],
        "actions.run.notAllowed",
        "it is still the clerk's"
    );
    let clerks = ada.roles_of(clerk.user).await;
    assert!(!clerks.contains(&"admin".to_owned()), "{clerks:?}");
    // Whoever changes it answers for it.
    assert_eq!(ada.patch(&format!("/cronjobs/{job}"), json!({ "description": "Mine." })).await.status, 200);
    assert_eq!(ada.send(&format!("/cronjobs/{job}/run"), json!({})).await.status, 200);
    assert_eq!(ada.ended(&action, 4).await[0]["state"], "done");
}

async fn a_clock_that_was_ahead_leaves_no_cron_job_behind(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let job = ada.send("/cronjobs", nightly()).await.says("id").to_owned();
    let ahead = Timestamp::parse("2036-01-01T00:00:00Z").unwrap();
    let of_tenant = cron_jobs::table.filter(cron_jobs::tenant_id.is_not_null());
    let then = (cron_jobs::next_at.eq(ahead), cron_jobs::last_at.eq(ahead));
    diesel::update(of_tenant).set(then).execute(&mut app.ground.connect()).unwrap();

    tick(&app).await;

    assert_eq!(thrown(&app, "x.nightly").len(), 0);
    assert_eq!(ada.look(&format!("/cronjobs/{job}")).await.says("nextAt"), "2026-11-23T01:30:00Z");
    app.advance(NIGHT);
    tick(&app).await;
    assert_eq!(thrown(&app, "x.nightly").len(), 1);
}

async fn one_that_no_program_understands_is_switched_off_and_holds_no_other_up(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let broken = ada.send("/cronjobs", nightly()).await.says("id").to_owned();
    let of_tenant = cron_jobs::table.filter(cron_jobs::tenant_id.is_not_null());
    let wrong = cron_jobs::timezone.eq("Mars/Olympus");
    diesel::update(of_tenant).set(wrong).execute(&mut app.ground.connect()).unwrap();
    let mut other = nightly();
    other["name"] = json!("other");
    assert_eq!(ada.send("/cronjobs", other).await.status, 201);

    app.advance(NIGHT);
    tick(&app).await;

    let ada = Desk { token: app.session(&door, ada.user).await.access, ..ada };
    assert_eq!(thrown(&app, "x.nightly").len(), 1);
    assert_eq!(ada.look(&format!("/cronjobs/{broken}")).await.json["isEnabled"], false);
    let queued = jobs::table.filter(jobs::name.eq("cronjobs.tick")).count();
    assert_eq!(queued.get_result::<i64>(&mut app.ground.connect()).unwrap(), 0, "this test ticks by itself");
}
