//! Who gets a role, who loses it, and who is told why somebody may.

use serde_json::json;

use super::kit::{Desk, MANAGE, records, told};
use crate::ground::app::App;
use crate::ground::{Ground, on_both};
use crate::password::{kit, watch};

on_both!(
    somebody_is_given_a_role_and_loses_it_again,
    priv_1_nobody_gives_a_role_that_holds_more_than_they_do,
    priv_1_nobody_invites_to_a_role_that_holds_more_than_they_do,
    priv_2_nobody_takes_roles_from_who_holds_more,
    priv_3_the_last_active_admin_stays,
    whoever_asks_why_is_told_by_which_role_who_gave_it_and_when,
    a_check_that_is_warm_asks_no_database,
    a_check_of_what_is_unknown_says_so,
);

async fn somebody_is_given_a_role_and_loses_it_again(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let role = ada.filled("readers", &["tenant:audit:read", "auth:user:list"]).await;
    let before = records(&app, &door).len();

    let given = ada.give(bob.user, &role).await;
    let own = bob.get("/summary").await;
    let shown = ada.get(&format!("/user/{}/summary", bob.user)).await;
    let twice = ada.give(bob.user, &role).await;
    let taken = ada.take(bob.user, &role).await;

    assert_eq!(given.status, 200, "{}", given.text);
    let rights = json!({
        "roles": [{ "identifier": "readers", "id": role }],
        "permissions": ["auth:user:list", "tenant:audit:read"],
    });
    assert_eq!((&own.json, &shown.json), (&rights, &rights));
    assert_eq!(told(&twice), (409, "authPermission.userAssignRole.userHasRole"));
    assert_eq!(taken.status, 200, "{}", taken.text);
    let again = ada.take(bob.user, &role).await;
    assert_eq!(told(&again), (409, "authPermission.userRemoveRole.roleNotAssigned"));
    assert_eq!(bob.held().await, json!([]));
    assert_eq!(records(&app, &door)[before..], ["role.give", "role.take"]);
}

async fn priv_1_nobody_gives_a_role_that_holds_more_than_they_do(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let owner = Desk::admin(&app, &door, "owner@a.example").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &[MANAGE]).await;
    let friend = Desk::plain(&app, &door, "friend@a.example").await;
    let (admin, less) = (owner.named("admin").await, owner.filled("less", &[MANAGE]).await);
    let all = owner.get("/permission/list").await.json["permissions"].clone();

    for (number, permission) in all.as_array().unwrap().iter().enumerate() {
        let permission = permission["identifier"].as_str().unwrap();
        let role = owner.filled(&format!("one-{number}"), &[permission]).await;
        for whom in [clerk.user, friend.user] {
            let reply = clerk.give(whom, &role).await;
            let expected = if permission == MANAGE { "" } else { "authPermission.mayNotGrant" };
            assert_eq!(reply.json["key"].as_str().unwrap_or(""), expected, "{permission}: {}", reply.text);
        }
    }

    assert_eq!(told(&clerk.give(clerk.user, &admin).await), (403, "authPermission.mayNotGrant"));
    assert_eq!(clerk.give(friend.user, &less).await.status, 200);
    assert_eq!((clerk.held().await, friend.held().await), (json!([MANAGE]), json!([MANAGE])));
}

async fn priv_1_nobody_invites_to_a_role_that_holds_more_than_they_do(ground: Ground) {
    let app = kit::start(ground).await;
    let door = app.native("a").await;
    let owner = Desk::admin(&app, &door, "owner@a.example").await;
    let invites = "auth:invitation:manage";
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &[invites]).await;
    owner.filled("auditors", &["tenant:audit:read"]).await;
    owner.filled("inviters", &[invites]).await;
    let invite = async |role: &str| {
        let body = json!({ "email": format!("{role}@new.example"), "roles": [role] });
        app.post_as(&door, &clerk.token, "/api/v1/auth/invitation", body).await
    };

    assert_eq!(told(&invite("auditors").await), (403, "authInvitation.create.mayNotGrant"));
    assert_eq!(told(&invite("admin").await), (403, "authInvitation.create.mayNotGrant"));
    assert_eq!(invite("inviters").await.status.as_u16() / 100, 2);
}

