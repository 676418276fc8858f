//! Sockets: the unmodified client of Feathers over Socket.IO, and by hand what no client of theirs would do.

use std::process::Command;

use reqwest::header::ORIGIN;
use serde_json::{Value, json};

use super::people::town;
use super::poller::{Poller, SHAKE};
use crate::ground::app::{App, config};
use crate::ground::people::PASSWORD;
use crate::ground::{Ground, on_both};
use crate::recipes::{packages, run};
use crate::rights::kit::Desk;

on_both!(
    the_suite_for_adapters_passes_through_the_socket_client,
    an_unmodified_client_logs_in_watches_and_is_told_when_it_is_over,
    ws_1_a_foreign_page_gets_no_socket,
    a_handshake_that_is_none_is_refused_as_engine_io_does,
    ws_2_what_is_no_packet_ends_the_socket,
    ws_2_a_packet_has_a_size,
    a_call_that_cannot_be_read_is_answered_and_ends_nothing,
    ws_1_a_greeting_with_a_token_that_is_none_is_refused,
    ws_2_one_network_opens_so_many_sockets_that_nobody_logs_in_on,
);

async fn the_suite_for_adapters_passes_through_the_socket_client(ground: Ground) {
    let app = town(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@example.com").await;
    let token = app.session(&door, user).await.access;

    let mut suite = Command::new("node");
    suite.args(["node_modules/mocha/bin/mocha.js", "--reporter=dot", "suites/adapter.mjs"]);
    suite.env("DOORWARD_URL", app.url("")).env("DOORWARD_CLIENT", &door.client).env("DOORWARD_TOKEN", token);
    let said = run(suite.env("DOORWARD_TRANSPORT", "socket").current_dir(packages("tests/feathers")));

    assert!(said.contains("79 passing") && !said.contains("pending"), "{said}");
}

async fn an_unmodified_client_logs_in_watches_and_is_told_when_it_is_over(ground: Ground) {
    let app = town(ground).await;
    let (door, there) = (app.native("a").await, app.native("b").await);
    let admin = Desk::admin(&app, &door, "admin@example.com").await;
    let plain = Desk::plain(&app, &door, "plain@example.com").await;
    let other = Desk::admin(&app, &there, "other@example.com").await;
    let ada = app.person(&door, "ada@example.com").await;
    app.promote(&door, ada).await;

    let mut suite = Command::new("node");
    suite.args(["node_modules/mocha/bin/mocha.js", "--exit", "--timeout=4000", "suites/sockets.mjs"]);
    suite.env("URL", app.url("")).env("CLIENT", &door.client).env("OTHER_CLIENT", &there.client);
    suite.env("EMAIL", "ada@example.com").env("PASSWORD", PASSWORD);
    suite.env("ADMIN", &admin.token).env("PLAIN", &plain.token).env("OTHER", &other.token);
    let said = run(suite.current_dir(packages("tests/feathers")));

    assert!(said.contains(" passing") && !said.contains("pending"), "{said}");
}

async fn ws_1_a_foreign_page_gets_no_socket(ground: Ground) {
    let app = town(ground).await;
    for path in [SHAKE, "/socket.io/?EIO=4&transport=websocket"] {
        let reply = http().get(app.url(path)).header(ORIGIN, "https://evil.example").send().await.unwrap();

        assert_eq!(reply.status(), 403, "{path}");
        assert!(!reply.headers().contains_key("access-control-allow-origin"));
    }
    assert_eq!(http().get(app.url(SHAKE)).send().await.unwrap().status(), 200);
}

async fn a_handshake_that_is_none_is_refused_as_engine_io_does(ground: Ground) {
    let app = town(ground).await;
    for (path, code) in [
        ("/socket.io/?EIO=4", 0),
        ("/socket.io/?EIO=4&transport=pigeon", 0),
        ("/socket.io/?EIO=4&transport=polling&sid=x", 1),
        ("/socket.io/?EIO=3&transport=polling", 5),
        ("/socket.io/?transport=polling", 5),
        ("/socket.io/?EIO=4&transport=websocket", 3),
    ] {
        let reply = http().get(app.url(path)).send().await.unwrap();

        assert_eq!(reply.status(), 400, "{path}");
        assert_eq!(reply.json::<Value>().await.unwrap()["code"], code, "{path}");
    }
    let posted = http().post(app.url(SHAKE)).body("40").send().await.unwrap();
    assert_eq!(posted.json::<Value>().await.unwrap()["code"], 2);
}

async fn ws_2_what_is_no_packet_ends_the_socket(ground: Ground) {
    let app = town(ground).await;
    for said in ["", "x", "40{", "42[\"find\",\"users\"]", "4", "bAQID", "41"] {
        let mut socket = Poller::shaken(&app).await;

        socket.say(said).await;

        assert_eq!(socket.hear().await, "", "{}", &said[..said.len().min(20)]);
    }
}

async fn a_call_that_cannot_be_read_is_answered_and_ends_nothing(ground: Ground) {
    let app = town(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@example.com").await;
    let mut socket = Poller::bound(&app, &ada.token).await;

    for wrong in [
        r#"421["find","users",{"name":"\u0000"}]"#,
        r#"421["find","users",{"name":1,"name":2}]"#,
        "421[\"find\"",
    ] {
        socket.say(wrong).await;

        let answer = socket.hear().await;
        assert!(
            answer.starts_with("431[{") && answer.contains("error.server.unsupportedBodyFormat"),
            "{answer}"
        );
    }
    assert_eq!(socket.call(json!(["get", "users", ada.user.to_string(), {}])).await["id"], json!(ada.user));
}

async fn ws_1_a_greeting_with_a_token_that_is_none_is_refused(ground: Ground) {
    let app = town(ground).await;
    for greeting in [r#"40{"token":[]}"#, r#"40{"token":1}"#, r#"40{"client":{}}"#, "40[1]", "40\"x\""] {
        let mut socket = Poller::shaken(&app).await;

        socket.say(greeting).await;

        let answer = socket.hear().await;
        assert!(
            answer.starts_with("44{") && answer.contains("services.socket.greeting"),
            "{greeting}: {answer}"
        );
    }
}

async fn ws_2_a_packet_has_a_size(ground: Ground) {
    let mut config = config(&ground);
    config.limits.body = (1 << 20).try_into().unwrap();
    let app = App::with(ground, config).await;
    for (bytes, goes_on) in [(60_000, true), (66_000, false)] {
        let mut socket = Poller::shaken(&app).await;
        socket.say("40").await;
        assert!(socket.hear().await.starts_with("40"));

        socket.say(&format!("421[\"find\",\"{}\",{{}}]", "x".repeat(bytes))).await;

        assert_eq!(socket.hear().await.starts_with("431"), goes_on, "{bytes}");
    }
}

async fn ws_2_one_network_opens_so_many_sockets_that_nobody_logs_in_on(ground: Ground) {
    let app = town(ground).await;
    let shake = async || http().get(app.url(SHAKE)).send().await.unwrap().status().as_u16();
    for _ in 0..256 {
        assert_eq!(shake().await, 200);
    }

    assert_eq!(shake().await, 503);
}

fn http() -> reqwest::Client {
    reqwest::Client::new()
}
