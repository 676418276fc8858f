//! A tenant's jobs, as its admins see them.

use diesel::prelude::*;
use doorward::db::schema::jobs;
use serde_json::json;

use crate::ground::app::{App, Door};
use crate::ground::{Ground, on_both};
use crate::rights::kit::{Desk, told};

on_both!(
    priv_7_of_a_job_a_tenant_sees_neither_what_is_in_it_nor_what_exactly_went_wrong,
    ten_1_jobs_of_others_and_of_the_house_are_none,
    of_fifty_who_try_a_dead_job_again_one_does,
);

const MANAGE: &str = "tenant:job:manage";
const RAW: &str = "550 mailbox of eve@b.example at 10.0.0.7 is full";

/// A job that is dead, and its id.
async fn dead(ada: &Desk<'_>) -> String {
    let action = json!({ "name": "a", "listens": ["x.heard"], "handler": "endSessions" });
    let action = ada.makes(action).await;
    let run = ada.send(&format!("/actions/{action}/run"), json!({})).await;
    let died = (jobs::state.eq("dead"), jobs::last_error.eq(RAW), jobs::retry_count.eq(10));
    let of_tenant =
        jobs::table.filter(jobs::tenant_id.eq(ada.door.tenant)).filter(jobs::name.eq("actions.run"));
    diesel::update(of_tenant).set(died).execute(&mut ada.app.ground.connect()).unwrap();
    run.says("run").to_owned()
}

async fn start(ground: Ground) -> (App, Door) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    (app, door)
}

async fn priv_7_of_a_job_a_tenant_sees_neither_what_is_in_it_nor_what_exactly_went_wrong(ground: Ground) {
    let (app, door) = start(ground).await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::clerk(&app, &door, "bob@a.example", &["tenant:action:manage"]).await;
    let job = dead(&ada).await;

    let found = ada.look("/jobs?state=dead&name=actions.run").await;
    let shown = found.json["data"][0].clone();
    let members: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        [
            "completedAt",
            "createdAt",
            "dueAt",
            "failures",
            "id",
            "lastError",
            "maxAttempts",
            "name",
            "state",
            "updatedAt"
        ]
    );
    assert_eq!((shown["id"].as_str(), &shown["lastError"]), (Some(job.as_str()), &json!("failed")));
    assert!(!found.text.contains("eve@b.example") && !found.text.contains("10.0.0.7"), "{}", found.text);
    assert_eq!(ada.look(&format!("/jobs/{job}")).await.json, shown);
    for refused in [bob.look("/jobs").await, bob.send(&format!("/jobs/{job}/retry"), json!({})).await] {
        assert_eq!(refused.status, 403, "{}", refused.text);
    }
    app.give_permission(&door, bob.user, MANAGE).await;
    let bob = Desk { token: app.session(&door, bob.user).await.access, ..bob };
    let again = bob.send(&format!("/jobs/{job}/retry"), json!({})).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_ne!(again.json["state"], "dead");
    let audited = ada.look(&format!("/audit?targetId={job}")).await;
    assert_eq!(audited.json["data"][0]["action"], "jobs.retry", "{}", audited.text);
}

async fn ten_1_jobs_of_others_and_of_the_house_are_none(ground: Ground) {
    let (app, door) = start(ground).await;
    let other = app.native("b").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let eve = Desk::admin(&app, &other, "eve@b.example").await;
    let job = dead(&ada).await;
    let houses = jobs::table.filter(jobs::name.eq("actions.run"));

    assert_eq!(eve.look("/jobs").await.json["data"], json!([]));
    assert_eq!(eve.look(&format!("/jobs/{job}")).await.status, 404);
    assert!([404, 409].contains(&eve.send(&format!("/jobs/{job}/retry"), json!({})).await.status.as_u16()));
    diesel::update(houses)
        .set(jobs::tenant_id.eq(None::<doorward::base::TenantId>))
        .execute(&mut app.ground.connect())
        .unwrap();
    assert_eq!(ada.look("/jobs?name=actions.run").await.json["data"], json!([]));
    assert_eq!(ada.look(&format!("/jobs/{job}")).await.status, 404);
    assert!([404, 409].contains(&ada.send(&format!("/jobs/{job}/retry"), json!({})).await.status.as_u16()));
    let state: String = houses.select(jobs::state).first(&mut app.ground.connect()).unwrap();
    assert_eq!(state, "dead");
}

async fn of_fifty_who_try_a_dead_job_again_one_does(ground: Ground) {
    let (app, door) = start(ground).await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let mut desks = Vec::new();
    for number in 0..10 {
        desks.push(Desk::admin(&app, &door, &format!("{number}@a.example")).await);
    }
    let path = format!("/jobs/{}/retry", dead(&ada).await);

    let all = (0..50).map(|number| desks[number % 10].send(&path, json!({})));
    let all = futures_util::future::join_all(all).await;

    let count = |wanted: (u16, &str)| all.iter().filter(|reply| told(reply) == wanted).count();
    assert_eq!((count((200, "")), count((409, "jobs.retry.notDead"))), (1, 49), "{}", all[0].text);
    let states = jobs::table.filter(jobs::name.eq("actions.run")).select(jobs::state);
    let states: Vec<String> = states.load(&mut app.ground.connect()).unwrap();
    assert!(states.len() == 1 && states[0] != "dead", "{states:?}");
}
