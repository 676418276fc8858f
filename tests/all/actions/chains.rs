//! What follows from what followed: chains, and their ends.

use serde_json::{Value, json};

use super::kit::{PATCHED, echo};
use crate::ground::app::App;
use crate::ground::work::until;
use crate::ground::{Ground, on_both};
use crate::rights::kit::Desk;

on_both!(
    a_loop_of_actions_stops_is_written_down_once_and_harms_nobody_else,
    a_flood_of_actions_stops,
    a_failure_is_told_and_causes_no_other,
);

async fn a_loop_of_actions_stops_is_written_down_once_and_harms_nobody_else(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &a, "ada@a.example").await;
    let eve = Desk::admin(&app, &b, "eve@b.example").await;
    ada.makes(echo(PATCHED, "x.ping")).await;
    let (ping, pong) = (ada.makes(echo("x.ping", "x.pong")).await, ada.makes(echo("x.pong", "x.ping")).await);
    let theirs = eve.makes(echo(PATCHED, "x.heard")).await;

    ada.rename(ada.user, "Ada").await;
    eve.rename(eve.user, "Eve").await;

    assert_eq!(eve.ended(&theirs, 1).await[0]["state"], "done");
    until("the loop is stopped", async || {
        stopped(&[ada.runs(&ping).await, ada.runs(&pong).await].concat()) == 1
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let all = [ada.runs(&ping).await, ada.runs(&pong).await].concat();
    assert_eq!((stopped(&all), all.len()), (1, 8), "{all:?}");
    let audited = ada.look("/audit?action=actions.run&outcome=refused").await;
    assert_eq!(audited.json["total"].as_i64().unwrap_or(1), 1, "{}", audited.text);
    assert_eq!(audited.json["data"][0]["reason"], "loop", "{}", audited.text);
}

fn stopped(runs: &[Value]) -> usize {
    runs.iter().filter(|run| run["state"] == "stopped").count()
}

/// Wide instead of deep: each of ten hears what each of ten throws.
async fn a_flood_of_actions_stops(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    for number in 0..10 {
        let mut action = echo("x.*", "y");
        action["name"] = json!(format!("flood {number}"));
        action["listens"] = json!([PATCHED, format!("x.a{}", number % 2)]);
        action["configuration"] = json!({ "trigger": format!("x.a{}", (number + 1) % 2) });
        ada.makes(action).await;
    }

    ada.rename(ada.user, "Ada").await;

    let count = async || ada.look("/action-runs?$limit=1&$total=true").await.json["total"].as_i64().unwrap();
    until("the flood is stopped", async || {
        ada.look("/action-runs?state=stopped&$limit=10").await.json["data"].as_array().unwrap().len() == 1
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(count().await, 101);
}

async fn a_failure_is_told_and_causes_no_other(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let failing = |hears: &str| {
        json!({
            "name": format!("fails at {hears}"), "listens": [hears], "handler": "assignRole",
            "configuration": { "role": "nobody-has-it" }, "throwsOnFailure": ["x.failed"],
        })
    };
    let first = ada.makes(failing(PATCHED)).await;
    let second = ada.makes(failing("doorward.action.post.fail")).await;
    let told = ada.makes(echo("x.failed", "x.told")).await;

    ada.rename(ada.user, "Ada").await;

    assert_eq!(ada.ended(&first, 1).await[0]["state"], "failed");
    let of_second = ada.ended(&second, 1).await;
    assert_eq!((of_second.len(), &of_second[0]["state"]), (1, &json!("failed")));
    // Both throw what they throw when they fail; neither tells of the other's failure again.
    assert_eq!(ada.ended(&told, 2).await.len(), 2);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!((ada.runs(&second).await.len(), ada.runs(&told).await.len()), (1, 2));
}
