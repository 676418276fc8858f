//! What the server does to all tenants by itself: it deletes what nobody will ask for again, and turns the keys that are
//! due. Of the rest it touches nothing.

use diesel::prelude::*;
use doorward::base::TenantId;
use doorward::db::schema::{domain_events, jobs, one_time_proofs, sessions, sign_ups};
use doorward::db::tx::Work;
use doorward::identity::Scope;
use doorward::management::entity::turns;
use doorward::management::keys;
use serde_json::json;

use crate::ground::app::{App, Door};
use crate::ground::people::PASSWORD;
use crate::ground::work::{idle, until};
use crate::ground::{Ground, on_both};

on_both!(
    what_nobody_will_ask_for_again_is_deleted_and_the_rest_stays,
    only_keys_whose_turn_it_is_are_looked_at,
);

const DAY: u64 = 24 * 3600;
const CLEANING: [&str; 6] = [
    "jobs.clean",
    "domainEvents.clean",
    "sessions.clean",
    "pendingLogins.clean",
    "guesses.clean",
    "account.clean",
];

/// Of sign-ups, proofs, sessions, and what happened of them.
fn rows(ground: &Ground) -> [i64; 4] {
    let conn = &mut ground.connect();
    [
        sign_ups::table.count().get_result(conn).unwrap(),
        one_time_proofs::table.count().get_result(conn).unwrap(),
        sessions::table.count().get_result(conn).unwrap(),
        domain_events::table.count().get_result(conn).unwrap(),
    ]
}

async fn sign_up(app: &App, door: &Door, email: &str) {
    let path = "/api/v1/auth/password-based/sign-up";
    let reply = app.post(door, path, json!({ "email": email, "password": PASSWORD })).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    let there = sign_ups::table.filter(sign_ups::email.eq(email)).count();
    until("the sign-up is written down", async || {
        there.get_result::<i64>(&mut app.ground.connect()).unwrap() > 0
    })
    .await;
}

async fn clean(app: &App) {
    app.enqueue(None, CLEANING.map(|name| Work::job(name, json!({}))).into()).await;
    until("all is cleaned", async || {
        let open = jobs::table.filter(jobs::name.eq_any(CLEANING)).filter(jobs::state.ne("done"));
        open.count().get_result::<i64>(&mut app.ground.connect()).unwrap() == 0
    })
    .await;
}

async fn what_nobody_will_ask_for_again_is_deleted_and_the_rest_stays(ground: Ground) {
    let app = App::with(ground.clone(), idle(&ground)).await;
    let door = app.native("a").await;
    let _worker = app.worker(doorward::app::handlers()).await;
    let user = app.person(&door, "ada@a.example").await;
    let ended = app.session(&door, user).await;
    app.post(&door, "/auth/logout", json!({ "refreshToken": ended.refresh })).await;
    sign_up(&app, &door, "old@b.example").await;
    app.session(&door, user).await;

    clean(&app).await;
    let young = rows(&ground);
    app.advance(20 * DAY);
    app.session(&door, user).await;
    sign_up(&app, &door, "new@b.example").await;
    clean(&app).await;
    let older = rows(&ground);
    app.advance(60 * DAY);
    clean(&app).await;

    assert_eq!(young[..3], [1, 1, 2]);
    // The sign-up of 20 days ago is gone, and the session that ended then; the one that was left alone is not.
    assert_eq!(older[..3], [1, 1, 2]);
    assert_eq!(rows(&ground), [0, 0, 0, 0]);
}

/// A key that nobody used since stays as it is, however old.
async fn only_keys_whose_turn_it_is_are_looked_at(ground: Ground) {
    let mut config = idle(&ground);
    config.keys.rotate = std::time::Duration::from_secs(DAY);
    let app = App::with(ground.clone(), config).await;
    let (used, dormant) = (app.native("a").await, app.native("b").await);
    let (ada, bob) = (app.person(&used, "ada@a.example").await, app.person(&dormant, "bob@b.example").await);
    let due = || {
        let now = app.clock.now();
        turns::due(&mut ground.connect(), now - std::time::Duration::from_secs(DAY), now).unwrap()
    };
    app.session(&used, ada).await;
    app.session(&dormant, bob).await;
    let young: Vec<TenantId> = due();
    app.advance(20 * DAY);
    // Of bob nothing was heard since his key began to sign, and his session is no more.
    diesel::delete(sessions::table.filter(sessions::user_id.eq(bob))).execute(&mut ground.connect()).unwrap();
    app.session(&used, ada).await;
    let old = due();
    let scope = Scope::of_house(app.running.house.clone(), None);
    keys::rotate(&scope, used.tenant).await.unwrap();

    assert_eq!((young, old), (vec![], vec![used.tenant]));
    app.advance(3600);
    keys::rotate(&scope, used.tenant).await.unwrap();
    assert_eq!(due(), [], "the key that took over is young");
}
