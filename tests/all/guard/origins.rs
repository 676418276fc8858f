//! WEB-1, 2, 4, 8: which pages may call, and which may read what was answered.

use doorward::identity::{ClientKind, Scope};
use doorward::tenancy::steps::{NewClient, create_client};
use reqwest::Method;
use serde_json::json;

use crate::ground::Ground;
use crate::ground::app::{App, Door, Reply};
use crate::ground::on_both;
use crate::ground::people::{Holder, PASSWORD};

on_both!(
    web_1_the_cookie_routes_take_a_listed_page_that_sends_json_alone,
    web_2_a_foreign_page_logs_nobody_in,
    web_4_only_the_exact_origins_of_this_tenant_may_read,
    web_4_a_page_of_another_tenant_reads_nothing_of_this_one,
    web_8_a_client_whose_id_would_break_a_header_is_not_made,
    a_name_that_somebody_points_at_us_is_not_our_own,
);

async fn sent(app: &App, holder: &Holder, path: &str, headers: &[(&str, &str)], body: &'static str) -> Reply {
    let door = app.browser("a").await;
    let request = app.request(&Door { origin: None, ..door }, Method::POST, path);
    let request = request.header("cookie", format!("__Host-dw-a-web={}", holder.refresh)).body(body);
    Reply::of(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

async fn web_1_the_cookie_routes_take_a_listed_page_that_sends_json_alone(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.browser("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, user).await;
    app.advance(11);
    let (json, from) = (("content-type", "application/json"), ("origin", "https://a.example"));
    let refused: [&[(&str, &str)]; 11] = [
        &[],
        &[json],
        &[from],
        &[from, ("content-type", "text/plain")],
        &[from, ("content-type", "application/x-www-form-urlencoded")],
        &[from, ("content-type", "multipart/form-data; boundary=x")],
        &[from, ("content-type", "application/json; charset=utf-16")],
        &[json, ("origin", "https://evil.a.example")],
        &[json, ("origin", "null")],
        &[json, ("origin", "http://a.localhost")],
        &[json, from, ("sec-fetch-site", "cross-site")],
    ];

    for path in ["/auth/refresh-tokens", "/auth/logout"] {
        for headers in refused {
            let reply = sent(&app, &holder, path, headers, "{}").await;
            let refused = matches!(reply.status.as_u16(), 403 | 415);
            assert!(
                refused && reply.headers.get("set-cookie").is_none(),
                "{path} {headers:?}: {}",
                reply.text
            );
        }
    }
    let good =
        sent(&app, &holder, "/auth/refresh-tokens", &[json, from, ("sec-fetch-site", "same-site")], "{}")
            .await;
    assert_eq!(good.status, 200, "{}", good.text);
}

async fn web_2_a_foreign_page_logs_nobody_in(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.browser("a").await;
    app.person(&door, "mallory@a.example").await;
    let body = json!({ "email": "mallory@a.example", "password": PASSWORD }).to_string();
    let (json, from) = (("content-type", "application/json"), ("origin", "https://a.example"));
    let refused: [&[(&str, &str)]; 7] = [
        &[json],
        &[from, ("content-type", "text/plain")],
        &[from, ("content-type", "application/x-www-form-urlencoded")],
        &[json, ("origin", "https://evil.example")],
        &[json, ("origin", "https://evil.a.example")],
        &[json, ("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[json, from, ("sec-fetch-site", "cross-site")],
    ];
    let log_in = |headers: &[(&str, &str)]| {
        let door = Door { origin: None, ..door.clone() };
        let request = app.request(&door, Method::POST, "/auth/password-based/login").body(body.clone());
        Reply::of(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
    };

    for headers in refused {
        let reply = log_in(headers).await;
        assert!(matches!(reply.status.as_u16(), 403 | 415), "{headers:?}: {}", reply.text);
        assert!(reply.headers.get("set-cookie").is_none(), "{headers:?}");
    }
    assert_eq!(log_in(&[json, from]).await.status, 200);
}

fn may_read(reply: &Reply) -> Option<&str> {
    reply.headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap())
}

async fn web_4_only_the_exact_origins_of_this_tenant_may_read(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.browser("a").await;
    let strange = [
        "null",
        "https://a.example.evil.example",
        "https://evil-a.example",
        "https://x.a.example",
        "https://a.example:444",
        "https://a.example:443",
        "http://a.example",
        "https://A.example",
        "https://a.example.",
        "https://a.example/",
        "https://a.example@evil.example",
        "*",
        "file://",
        "https://a.example\u{00}x",
    ];

    for origin in strange.iter().filter(|origin| !origin.contains('\0')) {
        let door = Door { origin: Some((*origin).to_owned()), ..door.clone() };
        let reply = app.get(&door, "/multitenant/current").await;
        assert_eq!((reply.status.as_u16(), may_read(&reply)), (403, None), "{origin}");
        let open = app.get(&door, "/openapi.json").await;
        assert_eq!((open.status.as_u16(), may_read(&open)), (403, None), "{origin}");
        let asked = Reply::of(app.request(&door, Method::OPTIONS, "/multitenant/current")).await;
        assert_eq!(may_read(&asked), None, "{origin}");
    }
    let reply = app.get(&door, "/multitenant/current").await;
    assert_eq!((reply.status.as_u16(), may_read(&reply)), (200, Some("https://a.example")));
    assert_eq!(reply.headers["access-control-allow-credentials"], "true");
    assert!(reply.headers["vary"].to_str().unwrap().contains("Origin"));
}

async fn web_4_a_page_of_another_tenant_reads_nothing_of_this_one(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (app.browser("a").await, app.browser("b").await);
    let user = app.person(&a, "ada@a.example").await;
    let holder = app.session(&a, user).await;
    let crossed = Door { origin: b.origin.clone(), ..a.clone() };

    let current = app.get(&crossed, "/multitenant/current").await;
    let list = app.get_as(&crossed, &holder.access, "/session/list").await;
    let out = app.post_as(&crossed, &holder.access, "/auth/logout", json!({})).await;
    let asked = Reply::of(app.request(&crossed, Method::OPTIONS, "/session/list")).await;
    let missing = app.post_as(&crossed, &holder.access, "/session/list", json!({})).await;

    for reply in [&current, &list, &out, &asked, &missing] {
        assert_eq!(may_read(reply), None, "{}", reply.text);
    }
    assert_eq!((current.status.as_u16(), list.status.as_u16(), out.status.as_u16()), (403, 403, 403));
    assert_eq!(app.get_as(&a, &holder.access, "/session/list").await.status, 200, "they were not logged out");
}

async fn web_8_a_client_whose_id_would_break_a_header_is_not_made(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.browser("a").await;
    for id in ["x; Domain=evil.example", "x\r\nset-cookie: a=b", "x\0", "é", "", "x=y", "A", &"x".repeat(65)]
    {
        let new = NewClient::of(ClientKind::Browser, id, "Broken");
        let tenant = door.tenant;
        let scope = Scope::of_house(app.running.house.clone(), None);
        let made = scope.write(move |tx| create_client(tx, tenant, &new)).await;
        assert_eq!(made.unwrap_err().status(), 422, "{id}");
    }
    assert_eq!(app.get(&door, "/multitenant/current").await.status, 200);
}

async fn a_name_that_somebody_points_at_us_is_not_our_own(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.browser("a").await;
    let rebound =
        Door { host: "evil.example".into(), origin: Some("http://evil.example".into()), ..door.clone() };
    let own = Door { origin: Some("http://a.localhost".into()), ..door };

    let reply = app.get(&rebound, "/multitenant/current").await;

    assert_eq!((reply.status.as_u16(), may_read(&reply)), (403, None));
    assert_eq!(app.get(&own, "/multitenant/current").await.status, 200);
}
