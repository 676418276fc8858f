//! Secrets that are unlike anything else go in everywhere, and come out nowhere.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use doorward::components::Clock;
use doorward::db::DbConn;
use reqwest::{Client, RequestBuilder};
use serde_json::json;

use super::record;
use crate::ground::app::{App, Door, SECRET, config};
use crate::ground::people::{Holder, PASSWORD};
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, on_both};

on_both!(log_1_no_secret_is_in_log_recorder_rows_or_metrics);

const CANARY: &str = "Canary-7f3d9b-quartz-velvet-41";

async fn log_1_no_secret_is_in_log_recorder_rows_or_metrics(ground: Ground) {
    let app = App::with_clock(ground.clone(), config(&ground), Clock::real()).await;
    record(&app);
    let door = app.native("a").await;
    let spawned = Spawned::start(&ground);
    let mut secrets = vec![CANARY.to_owned(), PASSWORD.to_owned(), SECRET.to_owned()];

    for base in [app.url(""), format!("http://{}", spawned.address)] {
        let user = app.person(&door, &format!("ada{}@a.example", secrets.len())).await;
        let holder = app.session(&door, user).await;
        secrets.extend(flows(&base, &door, &holder).await);
        secrets.extend([holder.access, holder.refresh]);
    }
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;

    let metrics =
        reqwest::get(format!("http://{}/metrics", spawned.metrics())).await.unwrap().text().await.unwrap();
    let recorder = app.running.house.recorder.latest(usize::MAX);
    let recorded: Vec<_> = recorder.iter().map(|tree| tree.json().to_string()).collect();
    let (log, recorded) = (spawned.text(), recorded.join("\n"));
    assert!(log.contains("sessions.refresh") && recorded.contains("sessions.refresh"), "{recorded}");
    assert!(metrics.contains("doorward_requests_total"), "{metrics}");
    for secret in &secrets {
        for (place, text) in [("log", &log), ("recorder", &recorded), ("metrics", &metrics)] {
            assert!(!text.contains(secret.as_str()), "{secret} stands in the {place}");
        }
        assert_eq!(rows_with(&ground, secret), Vec::<String>::new(), "{secret} stands in a row");
    }
}

/// Every way that exists to send a secret, right and wrong. Gives the secrets that came back.
async fn flows(base: &str, door: &Door, holder: &Holder) -> Vec<String> {
    let http = Client::new();
    let at =
        |request: RequestBuilder| request.header("host", &door.host).header("doorward-client", &door.client);
    let post = |path: &str| at(http.post(format!("{base}{path}")));
    let get = |path: &str| at(http.get(format!("{base}{path}")));
    let requests = [
        get("/session/list").bearer_auth(&holder.access),
        get("/session/list").bearer_auth(CANARY),
        get("/session/list").header("authorization", format!("Basic {CANARY}")),
        get(&format!("/session/list?token={CANARY}")),
        get(&format!("/{CANARY}/x")),
        get("/multitenant/current").header("cookie", format!("__Host-dw-a-web={CANARY}")),
        get("/multitenant/current").header("origin", "https://stranger.example"),
        post("/auth/refresh-tokens").json(&json!({ "refreshToken": format!("dwr_1_{CANARY}") })),
        post("/auth/password/login").json(&json!({ "email": "ada@a.example", "password": CANARY })),
        post("/auth/refresh-tokens")
            .body(format!("{{\"refreshToken\": \"{CANARY}\""))
            .header("content-type", "application/json"),
        post("/auth/refresh-tokens").json(&json!({ CANARY: CANARY })),
        post("/auth/refresh-tokens").json(&json!({ "refreshToken": { "x": CANARY } })),
        post("/auth/logout").basic_auth("a-backend", Some(SECRET)).json(&json!({ "refreshToken": CANARY })),
    ];
    for request in requests {
        let reply = request.send().await.unwrap();
        assert!(reply.status().as_u16() < 500);
    }
    let key = format!("{CANARY}-idempotency");
    let spend = json!({ "refreshToken": holder.refresh });
    let pair = post("/auth/refresh-tokens").header("idempotency-key", key).json(&spend).send().await.unwrap();
    let pair: serde_json::Value = pair.json().await.unwrap();
    ["accessToken", "refreshToken"].map(|name| pair[name].as_str().unwrap().to_owned()).to_vec()
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Text)]
    sql: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

const COLUMNS: &str = "SELECT table_name || '.' || column_name AS place, \
    format('SELECT count(*) AS count FROM %I WHERE strpos(%I::text, $1) > 0', table_name, column_name) AS sql \
    FROM information_schema.columns WHERE table_schema = current_schema()";

/// On SQLite the bytes of the file are looked through, on PostgreSQL every column as text.
fn rows_with(ground: &Ground, secret: &str) -> Vec<String> {
    let DbConn::Pg(mut pg) = ground.connect() else {
        let path = ground.url().trim_start_matches("sqlite://").to_owned();
        let files = [path.clone(), format!("{path}-wal")];
        let holds = |file: &String| {
            let bytes = std::fs::read(file).unwrap_or_default();
            bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
        };
        return files.into_iter().filter(holds).collect();
    };
    let columns: Vec<Column> = diesel::sql_query(COLUMNS).load(&mut pg).unwrap();
    assert!(columns.len() > 100);
    let holding = columns.into_iter().filter(|column| {
        let count: Count =
            diesel::sql_query(column.sql.clone()).bind::<Text, _>(secret).get_result(&mut pg).unwrap();
        count.count > 0
    });
    holding.map(|column| column.place).collect()
}
