//! WEB-5, 8: what stands in the head of every answer, and what never breaks out of it.

use std::time::Duration;

use doorward::base::Result;
use doorward::components::tenants_file::TenantsFile;
use doorward::http::answer::{Content, SameSite};
use doorward::http::{Answer, Cookie};
use doorward::identity::{Access, Method as Verb, Nothing, Route, Scope};
use reqwest::Method;
use reqwest::header::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ground::Ground;
use crate::ground::app::{App, Reply};
use crate::ground::on_both;
use crate::telling::mounted;

on_both!(
    web_5_every_answer_tells_browsers_to_be_careful,
    web_8_a_value_with_line_ends_begins_no_header,
    web_8_what_a_caller_sends_never_reaches_the_head,
);

const BREAK: &str = "a\r\nset-cookie: evil=1\r\n\r\n<script>";

fn routes() -> Vec<Route> {
    vec![
        Route::new(Verb::Get, "/header", Access::Open, header).named("test.header", "Tells.").hidden(),
        Route::new(Verb::Get, "/redirect", Access::Open, redirect)
            .named("test.redirect", "Sends on.")
            .hidden(),
        Route::new(Verb::Get, "/cookies", Access::Open, cookies).named("test.cookies", "Sets.").hidden(),
        Route::new(Verb::Get, "/panic", Access::Open, panics).named("test.panic", "Panics.").hidden(),
    ]
}

async fn header(_: Scope, _: Nothing) -> Result<Answer> {
    Ok(Answer::new(200, Content::Empty).header("etag", BREAK))
}

async fn redirect(_: Scope, _: Nothing) -> Result<Answer> {
    Ok(Answer::see_other(format!("https://a.example/{BREAK}")))
}

async fn panics(_: Scope, _: Nothing) -> Result<Answer> {
    panic!("on purpose");
}

async fn cookies(_: Scope, _: Nothing) -> Result<Answer> {
    let cookie = |name: &str, value: &str| Cookie {
        name: name.into(),
        value: value.into(),
        secure: true,
        same_site: SameSite::Strict,
        max_age: 60,
    };
    let mut answer = Answer::new(200, Content::Empty);
    answer.cookies = vec![
        cookie("value", BREAK),
        cookie(BREAK, "name"),
        cookie("value", "x; Domain=evil.example"),
        cookie("name; Domain=evil.example; x", "y"),
        cookie("value", "\u{e9}"),
        cookie("plain", "A-z_0.9"),
    ];
    Ok(answer)
}

