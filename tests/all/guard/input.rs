//! INJ-1, 2, 6, 7: whatever stands in a string, no answer is a 500 and none shows SQL.

use doorward::identity::{Access, Route};
use reqwest::Method;
use serde_json::{Value, json};

use super::filling::{Form, call};
use crate::ground::Ground;
use crate::ground::app::{App, Door, Reply, SECRET};
use crate::ground::on_both;
use crate::ground::people::Holder;

on_both!(
    what_is_wrong_is_told_in_words_of_json,
    inj_1_metacharacters_in_every_member_of_every_route_stay_text,
    inj_1_metacharacters_in_headers_and_paths_stay_text,
    inj_2_a_body_without_end_is_cut_off,
    inj_6_json_that_two_parsers_read_differently_is_refused,
    inj_7_nul_and_broken_unicode_are_refused_and_odd_unicode_harms_nothing,
);

const NAUGHTY: [&str; 14] = [
    "'",
    "\"",
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    "\\'; --",
    "1 UNION SELECT * FROM users",
    "%' --",
    "$1",
    "?1",
    "{{7*7}}",
    "\r\nset-cookie: a=b",
    "\u{202e}evil",
    "a\u{200b}b",
    "🦀\u{301}",
];

fn shows_sql(text: &str) -> bool {
    let text = text.to_lowercase();
    ["select ", "syntax error", "sqlite", "postgres", "diesel", "panicked", "src/", ".rs:"]
        .iter()
        .any(|sign| text.contains(sign))
}

async fn ready(ground: Ground) -> (App, Door, Holder) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    app.promote(&door, user).await;
    let holder = app.session(&door, user).await;
    (app, door, holder)
}

async fn inj_1_metacharacters_in_every_member_of_every_route_stay_text(ground: Ground) {
    let (app, door, mut holder) = ready(ground).await;

    for route in doorward::app::routes() {
        let form = Form::of(&route);
        for naughty in NAUGHTY {
            let one = form.places.chunks(1).chain([form.places.as_slice()]);
            for input in one.map(|places| form.with(places, &json!(naughty))) {
                let reply = call(&app, (&door, &holder), &route, &input).await;
                assert!(reply.status.as_u16() < 500, "{} {input}: {}", route.path, reply.text);
                let answered = reply.status.is_success();
                assert!(answered || !shows_sql(&reply.text), "{} {input}: {}", route.path, reply.text);
            }
        }
        // Some routes end the session they are called with.
        holder = app.session(&door, holder.user).await;
    }
}

async fn inj_1_metacharacters_in_headers_and_paths_stay_text(ground: Ground) {
    let (app, door, holder) = ready(ground).await;
    let headers = [
        "user-agent",
        "accept-language",
        "idempotency-key",
        "if-none-match",
        "x-tenant-origin",
        "cookie",
        "x-forwarded-for",
        "x-forwarded-host",
        "sec-fetch-site",
    ];
    let visible = NAUGHTY.iter().filter(|text| text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));

    for naughty in visible {
        for header in headers {
            let request = app.request(&door, Method::GET, "/session/list").bearer_auth(&holder.access);
            let reply = Reply::of(request.header(header, *naughty)).await;
            assert!(reply.status.as_u16() < 500, "{header}: {naughty}: {}", reply.text);
        }
        for named in [
            Door { client: (*naughty).into(), ..door.clone() },
            Door { host: (*naughty).into(), ..door.clone() },
            Door { origin: Some((*naughty).into()), ..door.clone() },
        ] {
            let reply = app.get(&named, "/multitenant/current").await;
            assert!((400..500).contains(&reply.status.as_u16()), "{named:?}: {}", reply.text);
            let answered = reply.status.is_success();
            assert!(answered || !shows_sql(&reply.text));
        }
    }
    for path in [
        "/api/v1/%00",
        "/api/v1/%ff%fe",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1//session/list",
        "/..;/session/list",
        "/session/list/",
        "/session/list;x=1",
        "/SESSION/list",
        "/session%2flist",
    ] {
        let reply = app.get_as(&door, &holder.access, path).await;
        assert!(matches!(reply.status.as_u16(), 400 | 404), "{path}: {}", reply.status);
    }
    for (query, status) in [("%00", 400), ("a=%ff", 400), ("a=%c0%af", 400), ("a=1&a=2", 400), ("%", 422)] {
        let reply = app.get_as(&door, &holder.access, &format!("/session/list?{query}")).await;
        assert_eq!(reply.status, status, "{query}");
    }
}

