//! PostgreSQL goes away and comes back: nobody's request is to blame.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use futures_util::future::join_all;
use serde_json::json;

use crate::ground::app::{App, Door, Reply};
use crate::ground::people::PASSWORD;
use crate::ground::{Ground, Kind, run};

#[test]
fn connections_that_died_in_the_pool_cost_no_request() {
    run(Kind::Postgres, died);
}

#[test]
fn while_the_database_is_away_requests_are_told_to_come_back() {
    run(Kind::Postgres, away);
}

/// Reads and writes: the tenant is looked up afresh, and a login writes.
async fn login(app: &App, door: &Door) -> Reply {
    app.running.house.forget_all();
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    app.post(door, "/auth/password-based/login", body).await
}

/// The cluster's own database, and the name of the test's.
fn beside(ground: &Ground) -> (PgConnection, String) {
    let url = ground.url();
    let (server, name) = url.rsplit_once('/').unwrap();
    (PgConnection::establish(&format!("{server}/postgres")).unwrap(), name.to_owned())
}

/// As at an immediate stop: no connection that stands is good any more.
fn cut(ground: &Ground) {
    let (mut conn, name) = beside(ground);
    let all = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    conn.batch_execute(&all).unwrap();
}

fn admit(ground: &Ground, whether: bool) {
    let (mut conn, name) = beside(ground);
    conn.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {whether}")).unwrap();
}

/// A pool full of connections.
async fn busy(ground: &Ground) -> (App, Door) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    app.person(&door, "ada@example.com").await;
    for reply in join_all((0..2).map(|_| login(&app, &door))).await {
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    join_all((0..30).map(|_| app.get(&door, "/multitenant/current"))).await;
    (app, door)
}

async fn died(ground: Ground) {
    let (app, door) = busy(&ground).await;

    for _ in 0..5 {
        cut(&ground);
        for _ in 0..5 {
            let reply = login(&app, &door).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
        }
    }
}

async fn away(ground: Ground) {
    let (app, door) = busy(&ground).await;

    admit(&ground, false);
    cut(&ground);
    let while_away = join_all((0..8).map(|_| login(&app, &door))).await;
    admit(&ground, true);
    let back = join_all((0..2).map(|_| login(&app, &door))).await;

    for reply in while_away {
        assert_eq!((reply.status.as_u16(), reply.key()), (503, "error.server.busy"), "{}", reply.text);
        assert!(reply.headers.contains_key("retry-after"));
    }
    for reply in back {
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
}
