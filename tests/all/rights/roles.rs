//! Roles that a tenant makes for itself.

use serde_json::json;

use super::kit::{Desk, MANAGE, records, told};
use crate::ground::app::App;
use crate::ground::{Ground, on_both};

on_both!(
    a_role_is_made_filled_emptied_and_deleted,
    what_makes_no_role_is_refused,
    what_every_tenant_has_cannot_be_changed,
    ten_3_roles_of_another_tenant_are_none_here,
    priv_1_nobody_puts_into_a_role_what_they_do_not_hold,
    priv_2_nobody_bends_a_role_that_holds_more,
    priv_4_what_a_role_gains_and_loses_counts_at_the_next_request_on_every_node,
    priv_5_a_tenant_has_no_end_of_roles,
    priv_7_whoever_may_not_manage_sees_and_changes_nothing,
);

async fn a_role_is_made_filled_emptied_and_deleted(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let before = records(&app, &door).len();

    let role = ada.filled("help-desk", &["auth:user:list", "tenant:audit:read"]).await;
    let again = ada.fill(&role, &["auth:user:list"]).await;
    let emptied = ada.empty(&role, &["tenant:audit:read"]).await;
    let listed = ada.get("/role/list").await;

    assert_eq!((again.status, emptied.status), (200.try_into().unwrap(), 200.try_into().unwrap()));
    let at = listed.json["roles"][1]["createdAt"].clone();
    let shown = json!({ "createdAt": at, "updatedAt": at, "id": role, "identifier": "help-desk", "isEditable": true, "permissions": ["auth:user:list"] });
    assert_eq!(listed.json["roles"][1], shown, "{}", listed.text);
    assert_eq!(listed.json["roles"][0]["isEditable"], false);
    assert_eq!(ada.delete(&role).await.status, 200);
    assert_eq!(told(&ada.delete(&role).await), (404, "authPermission.requireRole.unknownRole"));
    let changes = ["create_role", "add_permissions", "remove_permissions", "delete_role"];
    assert_eq!(records(&app, &door)[before..], changes.map(|change| format!("permissions.{change}")));
}

async fn what_makes_no_role_is_refused(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let role = ada.create("help-desk").await;

    for identifier in ["", "Help", "héllo", "a b", "-a", "a\u{0}", &"a".repeat(65)] {
        let made = ada.post("/role", json!({ "identifier": identifier })).await;
        assert!([400, 422].contains(&made.status.as_u16()), "{identifier}: {}", made.text);
    }
    let twice = ada.post("/role", json!({ "identifier": "help-desk" })).await;
    assert_eq!(told(&twice), (409, "authPermission.createRole.duplicateIdentifier"));
    let unknown = "authPermission.roleAddPermissions.unknownPermission";
    for permissions in [&[][..], &["no:such:thing"], &["auth:user:list", "auth:user:list"]] {
        assert_eq!(told(&ada.fill(&role, permissions).await), (422, unknown), "{permissions:?}");
        assert_eq!(told(&ada.empty(&role, permissions).await), (422, unknown), "{permissions:?}");
    }
    let many = vec!["auth:user:list"; 501];
    assert_eq!(told(&ada.fill(&role, &many).await), (422, "validator.error"));
    ada.fill(&role, &["auth:user:list"]).await;
    let not_there = ada.empty(&role, &["auth:user:list", "auth:user:manage"]).await;
    assert_eq!(told(&not_there), (409, "authPermission.roleRemovePermissions.permissionNotAssigned"));
    let listed = ada.get("/role/list").await;
    assert_eq!(listed.json["roles"][1]["permissions"], json!(["auth:user:list"]), "half of it was done");
}

async fn what_every_tenant_has_cannot_be_changed(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let admin = ada.named("admin").await;

    let refused = [
        ada.delete(&admin).await,
        ada.fill(&admin, &["auth:user:list"]).await,
        ada.empty(&admin, &["auth:user:list"]).await,
    ];

    for reply in refused {
        assert_eq!(told(&reply), (409, "authPermission.requireRole.notEditable"));
    }
}

async fn ten_3_roles_of_another_tenant_are_none_here(ground: Ground) {
    let app = App::start(ground).await;
    let (door, other) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::admin(&app, &other, "bob@b.example").await;
    let role = bob.filled("theirs", &["auth:user:list"]).await;
    app.join(&other, ada.user).await;

    let refused = [
        ada.delete(&role).await,
        ada.fill(&role, &["auth:user:list"]).await,
        ada.empty(&role, &["auth:user:list"]).await,
        ada.give(ada.user, &role).await,
        ada.take(ada.user, &role).await,
    ];

    for reply in refused {
        assert_eq!(told(&reply), (404, "authPermission.requireRole.unknownRole"));
    }
    let stranger = ada.get(&format!("/user/{}/summary", bob.user)).await;
    assert_eq!(told(&stranger), (404, "authPermission.requireUser.invalidUser"));
    let mine = ada.named("admin").await;
    assert_eq!(told(&ada.give(bob.user, &mine).await), (404, "authPermission.requireUser.invalidUser"));
    assert!(!ada.get("/role/list").await.text.contains(&role));
}