/// The head as it went over the wire, and what came after it.
async fn raw(address: &str, lines: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(lines).await.unwrap();
    let mut back = Vec::new();
    let read = stream.read_to_end(&mut back);
    tokio::time::timeout(Duration::from_secs(5), read).await.expect("it is not closed").unwrap();
    let text = String::from_utf8_lossy(&back).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

async fn web_8_a_value_with_line_ends_begins_no_header(ground: Ground) {
    let app = App::start(ground).await;
    let base = mounted(&app, routes());
    let address = base.trim_start_matches("http://");

    for path in ["/header", "/redirect", "/cookies"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n\r\n");
        let (head, body) = raw(address, request.as_bytes()).await;
        let set: Vec<&str> = head.lines().filter(|line| line.starts_with("set-cookie")).collect();
        let expected = if path == "/cookies" { 1 } else { 0 };
        assert_eq!(set.len(), expected, "{path}: {head}");
        assert!(set.iter().all(|line| line.starts_with("set-cookie: plain=a-z_0.9; path=/;")), "{set:?}");
        assert!(!head.contains("evil") && !body.contains("<script>"), "{path}: {head}\n{body}");
    }
    assert_eq!(reqwest::get(format!("{base}/cookies")).await.unwrap().status(), 200);
}

async fn web_8_what_a_caller_sends_never_reaches_the_head(ground: Ground) {
    let app = App::start(ground).await;
    let address = app.running.address.unwrap().to_string();
    let names = [
        "origin",
        "accept-language",
        "if-none-match",
        "idempotency-key",
        "doorward-client",
        "doorward-request-id",
        "x-request-id",
        "cookie",
        "x-tenant-origin",
        "authorization",
    ];
    let values: [&[u8]; 4] =
        [b"evil%0d%0aset-cookie: evil=1", b"evil\xe5\x98\x8d\xe5\x98\x8aevil", b"evil\x85evil", b"evil"];

    for path in
        ["/multitenant/current", "/%0d%0aevil:1", "/nowhere?evil%0d%0aevil:1", "/account/reset?lang=evil%0a"]
    {
        for name in names {
            for value in values {
                let request =
                    format!("GET {path} HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n{name}: ");
                let (head, _) = raw(&address, &[request.as_bytes(), value, b"\r\n\r\n"].concat()).await;
                assert!(!head.contains("evil"), "{path} {name}: {head}");
            }
        }
    }
}

const CAREFUL: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

fn is_careful(headers: &HeaderMap, what: &str) {
    for (name, value) in CAREFUL {
        assert_eq!(headers.get(name).and_then(|said| said.to_str().ok()), Some(value), "{what}: {name}");
    }
    let policy = headers["content-security-policy"].to_str().unwrap();
    for rule in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action "] {
        assert!(policy.contains(rule), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe-") && !policy.contains('*'), "{what}: {policy}");
}

async fn web_5_every_answer_tells_browsers_to_be_careful(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let ask = |method: Method, path: &str| app.request(&door, method, path);
    let json = |text: String| {
        ask(Method::POST, "/auth/refresh-tokens").header("content-type", "application/json").body(text)
    };
    let requests = [
        (200, ask(Method::GET, "/multitenant/current")),
        (204, ask(Method::OPTIONS, "/multitenant/current")),
        (400, json("{".into())),
        (401, ask(Method::GET, "/session/list")),
        (403, ask(Method::GET, "/multitenant/current").header("origin", "https://evil.example")),
        (404, ask(Method::GET, "/nowhere")),
        (404, ask(Method::GET, "/account/reset?token=dead")),
        (405, ask(Method::DELETE, "/multitenant/current")),
        (413, json(format!("{{\"refreshToken\":\"{}\"}}", "x".repeat(66_000)))),
        (415, ask(Method::POST, "/auth/refresh-tokens").header("content-type", "text/plain").body("{}")),
        (422, json("[]".into())),
        (431, ask(Method::GET, "/multitenant/current").header("x-filler", "x".repeat(17_000))),
    ];

    for (status, request) in requests {
        let reply = Reply::of(request).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        is_careful(&reply.headers, &status.to_string());
    }
    let panicked = reqwest::get(format!("{}/panic", mounted(&app, routes()))).await.unwrap();
    assert_eq!(panicked.status(), 500);
    is_careful(panicked.headers(), "500");
}

const DESCRIBED: &str = r##"
[[tenants]]
name = "library"
display_name = "City Library"
public_url = { production = "https://door.library.example" }
issuer = { production = "https://id.library.example" }
api_hosts = { production = ["api.library.example"] }
settings = { languages = ["nl"], colours = { brand = "#1a5276" }, sender = { name = "Desk", address = "door@library.example" } }

[[tenants.clients]]
public_id = "library-web"
name = "On the web"
kind = "browser"
default = true
origins = { production = ["https://www.library.example"] }
continue_urls = { production = ["https://www.library.example/welcome"] }
audiences = ["https://orders.library.example"]
"##;

#[test]
fn web_8_a_setting_that_would_break_a_header_is_not_taken() {
    let words = DESCRIBED.split('"').skip(1).step_by(2);
    let hostile = ["\\r\\nset-cookie: evil=1", "\\n", "\\u0000", "\\u0085", "\\u007f"];
    let in_headers = ["library-web", "https://www.library.example", "api.library.example"];

    assert!(TenantsFile::parse(DESCRIBED).is_ok());
    for word in words {
        let foreign: &[&str] = if in_headers.contains(&word) { &["\u{e9}", "\\u202e"] } else { &[] };
        for end in hostile.iter().chain(foreign) {
            let text = DESCRIBED.replace(&format!("\"{word}\""), &format!("\"{word}{end}\""));
            assert!(TenantsFile::parse(&text).is_err(), "{word}{end}");
        }
    }
}
