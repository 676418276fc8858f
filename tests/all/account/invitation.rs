//! Invitations.

use diesel::prelude::*;
use doorward::base::Email;
use doorward::db::schema::{memberships, tenants, user_roles, users};
use doorward::identity::Scope;
use doorward::permissions::entity::Role;
use doorward::{auth, permissions};
use serde_json::{Value, json};

use super::{House, NEW, token};
use crate::ground::app::{Door, Reply};
use crate::ground::people::Holder;
use crate::ground::{Ground, on_both};

on_both!(
    inj_4_a_name_that_looks_like_a_template_stays_text,
    rst_11_an_invitation_is_for_the_tenant_role_and_address_of_its_row,
    rst_11_an_invitation_of_another_tenant_is_none_here,
    rst_11_a_revoked_invitation_is_dead,
    nobody_gives_a_role_that_holds_more_than_they_do,
    a_known_person_is_linked_by_a_login_of_their_home_alone,
    the_first_owner_is_invited_by_a_command,
);

const PATH: &str = "/api/v1/auth/invitation";

async fn admin(house: &House, door: &Door) -> Holder {
    let user = house.app.person(door, "boss@example.com").await;
    house.app.promote(door, user).await;
    house.app.session(door, user).await
}

async fn invite(house: &House, door: &Door, by: &Holder, email: &str, roles: Value) -> Reply {
    house.app.post_as(door, &by.access, PATH, json!({ "email": email, "roles": roles })).await
}

async fn accept(house: &House, door: &Door, body: Value) -> Reply {
    house.app.post(door, &format!("{PATH}/accept"), body).await
}

fn roles_of(house: &House, user: doorward::base::UserId) -> i64 {
    let held = user_roles::table.filter(user_roles::user_id.eq(user));
    held.count().get_result(&mut house.app.ground.connect()).unwrap()
}

async fn rst_11_an_invitation_is_for_the_tenant_role_and_address_of_its_row(ground: Ground) {
    let house = House::start(ground).await;
    let (a, b) = (house.app.native("a").await, house.app.native("b").await);
    let boss = admin(&house, &a).await;
    let made = invite(&house, &a, &boss, "new@example.com", json!(["admin"])).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let token = token(&house.mail("new@example.com").await);

    for member in ["email", "roles", "tenantId"] {
        let reply =
            accept(&house, &a, json!({ "token": token, "password": NEW, "name": "N", member: "x" })).await;
        assert_eq!(reply.status, 422, "{member}: {}", reply.text);
    }
    let tampered = accept(&house, &a, json!({ "token": format!("{token}x"), "password": NEW })).await;
    let accepted = accept(&house, &a, json!({ "token": token, "password": NEW, "name": "New" })).await;

    assert_eq!((tampered.status.as_u16(), accepted.status.as_u16()), (401, 200), "{}", accepted.text);
    assert_eq!(accepted.says("tenantId"), a.tenant.to_string());
    let user = house.meant(&a, "new@example.com").unwrap();
    assert_eq!((house.meant(&b, "new@example.com"), roles_of(&house, user)), (None, 1));
    assert!(house.opens(user, NEW).await);
}

async fn rst_11_an_invitation_of_another_tenant_is_none_here(ground: Ground) {
    let house = House::start(ground).await;
    let (a, b) = (house.app.native("a").await, house.app.native("b").await);
    let boss = admin(&house, &a).await;
    invite(&house, &a, &boss, "new@example.com", json!(["admin"])).await;
    let token = token(&house.mail("new@example.com").await);
    let foreign = [
        b.clone(),
        Door { client: a.client.clone(), ..b.clone() },
        Door { host: "localhost".into(), ..b.clone() },
    ];

    for door in foreign {
        let reply = accept(&house, &door, json!({ "token": token, "password": NEW, "name": "New" })).await;
        assert_eq!(
            (reply.status.as_u16(), reply.key()),
            (401, "authInvitation.accept.invalidToken"),
            "{door:?}"
        );
    }
    assert_eq!((house.meant(&a, "new@example.com"), house.meant(&b, "new@example.com")), (None, None));

    let nowhere = Door { host: "localhost".into(), ..a.clone() };
    let accepted = accept(&house, &nowhere, json!({ "token": token, "password": NEW, "name": "New" })).await;
    assert_eq!(accepted.says("tenantId"), a.tenant.to_string(), "{}", accepted.text);
}

async fn rst_11_a_revoked_invitation_is_dead(ground: Ground) {
    let house = House::start(ground).await;
    let (a, b) = (house.app.native("a").await, house.app.native("b").await);
    let (boss, stranger) = (admin(&house, &a).await, admin(&house, &b).await);
    let made = invite(&house, &a, &boss, "new@example.com", json!([])).await;
    let id = made.json["invitation"]["id"].clone();
    let token = token(&house.mail("new@example.com").await);
    let revoke = |door, by| {
        house.app.post_as(door, by, "/api/v1/auth/invitation/revoke", json!({ "invitationId": id }))
    };

    let elsewhere = revoke(&b, &stranger.access).await;
    let here = revoke(&a, &boss.access).await;
    let twice = revoke(&a, &boss.access).await;
    let dead = accept(&house, &a, json!({ "token": token, "password": NEW, "name": "N" })).await;

    assert_eq!((elsewhere.status.as_u16(), here.status.as_u16(), twice.status.as_u16()), (404, 200, 404));
    assert_eq!((dead.status.as_u16(), dead.key()), (401, "authInvitation.accept.invalidToken"));
    let listed = house.app.get_as(&a, &boss.access, PATH).await;
    assert_ne!(listed.json["invitations"][0]["revokedAt"], json!(null), "{}", listed.text);
}

