//! Live changes: who is told of what, on whichever node they are, and until when.

use std::time::Duration;

use diesel::prelude::*;
use doorward::base::{DomainEventId, UserId};
use doorward::db::Json;
use doorward::db::schema::{domain_events, users};
use doorward::db::tx::ActorKind;
use reqwest::Method;
use serde_json::{Value, json};

use super::poller::Poller;
use crate::ground::app::{App, Reply, config};
use crate::ground::{Ground, on_both};
use crate::rights::kit::Desk;

on_both!(
    a_change_on_one_node_is_told_on_the_other,
    ses_4_a_session_that_ends_on_one_node_ends_its_sockets_on_the_other,
    ws_1_who_lost_the_right_is_told_no_more,
    what_commits_late_is_told_all_the_same,
    ws_2_who_talks_without_end_is_left,
    ws_2_of_fifty_sockets_at_once_a_session_gets_five,
    a_place_of_another_past_is_answered_with_resync,
    ten_1_a_socket_sees_its_own_tenant_alone,
);

const LIST: &str = "auth:user:list";

pub async fn rename(desk: &Desk<'_>, user: UserId, name: &str) {
    let path = format!("/api/v1/users/{user}");
    let request = desk.app.request(desk.door, Method::PATCH, &path).json(&json!({ "name": name }));
    let reply = Reply::of(request.bearer_auth(&desk.token)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

async fn a_change_on_one_node_is_told_on_the_other(ground: Ground) {
    let app = App::start(ground).await;
    let beside = app.beside().await;
    let door = app.native("a").await;
    let admin = Desk::admin(&app, &door, "admin@example.com").await;
    let mut there = Poller::bound(&beside, &admin.token).await;

    for name in ["One", "Two", "Three"] {
        rename(&admin, admin.user, name).await;

        assert!(there.is_told(name).await, "{name}");
    }
}

async fn ses_4_a_session_that_ends_on_one_node_ends_its_sockets_on_the_other(ground: Ground) {
    let app = App::start(ground).await;
    let beside = app.beside().await;
    let door = app.native("a").await;
    let admin = Desk::admin(&app, &door, "admin@example.com").await;
    let mut there = Poller::bound(&beside, &admin.token).await;

    let left = app.post_as(&door, &admin.token, "/api/v1/auth/logout", json!({})).await;

    assert_eq!(left.status, 200);
    assert_eq!(there.soon(Duration::from_secs(2)).await.as_deref(), Some(""));
}

async fn ws_1_who_lost_the_right_is_told_no_more(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let admin = Desk::admin(&app, &door, "admin@example.com").await;
    let clerk = Desk::plain(&app, &door, "clerk@example.com").await;
    let role = admin.filled("clerk", &[LIST]).await;
    assert_eq!(admin.give(clerk.user, &role).await.status, 200);
    let beside = app.beside().await;
    let mut here = Poller::bound(&app, &clerk.token).await;
    let mut there = Poller::bound(&beside, &clerk.token).await;
    rename(&admin, admin.user, "Seen").await;
    assert!(here.is_told("Seen").await);
    assert!(there.is_told("Seen").await);

    assert_eq!(admin.take(clerk.user, &role).await.status, 200);
    rename(&admin, admin.user, "Unseen").await;

    for watching in [&mut here, &mut there] {
        assert!(!watching.is_told("Unseen").await);
        assert_eq!(watching.call(json!(["find", "users", {}])).await["code"], 403);
    }
}

/// A number is drawn before it is seen: what commits behind a later one must not be passed over.
async fn what_commits_late_is_told_all_the_same(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let admin = Desk::admin(&app, &door, "admin@example.com").await;
    let late = app.person(&door, "late@example.com").await;
    let mut watching = Poller::bound(&app, &admin.token).await;
    let mut conn = app.ground.connect();
    // SQLite has one writer: there nobody can come in between.
    let is_apart = conn.is_postgres();

    if is_apart {
        diesel::sql_query("BEGIN").execute(&mut conn).unwrap();
    }
    throw(&app, &mut conn, &admin, late);
    rename(&admin, admin.user, "Early").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    if is_apart {
        diesel::sql_query("COMMIT").execute(&mut conn).unwrap();
    }

    assert!(watching.is_told("Late").await);
    assert!(watching.is_told("Early").await);
}

fn throw(app: &App, conn: &mut doorward::db::DbConn, admin: &Desk<'_>, user: UserId) {
    use domain_events as e;
    let now = app.clock.now();
    diesel::update(users::table.find(user)).set(users::name.eq("Late")).execute(conn).unwrap();
    let of = (e::id.eq(DomainEventId::new()), e::tenant_id.eq(admin.door.tenant));
    let what = (e::trigger_name.eq("doorward.user.post.patch"), e::subject_kind.eq("user"));
    let whose = (e::subject_id.eq(doorward::base::RecordId::of(user.0)), e::actor_kind.eq(ActorKind::Server));
    let rest = (e::data.eq(Json(json!({}))), e::created_at.eq(now));
    diesel::insert_into(e::table).values((of, what, whose, rest)).execute(conn).unwrap();
    app.running.house.happened.notify_waiters();
}

async fn ws_2_who_talks_without_end_is_left(ground: Ground) {
    let mut config = config(&ground);
    config.limits.address_per_minute = 60.try_into().unwrap();
    let app = App::with(ground, config).await;
    let mut talker = Poller::shaken(&app).await;

    assert_eq!(talker.say(&vec!["3"; 500].join("\u{1e}")).await, 200);

    assert_eq!(talker.soon(Duration::from_secs(5)).await.as_deref(), Some(""));
}

async fn ws_2_of_fifty_sockets_at_once_a_session_gets_five(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let admin = Desk::admin(&app, &door, "admin@example.com").await;
    let greet = async || {
        let mut socket = Poller::shaken(&app).await;
        socket.say(&format!("40{}", json!({ "token": admin.token }))).await;
        (socket.hear().await, socket)
    };

    let sockets = futures_util::future::join_all((0..50).map(|_| greet())).await;

    let told = |letter: &str| sockets.iter().filter(|(told, _)| told.starts_with(letter)).count();
    assert_eq!((told("40"), told("44")), (5, 45));
}

async fn a_place_of_another_past_is_answered_with_resync(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let admin = Desk::admin(&app, &door, "admin@example.com").await;
    let mut first = Poller::shaken(&app).await;
    first.say(&format!("40{}", json!({ "token": admin.token }))).await;
    let greeted: Value = serde_json::from_str(first.hear().await.strip_prefix("40").unwrap()).unwrap();
    let ours = greeted["pid"].as_str().unwrap();
    let (_, place) = ours.split_once("~0.").unwrap();
    let restored = format!("x~7.{place}");
    // A month is what events are kept for.
    let (place, at) = place.rsplit_once('.').unwrap();
    let old = format!("x~0.{place}.{}", at.parse::<i64>().unwrap() - 30 * 86_400);
    for (pid, answered) in
        [(restored.as_str(), true), (old.as_str(), true), (ours, false), ("x~rubbish", false), ("", false)]
    {
        let mut back = Poller::shaken(&app).await;
        back.say(&format!("40{}", json!({ "token": admin.token, "pid": pid }))).await;
        assert!(back.hear().await.starts_with("40"), "the greeting comes first");

        let within = Duration::from_millis(if answered { 10_000 } else { 400 });
        let mut heard = Vec::new();
        while !heard.contains(&"42[\"resync\"]".to_owned())
            && let Some(packet) = back.soon(within).await
        {
            heard.push(packet);
        }

        assert_eq!(heard.iter().any(|packet| packet == "42[\"resync\"]"), answered, "{pid}: {heard:?}");
        back.say("41").await;
    }
}

async fn ten_1_a_socket_sees_its_own_tenant_alone(ground: Ground) {
    let app = App::start(ground).await;
    let (door, there) = (app.native("a").await, app.native("b").await);
    let (admin, other) = (
        Desk::admin(&app, &door, "admin@example.com").await,
        Desk::admin(&app, &there, "b@example.com").await,
    );
    let mut watching = Poller::bound(&app, &other.token).await;

    rename(&admin, admin.user, "Ours").await;

    assert!(!watching.is_told("Ours").await);
    let found = watching.call(json!(["get", "users", admin.user.to_string(), {}])).await;
    assert_eq!(found["code"], 404);
    let changed =
        watching.call(json!(["patch", "users", admin.user.to_string(), { "name": "Theirs" }, {}])).await;
    assert_eq!(changed["code"], 404);
}
