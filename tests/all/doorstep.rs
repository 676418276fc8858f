//! `/`: what a person sees there, and what a program does.

use reqwest::Method;

use crate::ground::app::{App, Door, Reply};
use crate::ground::binary::Installation;
use crate::ground::{Ground, on_both};

on_both!(
    a_visitor_is_told_whose_door_this_is_and_nothing_else,
    a_program_finds_nothing_at_the_root,
    at_a_host_that_is_nobodys_or_shut_there_is_no_door,
    in_development_a_visitor_finds_everything_from_there,
);

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn visit(app: &App, door: &Door, (path, accept): (&str, &str)) -> Reply {
    let request = app.request(&Door { origin: None, ..door.clone() }, Method::GET, path);
    Reply::of(request.header("accept", accept)).await
}

async fn a_visitor_is_told_whose_door_this_is_and_nothing_else(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;

    let english = visit(&app, &door, ("/?utm_source=x", BROWSER)).await;
    let dutch = visit(&app, &door, ("/?lang=nl", BROWSER)).await;
    let head = app.request(&door, Method::HEAD, "/").header("accept", BROWSER).send().await.unwrap();

    assert_eq!(english.status, 200, "{}", english.text);
    assert!(english.text.contains("This is the door of Tenant a"), "{}", english.text);
    assert!(dutch.text.contains("<html lang=\"nl\"") && dutch.text.contains("Dit is de deur van Tenant a"));
    assert!(!english.text.contains(env!("CARGO_PKG_VERSION")) && !english.text.contains("/_dev"));
    let policy = english.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self' 'nonce-"), "{policy}");
    assert_eq!(english.headers["vary"], "Accept, Accept-Language");
    assert_eq!((head.status().as_u16(), head.text().await.unwrap().as_str()), (200, ""));
}

async fn a_program_finds_nothing_at_the_root(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;

    for accept in ["application/json", "*/*", "application/problem+json, text/html;q=0"] {
        let reply = visit(&app, &door, ("/", accept)).await;
        assert_eq!((reply.status.as_u16(), reply.key()), (404, "error.server.notFound"), "{accept}");
        assert_eq!(reply.headers["content-type"], "application/problem+json", "{accept}");
    }
}

async fn at_a_host_that_is_nobodys_or_shut_there_is_no_door(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let nobody = Door { host: "elsewhere.example".into(), ..door.clone() };

    let stranger = visit(&app, &nobody, ("/", BROWSER)).await;
    let scope = app.scope(door.tenant).await;
    doorward::management::events::tenants::suspend(&scope).await.unwrap();
    app.advance(3);
    let shut = visit(&app, &door, ("/", BROWSER)).await;

    assert_eq!((stranger.status.as_u16(), shut.status.as_u16()), (404, 404));
    assert!(!shut.text.contains("Tenant a"), "{}", shut.text);
}

async fn in_development_a_visitor_finds_everything_from_there(ground: Ground) {
    let installation = Installation::developing(&ground);
    let running = installation.serve().await;
    let port = running.address.port();
    let http = reqwest::Client::new();
    let read = async |path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        let request = http.get(url).header("host", format!("localhost:{port}")).header("accept", BROWSER);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };

    let (status, page) = read("/").await;

    assert_eq!(status, 200, "{page}");
    assert!(page.contains(&format!("curl http://localhost:{port}/multitenant/current")), "{page}");
    let links: Vec<&str> =
        page.split("<li><a href=\"/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let links: Vec<_> = links.into_iter().filter(|link| !link.starts_with('?')).collect();
    assert_eq!(links.len(), 6, "{links:?}");
    for link in links {
        assert_eq!(read(&format!("/{link}")).await.0, 200, "/{link}");
    }
}
