//! KEY-1, 3, 4: a key is one tenant's, falls at once, and opens only where it lies.

use diesel::prelude::*;
use doorward::base::{RecordId, SessionId, SigningKeyId, TenantId, UserId};
use doorward::components::vault::{MasterKey, Place, Vault};
use doorward::db::schema::{
    digid_logins, idempotency_keys, inbound_webhooks, sessions, signing_keys, totp_settings, webhooks,
};
use doorward::db::{DbConn, Json};
use doorward::management::entity::rules;

use crate::ground::Ground;
use crate::ground::app::{App, MASTER, START};
use crate::ground::forge::Forger;
use crate::ground::on_both;

on_both!(
    key_1_a_key_vouches_for_its_own_tenant_alone,
    key_3_a_revoked_key_fails_on_both_nodes_within_two_seconds,
    key_4_a_private_key_moved_to_another_row_signs_nothing,
    key_4_a_seed_moved_to_another_session_makes_no_token,
    key_4_no_secret_lies_in_the_database_as_it_is,
    key_4_verify_opens_every_sealed_column_there_is,
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
    ground.leave_unsound("what is sealed is moved");
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
    ground.leave_unsound("what is sealed is moved");
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

async fn key_4_no_secret_lies_in_the_database_as_it_is(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let (holder, conn) = (app.session(&door, user).await, &mut ground.connect());
    let seed = sessions::table.select((sessions::id, sessions::seed_sealed));
    let (session, seed): (SessionId, Vec<u8>) = seed.first(conn).unwrap();
    let key: (SigningKeyId, Vec<u8>) =
        signing_keys::table.select((signing_keys::id, signing_keys::private_sealed)).first(conn).unwrap();
    let forger = Forger::of(&app, &door, &holder.access);

    for (table, column, row, sealed) in
        [("sessions", "seed_sealed", session.0, seed), ("signing_keys", "private_sealed", key.0.0, key.1)]
    {
        let place = Place { tenant: Some(door.tenant), table, column, row };
        let plain = app.running.house.vault.open(&place, &sealed).unwrap();
        assert!(plain.len() >= 32);
        // Neither the whole nor a part of it that would be enough.
        for part in plain.windows(8) {
            assert!(!sealed.windows(8).any(|bytes| bytes == part), "{table} holds it in clear");
        }
    }
    assert_eq!(forger.kid, key.0);
}

/// A row in each table whose rows come by other ways than those of a session, its secret sealed for its place.
fn sealed_rows(
    conn: &mut DbConn,
    (tenant, user): (TenantId, UserId),
    seal: impl Fn(&'static str, &'static str) -> Vec<u8>,
) {
    let (totp, bsn) = (seal("totp_settings", "secret_sealed"), seal("digid_logins", "bsn_sealed"));
    use totp_settings as t;
    let whose = (t::user_id.eq(user), t::tenant_id.eq(tenant), t::last_step.eq(0_i64));
    let made = (t::created_at.eq(START), t::updated_at.eq(START), t::secret_sealed.eq(&totp));
    diesel::insert_into(t::table).values((whose, made)).execute(conn).unwrap();
    use digid_logins as d;
    let whose = (d::user_id.eq(user), d::tenant_id.eq(tenant), d::bsn_mac.eq(b"x".to_vec()));
    let made = (d::created_at.eq(START), d::updated_at.eq(START), d::bsn_sealed.eq(&bsn));
    diesel::insert_into(d::table).values((whose, made)).execute(conn).unwrap();
    use webhooks as w;
    let sealed = seal("webhooks", "secret_sealed");
    let whose = (w::id.eq(RecordId::of(user.0)), w::tenant_id.eq(tenant), w::is_enabled.eq(false));
    let words = (w::url.eq(""), w::description.eq(""), w::listens.eq(Json(Vec::<String>::new())));
    let made = (w::created_at.eq(START), w::updated_at.eq(START));
    let both = (w::secret_sealed.eq(&sealed), w::previous_sealed.eq(&sealed));
    diesel::insert_into(w::table).values((whose, words, made, both)).execute(conn).unwrap();
    use inbound_webhooks as n;
    let secret = n::secret_sealed.eq(seal("inbound_webhooks", "secret_sealed"));
    let whose = (n::id.eq(RecordId::of(user.0)), n::tenant_id.eq(tenant), n::is_enabled.eq(false), secret);
    let words = (n::name.eq(""), n::description.eq(""), n::scheme.eq("gitHub"), n::trigger_name.eq("x.a"));
    let made = (n::bounds.eq(Json(Vec::<String>::new())), n::created_at.eq(START), n::updated_at.eq(START));
    diesel::insert_into(n::table).values((whose, words, made)).execute(conn).unwrap();
    use idempotency_keys as i;
    let answer = seal("idempotency_keys", "answer_sealed");
    let whose = (i::id.eq(RecordId::of(user.0)), i::tenant_id.eq(tenant), i::created_at.eq(START));
    let made = (i::key_hash.eq(b"x".to_vec()), i::input_hash.eq(b"x".to_vec()), i::answer_sealed.eq(&answer));
    diesel::insert_into(i::table).values((whose, made)).execute(conn).unwrap();
}

async fn key_4_verify_opens_every_sealed_column_there_is(ground: Ground) {
    ground.leave_unsound("what is sealed is bent by hand");
    let app = App::start(ground.clone()).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    app.session(&door, user).await;
    let (vault, conn) = (Vault::new(&[MasterKey::from_bytes(&MASTER)]).unwrap(), &mut ground.connect());
    let seal = |table, column| {
        let place = Place { tenant: Some(door.tenant), table, column, row: user.0 };
        vault.seal(&place, b"a secret").unwrap()
    };
    let (totp, bsn) = (seal("totp_settings", "secret_sealed"), seal("digid_logins", "bsn_sealed"));
    sealed_rows(conn, (door.tenant, user), seal);
    assert_eq!(rules::unopened(conn, &vault).unwrap(), []);

    diesel::update(totp_settings::table).set(totp_settings::secret_sealed.eq(&bsn)).execute(conn).unwrap();
    diesel::update(digid_logins::table).set(digid_logins::bsn_sealed.eq(&totp)).execute(conn).unwrap();
    diesel::update(sessions::table).set(sessions::seed_sealed.eq(&totp)).execute(conn).unwrap();
    let answers = diesel::update(idempotency_keys::table).set(idempotency_keys::answer_sealed.eq(&totp));
    answers.execute(conn).unwrap();
    diesel::update(signing_keys::table).set(signing_keys::private_sealed.eq(&totp)).execute(conn).unwrap();

    let both = (webhooks::secret_sealed.eq(&totp), webhooks::previous_sealed.eq(&totp));
    diesel::update(webhooks::table).set(both).execute(conn).unwrap();
    let secret = inbound_webhooks::secret_sealed.eq(&totp);
    diesel::update(inbound_webhooks::table).set(secret).execute(conn).unwrap();

    let mut told: Vec<&str> =
        rules::unopened(conn, &vault).unwrap().iter().map(|fault| fault.table).collect();
    told.sort_unstable();
    let tables = ["digid_logins", "idempotency_keys", "inbound_webhooks", "sessions", "signing_keys"];
    assert_eq!(told, [&tables[..], &["totp_settings", "webhooks", "webhooks"]].concat());
    let schema = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/db/schema.rs")).unwrap();
    let columns = schema
        .lines()
        .filter(|line| line.trim_start().split(' ').next().is_some_and(|c| c.ends_with("sealed")));
    assert_eq!(
        columns.count(),
        told.len() + 1,
        "those and `jobs.sealed`: a new one belongs into `rules::SEALED`"
    );
}
