//! Going on to another tenant without a new login.

use doorward::base::{TenantId, UserId};
use doorward::identity::{Factors, LoginType, Scope, User};
use doorward::sessions::events::pair;
use doorward::sessions::steps::{Start, start};
use serde_json::json;

use crate::ground::Ground;
use crate::ground::app::{App, Door};
use crate::ground::on_both;

on_both!(
    a_member_goes_on_in_another_tenant_and_the_old_session_ends,
    the_end_and_the_time_of_the_login_go_along,
    who_is_no_member_meets_the_same_answer_as_at_no_tenant,
    what_the_home_did_not_vouch_for_stays_where_it_is,
    a_tenant_that_asks_for_two_factors_takes_no_single_one,
    the_tenants_that_one_may_go_to_are_listed,
    a_browser_goes_on_only_from_an_origin_that_the_target_lists,
);

/// A person of the door's tenant with a session by these factors, and its access token.
async fn enter(app: &App, door: &Door, login_type: LoginType, factors: Factors) -> (UserId, String) {
    let house = app.running.house.clone();
    let tenant = house.tenant(door.tenant).await.unwrap().unwrap();
    let client = house.app(&door.client).await.unwrap().unwrap();
    let scope = Scope::of_house(house.clone(), None).within(tenant, Some(client.clone()));
    let started = scope.write(move |tx| {
        let user = User::new(client.client.tenant_id, None, None, tx.now);
        user.insert(tx.conn)?;
        let (authenticated_at, absolute_end) = (None, None);
        let (login_type, factors, device) = (login_type, factors.clone(), None);
        let how = Start { user: user.id, login_type, factors, device, authenticated_at, absolute_end };
        start(tx, &house, &client, how)
    });
    let started = started.await.unwrap();
    let (pair, _) = pair(&scope, &started, None).await.unwrap();
    (started.session.user_id, pair.access_token)
}

async fn of_home(app: &App, door: &Door) -> (UserId, String) {
    enter(app, door, LoginType::Password, Factors { methods: vec!["pwd".into()], of_home: true }).await
}

const SWITCH: &str = "/api/v1/session/switch-tenant";

async fn a_member_goes_on_in_another_tenant_and_the_old_session_ends(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let (user, token) = of_home(&app, &a).await;
    app.join(&b, user).await;

    let gone = app.post_as(&a, &token, SWITCH, json!({ "tenantId": b.tenant })).await;

    assert_eq!(gone.status, 200, "{}", gone.text);
    let there = app.get_as(&b, gone.says("accessToken"), "/api/v1/session/list").await;
    let here = app.get_as(&a, &token, "/api/v1/session/list").await;
    assert_eq!((there.status.as_u16(), here.status.as_u16()), (200, 401));
    assert_eq!(there.json["sessions"].as_array().unwrap().len(), 1);
    let body = json!({ "refreshToken": gone.says("refreshToken") });
    app.advance(11);
    assert_eq!(app.post(&b, "/api/v1/auth/refresh-tokens", body).await.status, 200);
}

async fn the_end_and_the_time_of_the_login_go_along(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let (user, token) = of_home(&app, &a).await;
    app.join(&b, user).await;
    let live = |id: &str| {
        let (house, id) = (app.running.house.clone(), id.parse().unwrap());
        async move { house.live(id).await.unwrap().unwrap() }
    };
    let list = app.get_as(&a, &token, "/api/v1/session/list").await;
    let before = live(list.json["sessions"][0]["sessionId"].as_str().unwrap()).await;

    app.advance(60);
    let gone = app.post_as(&a, &token, SWITCH, json!({ "tenantId": b.tenant })).await;
    let after = live(gone.json["session"]["sessionId"].as_str().unwrap()).await;

    assert_eq!(after.authenticated_at, before.authenticated_at);
    assert_eq!(after.absolute_expires_at, before.absolute_expires_at);
    assert!(after.session != before.session && after.tenant == b.tenant && after.home == a.tenant);
}

