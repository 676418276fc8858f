//! A handler that panics harms one request; an error's words reach nobody but the log.

use std::process::Command;

use doorward::base::{Error, Result};
use doorward::components::log;
use doorward::http::Answer;
use doorward::http::answer::Content;
use doorward::identity::{Access, Method, Nothing, Route, Scope};
use futures_util::future::join_all;
use serde_json::json;

use super::mounted;
use crate::ground::app::App;
use crate::ground::{Ground, Kind, on_both, run};

on_both!(
    inj_13_a_panic_answers_500_closes_the_connection_and_the_next_request_is_fine,
    inj_14_of_64_errors_at_once_none_shows_its_own_words_or_anothers,
);

const CANARY: &str = "Canary-of-a-panic-58";

fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::Get, "/panic", Access::Open, panics).named("test.panic", "Panics.").hidden(),
        Route::new(Method::Get, "/fine", Access::Open, fine).named("test.fine", "Does not.").hidden(),
        Route::new(Method::Get, "/fault/{marker}", Access::Open, fault)
            .named("test.fault", "Fails.")
            .hidden(),
    ]
}

async fn panics(_: Scope, _: Nothing) -> Result<Answer> {
    panic!("{}", CANARY.to_owned());
}

async fn fine(_: Scope, _: Nothing) -> Result<Answer> {
    Ok(Answer::new(200, Content::Json(json!({}))))
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Marked {
    marker: String,
}

async fn fault(_: Scope, marked: Marked) -> Result<Answer> {
    tokio::task::yield_now().await;
    Err(Error::internal(format!("SELECT secret FROM users at /srv/{}.rs", marked.marker)))
}

async fn inj_13_a_panic_answers_500_closes_the_connection_and_the_next_request_is_fine(ground: Ground) {
    let app = App::start(ground).await;
    let base = mounted(&app, routes());
    let http = reqwest::Client::new();

    let panicked = http.get(format!("{base}/panic")).send().await.unwrap();
    let next = http.get(format!("{base}/fine")).send().await.unwrap();

    assert_eq!((panicked.status().as_u16(), next.status().as_u16()), (500, 200));
    assert_eq!(panicked.headers()["connection"], "close");
    let id = panicked.headers()["doorward-request-id"].to_str().unwrap().to_owned();
    let text = panicked.text().await.unwrap();
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&problem["key"], &problem["requestId"]), (&json!("error.server.internal"), &json!(id)));
    assert!(!text.contains(CANARY), "{text}");
}

async fn inj_14_of_64_errors_at_once_none_shows_its_own_words_or_anothers(ground: Ground) {
    let app = App::start(ground).await;
    let base = mounted(&app, routes());
    let http = reqwest::Client::new();
    let ask = |number: usize| {
        let request = http.get(format!("{base}/fault/marker-{number:03}")).send();
        async move { request.await.unwrap().text().await.unwrap() }
    };

    let answers = join_all((0..64).map(ask)).await;

    let told: Vec<_> = answers
        .iter()
        .filter(|text| ["marker-", "SELECT", "/srv", ".rs"].iter().any(|words| text.contains(words)))
        .collect();
    assert!(told.is_empty(), "{told:?}");
    let ids: std::collections::BTreeSet<_> = answers.iter().map(|text| id_of(text)).collect();
    assert_eq!(ids.len(), 64);
}

fn id_of(text: &str) -> String {
    let problem: serde_json::Value = serde_json::from_str(text).unwrap();
    problem["requestId"].as_str().unwrap().to_owned()
}

/// In a process of its own, since a panic hook is one for all.
#[test]
fn inj_13_a_panic_is_one_line_without_its_words_and_is_counted() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "telling::panics::a_child_panics", "--ignored", "--nocapture"])
        .env_remove("RUST_LOG")
        .output()
        .unwrap();

    let text = String::from_utf8(child.stderr).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let told: Vec<_> = lines.iter().filter(|line| line["message"] == "panic").collect();
    assert_eq!(told.len(), 1, "{text}");
    assert!(
        told[0]["request_id"].is_string() && told[0]["place"].as_str().unwrap().contains("panics.rs"),
        "{text}"
    );
    assert!(!text.contains(CANARY), "{text}");
    let done =
        lines.iter().find(|line| line["event"] == "test.panic" && line["message"] == "answered").unwrap();
    assert_eq!((&done["status"], &done["outcome"]), (&json!(500), &json!("failed")));
    let out = String::from_utf8(child.stdout).unwrap();
    assert!(out.contains("doorward_panics_total 1"), "{out}");
}

#[test]
#[ignore = "the child of the test above"]
fn a_child_panics() {
    run(Kind::Sqlite, |ground| async {
        let metrics = doorward::components::metrics::install().unwrap();
        let app = App::start(ground).await;
        let house = &app.running.house;
        log::install(&house.config, &house.clock, &house.recorder);
        let base = mounted(&app, routes());
        reqwest::get(format!("{base}/panic")).await.unwrap();
        println!("{}", metrics.render());
    });
}
