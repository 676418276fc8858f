//! `/_dev`: what a developer sees of mail, and what it must not become elsewhere.

use std::time::Duration;

use doorward::base::Email;
use doorward::components::config::Environment;
use doorward::components::line::Code;
use doorward::components::mail::messages::LoginCode;
use doorward::components::post::{self, Letter};
use doorward::components::words::Locale;
use doorward::development;
use doorward::identity::Scope;
use reqwest::Method;

use crate::ground::app::{App, Reply};
use crate::ground::work::until;
use crate::ground::{Ground, on_both};

on_both!(
    the_latest_mail_is_given_as_json_with_its_code,
    a_mail_is_shown_in_a_frame_that_runs_nothing,
    an_open_inbox_hears_of_new_mail,
    assets_are_kept_by_their_version,
);

async fn with_mail(ground: Ground) -> App {
    let app = App::start(ground).await;
    post(&app).await;
    until("the mail comes", async || latest(&app).await.json["mail"].is_object()).await;
    app
}

async fn post(app: &App) {
    let house = app.running.house.clone();
    let tenant = house.tenant(app.native("a").await.tenant).await.unwrap();
    let code = LoginCode { code: Code::parse("12345678").unwrap(), code_valid: Duration::from_secs(600) };
    let letter = Letter::new(Email::parse("ada@a.example").unwrap(), Locale::En, code);
    let scope = Scope::of_house(house.clone(), tenant);
    scope.write(move |tx| post::post(tx, &house.vault, &letter)).await.unwrap();
}

async fn latest(app: &App) -> Reply {
    app.get(&app.native("a").await, "/_dev/mail.json?to=ada@a.example").await
}

async fn the_latest_mail_is_given_as_json_with_its_code(ground: Ground) {
    let app = with_mail(ground).await;
    let door = app.native("a").await;

    let reply = latest(&app).await;
    assert_eq!(reply.json["mail"]["code"], "12345678", "{}", reply.text);

    let cleared = Reply::of(app.request(&door, Method::DELETE, "/_dev/mail")).await;
    assert_eq!(cleared.status, 204);
    assert!(latest(&app).await.json["mail"].is_null());
}

async fn a_mail_is_shown_in_a_frame_that_runs_nothing(ground: Ground) {
    let app = with_mail(ground).await;
    let door = app.native("a").await;
    let id = latest(&app).await.json["mail"]["id"].as_str().unwrap().to_owned();

    let list = app.get(&door, "/_dev/mail").await;
    let page = app.get(&door, &format!("/_dev/mail/{id}?tab=html")).await;
    let body = app.get(&door, &format!("/_dev/mail/{id}/html")).await;

    assert!(list.text.contains(&id) && page.text.contains(&format!("/_dev/mail/{id}/html")), "{}", page.text);
    let policy = body.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("sandbox ") && !policy.contains("allow-scripts"), "{policy}");
    assert_eq!(body.headers["x-frame-options"], "SAMEORIGIN");
    assert_eq!(app.get(&door, "/_dev").await.status, 200);
}

async fn an_open_inbox_hears_of_new_mail(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let mut stream = app.request(&door, Method::GET, "/_dev/mail/stream").send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert!(stream.chunk().await.unwrap().unwrap().starts_with(b"retry:"));

    post(&app).await;

    let told = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await;
    assert!(told.unwrap().unwrap().unwrap().starts_with(b"event: mail\n"));
}

async fn assets_are_kept_by_their_version(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;

    let path = doorward::components::assets::versioned("/assets/doorward.css");
    let kept = app.get(&door, &path).await;
    let asked = app.get(&door, "/assets/doorward.css").await;

    assert_eq!(kept.headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!((asked.status.as_u16(), &asked.headers["cache-control"]), (200, &"no-cache".parse().unwrap()));
}

#[test]
fn the_inbox_is_not_there_where_people_are() {
    assert!(!development::exists(Environment::Production) && !development::exists(Environment::Acceptance));
}