async fn who_is_no_member_meets_the_same_answer_as_at_no_tenant(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let (_, token) = of_home(&app, &a).await;

    let stranger = app.post_as(&a, &token, SWITCH, json!({ "tenantId": b.tenant })).await;
    let nowhere = app.post_as(&a, &token, SWITCH, json!({ "tenantId": TenantId::new() })).await;

    assert_eq!((stranger.status.as_u16(), stranger.key()), (404, "authSession.switchTenant.unknownTenant"));
    assert_eq!((nowhere.status, nowhere.key()), (stranger.status, stranger.key()));
    assert_eq!(app.get_as(&a, &token, "/api/v1/session/list").await.status, 200);
}

async fn what_the_home_did_not_vouch_for_stays_where_it_is(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let of_tenant = Factors { methods: vec!["pwd".into()], of_home: false };
    let (one, foreign) = enter(&app, &a, LoginType::Keycloak, of_tenant).await;
    let nameless = Factors { methods: vec!["pwd".into()], of_home: true };
    let (two, anonymous) = enter(&app, &a, LoginType::Anonymous, nameless).await;
    app.join(&b, one).await;
    app.join(&b, two).await;

    let foreign = app.post_as(&a, &foreign, SWITCH, json!({ "tenantId": b.tenant })).await;
    let anonymous = app.post_as(&a, &anonymous, SWITCH, json!({ "tenantId": b.tenant })).await;

    let key = "authSession.switchTenant.notFromThisSession";
    assert_eq!((foreign.status.as_u16(), foreign.key()), (403, key));
    assert_eq!((anonymous.status.as_u16(), anonymous.key()), (403, key));
}

async fn a_tenant_that_asks_for_two_factors_takes_no_single_one(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let (user, token) = of_home(&app, &a).await;
    app.join(&b, user).await;
    let scope = Scope::of_house(app.running.house.clone(), None);
    let name = "b".to_owned();
    let strict = scope.write(move |tx| {
        let tenant = doorward::identity::Tenant::named(tx.conn, &name)?.unwrap();
        let mut wanted = doorward::tenancy::entity::described(tx.conn)?.remove(&name).unwrap();
        wanted.settings.email_code = true;
        doorward::tenancy::steps::edit(tx, &tenant, &wanted)
    });
    strict.await.unwrap();

    let gone = app.post_as(&a, &token, SWITCH, json!({ "tenantId": b.tenant })).await;

    assert_eq!((gone.status.as_u16(), gone.key()), (403, "authSession.switchTenant.factorRequired"));
    assert_eq!(app.get_as(&a, &token, "/api/v1/session/list").await.status, 200);
}

async fn the_tenants_that_one_may_go_to_are_listed(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let (user, token) = of_home(&app, &a).await;

    let alone = app.get_as(&a, &token, "/api/v1/session/tenants").await;
    app.join(&b, user).await;
    let both = app.get_as(&a, &token, "/api/v1/session/tenants").await;

    assert_eq!(alone.json["tenants"].as_array().unwrap().len(), 1, "{}", alone.text);
    let home =
        json!({ "id": a.tenant, "name": "a", "displayName": "Tenant a", "isCurrent": true, "isHome": true });
    let other = json!({ "id": b.tenant, "name": "b", "displayName": "Tenant b", "isCurrent": false, "isHome": false });
    assert_eq!(both.json, json!({ "tenants": [home, other] }));
}

async fn a_browser_goes_on_only_from_an_origin_that_the_target_lists(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.browser("a").await, app.browser("b").await);
    let (user, token) = of_home(&app, &a).await;
    app.join(&b, user).await;

    let gone = app.post_as(&a, &token, SWITCH, json!({ "tenantId": b.tenant })).await;

    assert_eq!((gone.status.as_u16(), gone.key()), (403, "auth.origin.notAllowed"), "{}", gone.text);
}
