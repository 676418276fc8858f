//! Guesses that were counted stay counted when the server is killed.

use diesel::prelude::*;
use doorward::components::Clock;
use doorward::db::schema::guess_counters;
use reqwest::StatusCode;
use serde_json::json;

use crate::ground::app::{App, Door, config};
use crate::ground::people::PASSWORD;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, on_both};

on_both!(bf_7_guesses_survive_a_kill);

/// The fifth wrong guess closes the account for good: no delay passes while a machine is slow.
const SETTINGS: &[(&str, &str)] = &[
    ("RUST_LOG", "info"),
    ("DOORWARD_HASHING__MEMORY_KIB", "64"),
    ("DOORWARD_HASHING__PASSES", "1"),
    ("DOORWARD_GUESSES__DELAY_FROM", "5"),
    ("DOORWARD_GUESSES__AT_MOST", "5"),
];

async fn bf_7_guesses_survive_a_kill(ground: Ground) {
    let app = App::with_clock(ground.clone(), config(&ground), Clock::real()).await;
    let door = app.native("a").await;
    for name in ["ada", "eve"] {
        app.person(&door, &format!("{name}@a.example")).await;
    }

    let before = Spawned::with(&ground, SETTINGS);
    for _ in 0..4 {
        assert_eq!(guess(&before, &door, "ada", "a wrong password").await, 401);
    }
    before.kill();
    assert_eq!(counted(&ground), [4, 4], "of what was typed, and of whom it is");

    let after = Spawned::with(&ground, SETTINGS);
    assert_eq!(guess(&after, &door, "ada", "a wrong password").await, 401);
    assert_eq!(guess(&after, &door, "ada", PASSWORD).await, 401, "blocked, though it is right");
    assert_eq!(guess(&after, &door, "eve", PASSWORD).await, 200, "and nobody else is");
}

async fn guess(server: &Spawned, door: &Door, name: &str, password: &str) -> StatusCode {
    let login = format!("http://{}/auth/password-based/login", server.address);
    let request = reqwest::Client::new().post(login);
    let request = request.header("host", &door.host).header("doorward-client", &door.client);
    let body = json!({ "email": format!("{name}@a.example"), "password": password });
    request.json(&body).send().await.unwrap().status()
}

fn counted(ground: &Ground) -> Vec<i32> {
    guess_counters::table.select(guess_counters::failures).load(&mut ground.connect()).unwrap()
}