async fn priv_1_nobody_puts_into_a_role_what_they_do_not_hold(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let owner = Desk::admin(&app, &door, "owner@a.example").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &[MANAGE, "auth:user:list"]).await;
    let role = clerk.create("theirs").await;
    let all = owner.get("/permission/list").await.json["permissions"].clone();
    let mut refused = 0;

    for permission in all.as_array().unwrap() {
        let permission = permission["identifier"].as_str().unwrap();
        let held = [MANAGE, "auth:user:list"].contains(&permission);
        let reply = clerk.fill(&role, &[permission]).await;
        let with_one_held = clerk.fill(&role, &["auth:user:list", permission]).await;
        if held {
            assert_eq!(reply.status, 200, "{permission}: {}", reply.text);
        } else {
            refused += 1;
            assert_eq!(told(&reply), (403, "authPermission.mayNotGrant"), "{permission}");
            assert_eq!(told(&with_one_held), (403, "authPermission.mayNotGrant"), "{permission}");
        }
    }

    assert!(refused > 3, "{refused}");
    assert_eq!(clerk.held().await, json!([MANAGE, "auth:user:list"]));
}

async fn priv_2_nobody_bends_a_role_that_holds_more(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let owner = Desk::admin(&app, &door, "owner@a.example").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &[MANAGE, "auth:user:list"]).await;
    let role = owner.filled("auditors", &["auth:user:list", "tenant:audit:read"]).await;

    let refused = [
        clerk.fill(&role, &[MANAGE]).await,
        clerk.empty(&role, &["auth:user:list"]).await,
        clerk.delete(&role).await,
    ];

    for reply in refused {
        assert_eq!(told(&reply), (403, "authPermission.mayNotGrant"));
    }
    assert_eq!(owner.empty(&role, &["tenant:audit:read"]).await.status, 200);
    assert_eq!(clerk.fill(&role, &[MANAGE]).await.status, 200, "it holds no more than they do now");
}

async fn priv_4_what_a_role_gains_and_loses_counts_at_the_next_request_on_every_node(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let owner = Desk::admin(&app, &door, "owner@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let role = owner.create("readers").await;
    owner.give(bob.user, &role).await;
    let beside = app.beside().await;
    let elsewhere = Desk { app: &beside, door: &door, user: bob.user, token: bob.token.clone() };
    let audit = async |desk: &Desk<'_>| {
        desk.app.get_as(desk.door, &desk.token, "/api/v1/audit").await.status.as_u16()
    };
    assert_eq!((audit(&bob).await, audit(&elsewhere).await), (403, 403));

    owner.fill(&role, &["tenant:audit:read"]).await;
    let here = audit(&bob).await;
    app.advance(2);
    assert_eq!((here, audit(&elsewhere).await), (200, 200));

    owner.empty(&role, &["tenant:audit:read"]).await;
    let here = audit(&bob).await;
    app.advance(2);
    assert_eq!((here, audit(&elsewhere).await), (403, 403));

    owner.fill(&role, &["tenant:audit:read"]).await;
    assert_eq!(audit(&bob).await, 200);
    owner.delete(&role).await;
    let here = audit(&bob).await;
    app.advance(2);
    assert_eq!((here, audit(&elsewhere).await), (403, 403));
}

async fn priv_5_a_tenant_has_no_end_of_roles(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    for number in 1..200 {
        app.role(&door, &format!("role-{number}")).await;
    }

    let one_more = ada.post("/role", json!({ "identifier": "one-more" })).await;

    assert_eq!(told(&one_more), (409, "authPermission.createRole.tooMany"));
    assert_eq!(ada.get("/role/list").await.json["roles"].as_array().unwrap().len(), 200);
}

async fn priv_7_whoever_may_not_manage_sees_and_changes_nothing(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let owner = Desk::admin(&app, &door, "owner@a.example").await;
    let (role, admin) = (owner.create("readers").await, owner.named("admin").await);
    let bob = Desk::clerk(&app, &door, "bob@a.example", &["auth:user:manage", "auth:user:list"]).await;
    let before = records(&app, &door);
    let whom = bob.user;

    let refused = [
        bob.get("/permission/list").await,
        bob.get("/role/list").await,
        bob.get(&format!("/user/{whom}/summary")).await,
        bob.get(&format!("/user/{whom}/check?permission={MANAGE}")).await,
        bob.post("/role", json!({ "identifier": "mine" })).await,
        bob.fill(&role, &["auth:user:list"]).await,
        bob.empty(&role, &["auth:user:list"]).await,
        bob.delete(&role).await,
        bob.give(whom, &admin).await,
        bob.take(owner.user, &admin).await,
    ];

    for reply in refused {
        assert_eq!(told(&reply), (403, "auth.requireUser.missingPermissions"), "{}", reply.text);
    }
    assert_eq!(records(&app, &door), before);
    for body in [
        json!({ "identifier": "x", "isMandatory": true }),
        json!({ "identifier": "x", "tenantId": door.tenant }),
        json!({ "identifier": "x", "permissions": [MANAGE] }),
        json!({ "identifier": "x", "id": role }),
    ] {
        assert_eq!(told(&owner.post("/role", body).await), (422, "validator.error"));
    }
}