async fn priv_2_nobody_takes_roles_from_who_holds_more(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let owner = Desk::admin(&app, &door, "owner@a.example").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &[MANAGE]).await;
    let role = owner.filled("less", &[MANAGE]).await;
    let admin = owner.named("admin").await;
    owner.give(owner.user, &role).await;

    let refused =
        [clerk.take(owner.user, &role).await, clerk.give(owner.user, &clerk.create("none").await).await];

    for reply in refused {
        assert_eq!(told(&reply), (403, "auth.user.holdsMore"), "{}", reply.text);
    }
    assert_eq!(told(&clerk.take(owner.user, &admin).await), (403, "authPermission.mayNotGrant"));
    assert_eq!(owner.take(owner.user, &role).await.status, 200);
}

async fn priv_3_the_last_active_admin_stays(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let eve = Desk::admin(&app, &door, "eve@a.example").await;
    let admin = ada.named("admin").await;
    app.disable(eve.user);

    let last = ada.take(ada.user, &admin).await;
    let off = ada.take(eve.user, &admin).await;

    assert_eq!(
        told(&last),
        (409, "authPermission.userRemoveRole.lastAdmin"),
        "one who is shut out governs nothing"
    );
    assert_eq!(off.status, 200, "{}", off.text);
    assert_eq!(ada.held().await.as_array().unwrap().len(), 12);
}

async fn whoever_asks_why_is_told_by_which_role_who_gave_it_and_when(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let bob = Desk::plain(&app, &door, "bob@a.example").await;
    let role = ada.filled("readers", &["tenant:audit:read"]).await;
    let path = "/check?permission=tenant:audit:read";
    let before = bob.get(&format!("{path}&why=true")).await;
    ada.give(bob.user, &role).await;

    let plain = bob.get(path).await;
    let why = bob.get(&format!("{path}&why=true")).await;
    let asked = ada.get(&format!("/user/{}{path}", bob.user)).await;
    let other = ada.get(&format!("/user/{}/check?permission={MANAGE}", bob.user)).await;

    let no = json!({ "permission": "tenant:audit:read", "allowed": false, "why": [] });
    assert_eq!(before.json, no);
    assert_eq!(plain.json, json!({ "permission": "tenant:audit:read", "allowed": true }));
    let reason = &why.json["why"][0];
    assert_eq!(reason["role"], json!({ "identifier": "readers", "id": role }), "{}", why.text);
    assert_eq!(reason["grantedBy"], json!(ada.user));
    assert_eq!(reason["grantedAt"], json!(app.clock.now()));
    assert_eq!(asked.json, why.json);
    assert_eq!(other.json, json!({ "permission": MANAGE, "allowed": false, "why": [] }));
}

async fn a_check_that_is_warm_asks_no_database(ground: Ground) {
    watch::begin();
    let app = kit::start(ground).await;
    let door = app.native("a").await;
    let clerk = Desk::clerk(&app, &door, "clerk@a.example", &["auth:user:list"]).await;
    let mut asked = Vec::new();
    // A listener that begins to hear lets everything be asked once more.
    for _ in 0..3 {
        clerk.get("/check?permission=auth:user:list").await;
        watch::take(&app.ground);

        let allowed = clerk.get("/check?permission=auth:user:list").await;
        let refused = clerk.get("/check?permission=auth:user:manage").await;

        assert_eq!((&allowed.json["allowed"], &refused.json["allowed"]), (&json!(true), &json!(false)));
        asked = watch::take(&app.ground);
        if asked.is_empty() {
            break;
        }
    }
    assert!(asked.is_empty(), "{asked:?}");
    clerk.get("/check?permission=auth:user:list&why=true").await;
    assert!(!watch::take(&app.ground).is_empty());
}

async fn a_check_of_what_is_unknown_says_so(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ada = Desk::admin(&app, &door, "ada@a.example").await;

    for path in
        ["/check?permission=auth:usr:list", &format!("/user/{}/check?permission=auth:usr:list", ada.user)]
    {
        let reply = ada.get(path).await;
        assert_eq!(
            told(&reply),
            (422, "authPermission.roleAddPermissions.unknownPermission"),
            "{}",
            reply.text
        );
    }
    for path in ["/check", "/check?permission=auth:user:list&why=maybe"] {
        assert_eq!(told(&ada.get(path).await), (422, "validator.error"));
    }
}
