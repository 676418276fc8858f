//! KEY-1, 3, 4: a key is one tenant's, falls at once, and opens only where it lies.

use diesel::prelude::*;
use doorward::base::{SessionId, SigningKeyId};
use doorward::db::schema::{sessions, signing_keys};

use crate::ground::Ground;
use crate::ground::app::{App, START};
use crate::ground::forge::Forger;
use crate::ground::on_both;

on_both!(
    key_1_a_key_vouches_for_its_own_tenant_alone,
    key_3_a_revoked_key_fails_on_both_nodes_within_two_seconds,
    key_4_a_private_key_moved_to_another_row_signs_nothing,
    key_4_a_seed_moved_to_another_session_makes_no_token,
);

async fn key_1_a_key_vouches_for_its_own_tenant_alone(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let ada = app.person(&a, "ada@a.example").await;
    let bob = app.person(&b, "bob@b.example").await;
    let (hers, his) = (app.session(&a, ada).await, app.session(&b, bob).await);
    let forger_b = Forger::of(&app, &b, &his.access);

    let forged = Forger { claims: crate::ground::forge::claims(&hers.access), ..forger_b }.with(&[]);

    assert_eq!(app.get_as(&a, &forged, "/session/list").await.status, 401, "b's key signed a's claims");
    assert_eq!(app.get_as(&b, &forged, "/session/list").await.status, 401);
    assert_eq!(app.get_as(&b, &hers.access, "/session/list").await.status, 401);
}

async fn key_3_a_revoked_key_fails_on_both_nodes_within_two_seconds(ground: Ground) {
    ground.leave_unsound("rows are bent by hand");
    let app = App::start(ground.clone()).await;
    let other = app.beside().await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, user).await;
    for node in [&app, &other] {
        assert_eq!(node.get_as(&door, &holder.access, "/session/list").await.status, 200);
    }

    let revoked = diesel::update(signing_keys::table).set(signing_keys::revoked_at.eq(START));
    revoked.execute(&mut ground.connect()).unwrap();
    app.advance(2);

    for node in [&app, &other] {
        assert_eq!(node.get_as(&door, &holder.access, "/session/list").await.status, 401);
    }
}

async fn key_4_a_private_key_moved_to_another_row_signs_nothing(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let ada = app.person(&a, "ada@a.example").await;
    let bob = app.person(&b, "bob@b.example").await;
    let (hers, _) = (app.session(&a, ada).await, app.session(&b, bob).await);
    let keys = signing_keys::table.select((signing_keys::id, signing_keys::private_sealed));
    let keys: Vec<(SigningKeyId, Vec<u8>)> = keys.load(&mut ground.connect()).unwrap();

    for (at, (id, _)) in keys.iter().enumerate() {
        let sealed = &keys[1 - at].1;
        let moved =
            diesel::update(signing_keys::table.find(*id)).set(signing_keys::private_sealed.eq(sealed));
        moved.execute(&mut ground.connect()).unwrap();
    }
    app.advance(11);
    let reply = app.refresh(&a, &hers.refresh).await;

    assert_eq!((reply.status.as_u16(), reply.says("accessToken")), (500, ""));
}

async fn key_4_a_seed_moved_to_another_session_makes_no_token(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let (one, two) = (app.session(&door, user).await, app.session(&door, user).await);
    let seeds = sessions::table.select((sessions::id, sessions::seed_sealed)).order(sessions::id);
    let seeds: Vec<(SessionId, Vec<u8>)> = seeds.load(&mut ground.connect()).unwrap();
    assert_ne!(seeds[0].1, seeds[1].1);

    let moved = diesel::update(sessions::table.find(seeds[0].0)).set(sessions::seed_sealed.eq(&seeds[1].1));
    moved.execute(&mut ground.connect()).unwrap();
    let replies = [app.refresh(&door, &one.refresh).await, app.refresh(&door, &two.refresh).await];

    let answers: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(answers, [500, 200]);
    assert_eq!(replies[0].says("accessToken"), "");
}