async fn nobody_gives_a_role_that_holds_more_than_they_do(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, "clerk@example.com").await;
    let scope = Scope::of_house(house.app.running.house.clone(), None);
    let tenant = door.tenant;
    let given = scope.write(move |tx| {
        let role = Role {
            id: doorward::base::RoleId::new(),
            tenant_id: tenant,
            identifier: "clerk".into(),
            is_mandatory: false,
            created_at: tx.now,
            updated_at: tx.now,
        };
        role.insert(tx.conn)?;
        let may = permissions::entity::ensure(tx.conn, permissions::known::INVITATION_MANAGE, tx.now)?;
        permissions::entity::hold(tx.conn, &role, may, tx.now)?;
        permissions::steps::give(tx, &role, user)
    });
    given.await.unwrap();
    let clerk = house.app.session(&door, user).await;

    let own = invite(&house, &door, &clerk, "x@example.com", json!(["clerk"])).await;
    let more = invite(&house, &door, &clerk, "y@example.com", json!(["admin"])).await;
    let unknown = invite(&house, &door, &clerk, "z@example.com", json!(["king"])).await;

    assert_eq!((own.status.as_u16(), more.status.as_u16(), unknown.status.as_u16()), (201, 403, 422));
    assert_eq!(more.key(), "authInvitation.create.mayNotGrant");
}

async fn a_known_person_is_linked_by_a_login_of_their_home_alone(ground: Ground) {
    let house = House::start(ground).await;
    let (a, b) = (house.app.native("a").await, house.app.native("b").await);
    let boss = admin(&house, &a).await;
    let ada = house.app.person(&b, "ada@example.com").await;
    let eve = house.app.person(&b, "eve@example.com").await;
    let (own, others) = (house.app.session(&b, ada).await, house.app.session(&b, eve).await);
    invite(&house, &a, &boss, "ada@example.com", json!(["admin"])).await;
    let token = token(&house.mail("ada@example.com").await);
    let path = format!("{PATH}/accept");

    let thief = house.app.post_as(&b, &others.access, &path, json!({ "token": token })).await;
    let linked = house.app.post_as(&b, &own.access, &path, json!({ "token": token })).await;

    assert_eq!((thief.status.as_u16(), thief.key()), (403, "authInvitation.accept.anotherPerson"));
    assert_eq!(linked.status, 200, "{}", linked.text);
    let member = memberships::table.find((a.tenant, ada)).count();
    assert_eq!(member.get_result::<i64>(&mut house.app.ground.connect()), Ok(1));
    assert_eq!(house.meant(&a, "ada@example.com"), Some(ada));
    // Invited again, at the tenant that knows them now, without any login: nobody takes their place.
    invite(&house, &a, &boss, "ada@example.com", json!([])).await;
    let again = super::token(&house.mail("ada@example.com").await);
    let unproven = accept(&house, &a, json!({ "token": again, "password": NEW, "name": "X" })).await;
    assert_eq!((unproven.status.as_u16(), unproven.key()), (401, "authInvitation.accept.signInRequired"));
}

async fn the_first_owner_is_invited_by_a_command(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let running = house.app.running.house.clone();
    let tenant = running.tenant(door.tenant).await.unwrap().unwrap();
    let scope = Scope::of_house(running.clone(), Some(tenant.clone()));

    let invited = scope.write(move |tx| {
        let role = permissions::steps::mandatory_roles(tx, tenant.id)?;
        let email = Email::parse("owner@example.com").unwrap();
        auth::account::steps::invite(tx, &running, (&tenant, &email), &[role])
    });
    let printed = invited.await.unwrap().link;
    let mail = house.mail("owner@example.com").await;

    assert_eq!(super::link(&mail), printed.expose());
    let accepted =
        accept(&house, &door, json!({ "token": token(&mail), "password": NEW, "name": "Owner" })).await;
    assert_eq!(accepted.status, 200, "{}", accepted.text);
    assert_eq!(roles_of(&house, house.meant(&door, "owner@example.com").unwrap()), 1);
}

async fn inj_4_a_name_that_looks_like_a_template_stays_text(ground: Ground) {
    const NAME: &str = "{{7*7}}{% for x in y %}{{ config }}<b>";
    let house = House::start(ground).await;
    let door = house.app.browser("a").await;
    let boss = house.app.person(&door, "boss@example.com").await;
    house.app.promote(&door, boss).await;
    let conn = &mut house.app.ground.connect();
    diesel::update(users::table.find(boss)).set(users::name.eq(NAME)).execute(conn).unwrap();
    let tenant = diesel::update(tenants::table.find(door.tenant));
    tenant.set(tenants::display_name.eq("{{8*8}}")).execute(conn).unwrap();
    house.app.advance(2);
    let session = house.app.session(&door, boss).await;

    let body = json!({ "email": "new@example.com" });
    house.app.post_as(&door, &session.access, "/api/v1/auth/invitation", body).await;
    let mail = house.mail("new@example.com").await;
    let request = Door { origin: None, ..door.clone() };
    let page = house.app.get(&request, &format!("/account/invitation?token={}", token(&mail))).await;

    let escaped = NAME.replace('<', "&lt;").replace('>', "&gt;");
    assert!(mail.text().contains(NAME) && mail.html().contains(&escaped), "{}", mail.text());
    assert!(mail.text().contains("{{8*8}}") && page.text.contains("{{8*8}}"), "{}", page.text);
    assert!(page.text.contains(&escaped), "{}", page.text);
}
