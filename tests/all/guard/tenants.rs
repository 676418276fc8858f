//! TEN: the credential's tenant is the tenant, whatever else the request names.

use diesel::prelude::*;
use doorward::base::Timestamp;
use doorward::db::Json;
use doorward::db::schema::{sessions, tenants, users};
use reqwest::Method;
use serde_json::json;

use crate::ground::Ground;
use crate::ground::app::{App, Door, Reply};
use crate::ground::on_both;

on_both!(
    ten_2_a_token_is_good_in_its_own_tenant_alone_wherever_another_is_named,
    ten_4_nothing_of_the_neighbour_shows_in_any_answer,
    ten_6_keys_and_budgets_of_two_tenants_are_two,
    ten_8_cursors_and_filters_that_no_route_knows_are_refused,
);

async fn ten_2_a_token_is_good_in_its_own_tenant_alone_wherever_another_is_named(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let user = app.person(&a, "ada@a.example").await;
    let token = app.session(&a, user).await.access;
    let named = |host: &str, client: &str| Door { host: host.into(), client: client.into(), ..a.clone() };
    let nowhere = app.running.address.unwrap().to_string();

    for door in
        [&b, &named("b.localhost", "a-app"), &named("a.localhost", "b-app"), &named(&nowhere, "b-app")]
    {
        let reply = app.get_as(door, &token, "/session/list").await;
        assert_eq!(reply.status, 401, "{door:?}");
    }
    let twice = app.request(&a, Method::GET, "/session/list").bearer_auth(&token);
    let refused = Reply::of(twice.header("doorward-client", "b-app")).await;
    assert_eq!((refused.status.as_u16(), refused.key()), (400, "router.header.invalid"));
    let inside =
        app.post_as(&a, &token, "/api/v1/session/logout-others", json!({ "tenant": b.tenant })).await;
    assert_eq!(inside.status, 422);
    let queried = app.get_as(&a, &token, &format!("/session/list?tenantId={}", b.tenant)).await;
    assert_eq!(queried.status, 422);
    let claimed = app.request(&a, Method::GET, "/session/list").bearer_auth(&token);
    let claimed = Reply::of(claimed.header("x-tenant-origin", "https://b.example")).await;
    assert_eq!(claimed.status, 200, "the credential wins");
    assert_eq!(app.get_as(&named(&nowhere, "a-app"), &token, "/session/list").await.status, 200);
}

async fn ten_4_nothing_of_the_neighbour_shows_in_any_answer(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let ada = app.person(&a, "ada@a.example").await;
    app.promote(&a, ada).await;
    let bob = app.person(&b, "marker-of-b@b.example").await;
    app.session(&b, bob).await;
    let conn = &mut ground.connect();
    let marker = Json(json!({ "marker": "marker-of-b" }));
    let named = diesel::update(tenants::table.find(b.tenant));
    named.set((tenants::display_name.eq("marker-of-b"), tenants::data.eq(&marker))).execute(conn).unwrap();
    let person = diesel::update(users::table.find(bob));
    person.set((users::name.eq("marker-of-b"), users::app_data.eq(&marker))).execute(conn).unwrap();
    let theirs = diesel::update(sessions::table.filter(sessions::user_id.eq(bob)));
    theirs
        .set((sessions::user_agent.eq("marker-of-b"), sessions::address.eq("marker-of-b")))
        .execute(conn)
        .unwrap();
    app.advance(2);
    let mut answered = 0;

    for route in doorward::app::routes() {
        let method: Method = route.method.word().parse().unwrap();
        let path = doorward::identity::serve::places(&route).remove(0).replace("{user}", &ada.to_string());
        // Some of them end the session that they are called with.
        let hers = app.session(&a, ada).await;
        let reply = Reply::of(app.request(&a, method, &path).bearer_auth(&hers.access)).await;
        answered += usize::from(reply.status == 200);
        let shown = format!("{}{:?}", reply.text, reply.headers);
        for secret in ["marker-of-b".to_owned(), b.tenant.to_string(), bob.to_string()] {
            assert!(!shown.contains(&secret), "{}: {shown}", route.path);
        }
    }
    assert!(answered > 10, "only {answered} routes had anything to show");
}

async fn ten_6_keys_and_budgets_of_two_tenants_are_two(ground: Ground) {
    let mut config = crate::ground::app::config(&ground);
    config.limits.tenant_per_minute = 20.try_into().unwrap();
    let app = App::with(ground, config).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    let ada = app.person(&a, "same@person.example").await;
    let bob = app.person(&b, "same@person.example").await;
    assert_ne!(ada, bob);
    let (hers, his) = (app.session(&a, ada).await, app.session(&b, bob).await);
    app.advance(11);
    let keyed = |door: &Door, token: &str| {
        let request = app.request(door, Method::POST, "/auth/refresh-tokens");
        let request = request.header("idempotency-key", "kJ4yX0pQ7rT2vW9zB5nM3c");
        Reply::of(request.json(&json!({ "refreshToken": token })))
    };

    let (one, two) = (keyed(&a, &hers.refresh).await, keyed(&b, &his.refresh).await);
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200));
    assert_ne!(one.says("refreshToken"), two.says("refreshToken"));

    let mut last = 200;
    for _ in 0..30 {
        last = app.get(&a, "/multitenant/current").await.status.as_u16();
    }
    assert_eq!(last, 429);
    assert_eq!(app.get(&b, "/multitenant/current").await.status, 200, "the neighbour's budget");
}

async fn ten_8_cursors_and_filters_that_no_route_knows_are_refused(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    app.promote(&door, user).await;
    let token = app.session(&door, user).await.access;
    let made = format!("eyJhZnRlciI6{}", Timestamp::EPOCH.0);

    for query in ["sort=id;drop+table+users", "$where=1", "filter[id]=1", "order=random()"] {
        let reply = app.get_as(&door, &token, &format!("/session/list?{query}")).await;
        assert_eq!(reply.status, 422, "{query}");
    }
    for route in doorward::app::routes().iter().filter(|route| route.method.word() == "GET") {
        for name in ["cursor", "after", "before"] {
            let path = format!("/api/v1{}?{name}={made}", route.path);
            let reply = app.get_as(&door, &token, &path).await;
            assert!((400..500).contains(&reply.status.as_u16()), "{path}: {}", reply.text);
        }
    }
}
