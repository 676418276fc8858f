//! Between gate and write things change: a write decides nothing from what the gate saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::prelude::*;
use doorward::base::{Error, SessionId};
use doorward::db::schema::{sessions, users};
use doorward::http::Incoming;
use doorward::identity::house::House;
use doorward::identity::scope::{Around, Inner};
use doorward::identity::{Membership, Scope, Who};
use doorward::sessions::steps::end_one;
use serde_json::json;

use crate::ground::Ground;
use crate::ground::app::{App, Door, START};
use crate::ground::forge::claim;
use crate::ground::on_both;
use crate::ground::people::Holder;

on_both!(
    a_write_after_each_change_is_refused_and_never_runs,
    a_request_that_another_node_made_old_is_let_in_afresh_and_then_refused,
    a_logout_that_meets_a_changed_role_still_ends_the_session,
    a_revocation_binds_here_at_once_and_on_the_other_node_within_two_seconds,
);

fn id(holder: &Holder) -> SessionId {
    claim(&holder.access, "session").parse().unwrap()
}

/// As the gate would let them in, from what is remembered.
async fn admitted(house: &House, door: &Door, holder: &Holder) -> Scope {
    let live = house.live(id(holder)).await.unwrap().unwrap();
    let tenant = house.tenant(door.tenant).await.unwrap();
    let app = house.app(&door.client).await.unwrap();
    let incoming = Incoming::none();
    Scope::new(Inner {
        house: house.clone(),
        incoming: Arc::new(incoming),
        tenant,
        app,
        who: Who::Session(live),
        causation: None,
        around: Around::default(),
    })
}

async fn a_write_after_each_change_is_refused_and_never_runs(ground: Ground) {
    ground.leave_unsound("rows are bent by hand");
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    for change in 0..4 {
        let user = app.person(&door, &format!("ada{change}@a.example")).await;
        let holder = app.session(&door, user).await;
        let scope = admitted(&app.running.house, &door, &holder).await;
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();

        let conn = &mut ground.connect();
        match change {
            0 => diesel::update(sessions::table.find(id(&holder)))
                .set(sessions::revoked_at.eq(START))
                .execute(conn),
            1 => diesel::update(users::table.find(user)).set(users::disabled_at.eq(START)).execute(conn),
            2 => doorward::identity::User::raise_epoch(conn, user, START),
            _ => Membership::raise_epoch(conn, door.tenant, user),
        }
        .unwrap();
        let written = scope.write(move |_| Ok(counted.fetch_add(1, Ordering::SeqCst))).await;

        assert!(matches!(written, Err(Error::Stale)), "change {change}: {written:?}");
        assert_eq!(runs.load(Ordering::SeqCst), 0, "change {change}");
    }
}

async fn a_request_that_another_node_made_old_is_let_in_afresh_and_then_refused(ground: Ground) {
    ground.leave_unsound("rows are bent by hand");
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let (kept, ended) = (app.session(&door, user).await, app.session(&door, user).await);
    for holder in [&kept, &ended] {
        assert_eq!(app.get_as(&door, &holder.access, "/session/list").await.status, 200);
    }
    let conn = &mut ground.connect();
    Membership::raise_epoch(conn, door.tenant, user).unwrap();
    let revoked = diesel::update(sessions::table.find(id(&ended))).set(sessions::revoked_at.eq(START));
    revoked.execute(conn).unwrap();

    let refused = app.post_as(&door, &ended.access, "/api/v1/session/logout-others", json!({})).await;
    let carried = app.post_as(&door, &kept.access, "/api/v1/session/logout-others", json!({})).await;

    assert_eq!(refused.status, 401, "{}", refused.text);
    assert_eq!(carried.status, 200, "a role that changed is no reason to refuse: {}", carried.text);
}

async fn a_logout_that_meets_a_changed_role_still_ends_the_session(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, user).await;
    assert_eq!(app.get_as(&door, &holder.access, "/session/list").await.status, 200);
    Membership::raise_epoch(&mut ground.connect(), door.tenant, user).unwrap();

    let out = app.post_as(&door, &holder.access, "/auth/logout", json!({})).await;

    assert_eq!(out.status, 200);
    assert_eq!(
        app.get_as(&door, &holder.access, "/session/list").await.status,
        401,
        "said done, and was not"
    );
}

async fn a_revocation_binds_here_at_once_and_on_the_other_node_within_two_seconds(ground: Ground) {
    let app = App::start(ground).await;
    let other = app.beside().await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, user).await;
    for node in [&app, &other] {
        assert_eq!(node.get_as(&door, &holder.access, "/session/list").await.status, 200);
    }

    let (session, tenant) = (id(&holder), door.tenant);
    let scope = Scope::of_house(app.running.house.clone(), None);
    assert!(scope.write(move |tx| end_one(tx, tenant, session, (user, "test"))).await.unwrap());

    assert_eq!(app.get_as(&door, &holder.access, "/session/list").await.status, 401);
    let written = other.post_as(&door, &holder.access, "/api/v1/session/logout-others", json!({})).await;
    assert_eq!(written.status, 401, "no write is let through in those two seconds");
    app.advance(2);
    assert_eq!(other.get_as(&door, &holder.access, "/session/list").await.status, 401);
}