async fn what_is_wrong_is_told_in_words_of_json(ground: Ground) {
    let (app, door, holder) = ready(ground).await;
    let login = |device: Value| json!({ "email": "a@a.example", "password": "x", "device": device });
    let wrong = [
        ("/auth/password-based/login", login(json!(5)), "$.device", "Send an object."),
        ("/auth/list-users", json!({ "limit": "x" }), "$.limit", "Send a whole number."),
        ("/auth/list-users", json!({ "limit": 300 }), "$.limit", "This number is too small or too large."),
        ("/auth/list-users", json!({ "search": 1 }), "$.search", "Send an object."),
        ("/auth/list-users", json!({ "search": { "name": [] } }), "$.search.name", "Send text."),
        (
            "/auth/list-users",
            json!({ "filters": { "passwordLoginExists": 1 } }),
            "$.filters.passwordLoginExists",
            "Send true or false.",
        ),
        (
            "/api/v1/auth/invitation",
            json!({ "email": "b@a.example", "roles": {} }),
            "$.roles",
            "Send a list.",
        ),
        (
            "/api/v1/auth/invitation/revoke",
            json!({ "invitationId": "7" }),
            "$.invitationId",
            "This is not an id of ours.",
        ),
    ];

    for (path, body, member, words) in wrong {
        let reply = app.post_as(&door, &holder.access, path, body).await;
        assert_eq!(reply.status, 422, "{path}: {}", reply.text);
        assert_eq!(reply.json["errors"][member]["detail"], words, "{path}: {}", reply.text);
    }
}

async fn inj_2_a_body_without_end_is_cut_off(ground: Ground) {
    let (app, door, _) = ready(ground).await;
    let endless = "x".repeat(4 << 20);

    let request =
        app.request(&door, Method::POST, "/auth/refresh-tokens").header("content-type", "application/json");
    let sent = request.body(format!("{{\"refreshToken\":\"{endless}\"}}")).send().await;

    // The answer may be cut off with the connection; what must not be is that it was read.
    assert!(sent.map_or(true, |reply| reply.status() == 413));
    assert_eq!(app.get(&door, "/multitenant/current").await.status, 200);
}

async fn posted(app: &App, door: &Door, media_type: &str, body: Vec<u8>) -> Reply {
    let request = app.request(door, Method::POST, "/auth/refresh-tokens");
    Reply::of(request.header("content-type", media_type).body(body)).await
}

async fn inj_6_json_that_two_parsers_read_differently_is_refused(ground: Ground) {
    let (app, door, _) = ready(ground).await;
    let deep = |depth: usize| format!("{{\"refreshToken\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let unparsable = [
        "",
        " ",
        "{",
        "{\"refreshToken\":\"a\",\"refreshToken\":\"b\"}",
        "{\"refreshToken\":1e400}",
        "{} {}",
        "{\"refreshToken\":\"\\ud800\"}",
        "{\"refreshToken\":\"\\u0000\"}",
        "{'refreshToken':1}",
        "{\"a\":NaN}",
        "{\"refreshToken\":\"a\",}",
        "{\"a\":01}",
        "/**/{}",
        "\u{feff}{}",
    ];
    let invalid = [
        "[]",
        "null",
        "5",
        "\"x\"",
        "{\"refreshToken\":5}",
        "{\"refreshToken\":{}}",
        "{\"x\":1}",
        "{\"refreshToken\":18446744073709551616}",
        "{\"refreshToken\":true}",
    ];

    for body in unparsable.iter().skip(1) {
        let reply = posted(&app, &door, "application/json", body.as_bytes().to_vec()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text);
    }
    for body in invalid {
        let reply = posted(&app, &door, "application/json", body.as_bytes().to_vec()).await;
        assert_eq!(reply.status, 422, "{body}: {}", reply.text);
    }
    for depth in [33, 200, 10_000] {
        assert_eq!(posted(&app, &door, "application/json", deep(depth).into_bytes()).await.status, 400);
    }
    for media_type in [
        "text/plain",
        "text/json",
        "application/xml",
        "application/json; charset=latin1",
        "*/*",
        "application/jsonx",
        "application/json, text/plain",
    ] {
        assert_eq!(posted(&app, &door, media_type, b"{}".to_vec()).await.status, 415, "{media_type}");
    }
}

async fn inj_7_nul_and_broken_unicode_are_refused_and_odd_unicode_harms_nothing(ground: Ground) {
    let (app, door, holder) = ready(ground).await;
    let broken: [&[u8]; 6] = [b"\xc0\xaf", b"\xff", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\0"];

    for bytes in broken {
        let body = [b"{\"refreshToken\":\"", bytes, b"\"}"].concat();
        let reply = posted(&app, &door, "application/json", body).await;
        assert_eq!(reply.status, 400, "{bytes:?}: {}", reply.text);
    }
    let pending = |route: &Route| matches!(route.access, Access::Pending | Access::SessionOrPending);
    for route in doorward::app::routes().into_iter().filter(|route| !pending(route)) {
        let form = Form::of(&route);
        for place in form.places.chunks(1) {
            let reply = call(&app, (&door, &holder), &route, &form.with(place, &json!("a\0b"))).await;
            assert_eq!(reply.status, 400, "{} {place:?}: {}", route.path, reply.text);
        }
    }
    for form in ["token=%00", "token=%ff", "%00=x", "%c0%af=x", "token=a&token=b"] {
        let request =
            app.request(&door, Method::POST, "/oauth/introspect").basic_auth("a-backend", Some(SECRET));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        assert_eq!(Reply::of(request).await.status, 400, "{form}");
    }
    for id in ["\u{202e}", "\u{200b}", "\u{feff}", "１２", "ﬁ", "%00", "../x", &"9".repeat(5000)] {
        let reply = app.post_as(&door, &holder.access, "/session/logout", json!({ "sessionId": id })).await;
        assert_eq!(reply.status, 422, "{id}: {}", reply.text);
    }
}
