//! The pages behind the links of mails, by hand and in a real browser.

use reqwest::Method;
use serde_json::json;

use super::{House, NEW, link, token};
use crate::ground::app::{Door, Reply};
use crate::ground::browser::{Browser, keys};
use crate::ground::people::PASSWORD;
use crate::ground::{Ground, on_both};

on_both!(
    rst_8_looking_at_a_link_changes_nothing,
    rst_9_pages_tell_no_referrer_keep_nothing_and_load_from_here_alone,
    web_6_what_people_wrote_is_escaped_in_pages,
    web_7_a_page_ends_only_at_a_listed_address,
    web_8_web_9_a_token_in_the_query_is_no_credential,
    a_dead_link_says_so_in_the_readers_language,
    a_foreign_page_cannot_press_the_button,
    a_person_resets_their_password_in_a_browser_with_the_keyboard,
    a_sign_up_is_verified_by_a_button_where_it_was_made,
);

async fn get(house: &House, door: &Door, path: &str) -> Reply {
    let request = house.app.request(&Door { origin: None, ..door.clone() }, Method::GET, path);
    Reply::of(request).await
}

async fn press(house: &House, door: &Door, path: &str, form: &[(&str, &str)]) -> Reply {
    let request = house.app.request(&Door { origin: None, ..door.clone() }, Method::POST, path);
    Reply::of(
        request
            .header("origin", "null")
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded(form)),
    )
    .await
}

fn encoded(form: &[(&str, &str)]) -> String {
    reqwest::Url::parse_with_params("http://form/", form).unwrap().query().unwrap().to_owned()
}

async fn reset_link(house: &House, door: &Door) -> String {
    house.app.person(door, "ada@example.com").await;
    house.forgot(door, "ada@example.com").await;
    token(&house.mail("ada@example.com").await)
}

async fn rst_8_looking_at_a_link_changes_nothing(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.browser("a").await;
    let token = reset_link(&house, &door).await;
    let path = format!("/account/reset?token={token}&utm_source=mail");

    for _ in 0..5 {
        let page = get(&house, &door, &path).await;
        assert_eq!(page.status, 200);
        house.app.request(&door, Method::HEAD, &path).send().await.unwrap();
    }
    let done = press(&house, &door, "/account/reset", &[("token", &token), ("password", NEW)]).await;

    assert_eq!(done.status, 200, "{}", done.text);
    assert!(house.opens(house.meant(&door, "ada@example.com").unwrap(), NEW).await);
    assert!(done.text.contains("https://a.example/welcome") && !done.text.contains(&token));
}

async fn rst_9_pages_tell_no_referrer_keep_nothing_and_load_from_here_alone(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.browser("a").await;
    let token = reset_link(&house, &door).await;

    for path in [
        format!("/account/reset?token={token}"),
        "/account/reset?token=dead".into(),
        "/account/verify".into(),
    ] {
        let page = get(&house, &door, &path).await;
        let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        let policy = header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(rule), "WEB-5: {policy}");
        }
        assert!(!page.text.contains("src=\"http") && !page.text.contains(" onclick"), "{}", page.text);
    }
    let style = get(&house, &door, "/assets/doorward.css").await;
    assert_eq!(
        (style.status.as_u16(), &style.headers["content-type"]),
        (200, &"text/css; charset=utf-8".parse().unwrap())
    );
    assert_eq!(get(&house, &door, "/assets/..%2fCargo.toml").await.status, 404);
}

async fn web_6_what_people_wrote_is_escaped_in_pages(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.browser("a").await;
    let user = house.app.person(&door, "boss@example.com").await;
    house.app.promote(&door, user).await;
    use diesel::prelude::*;
    use doorward::db::schema::users;
    let named = diesel::update(users::table.find(user)).set(users::name.eq("<script>x</script>\"onx='y"));
    named.execute(&mut house.app.ground.connect()).unwrap();
    let boss = house.app.session(&door, user).await;
    let body = json!({ "email": "new@example.com" });
    house.app.post_as(&door, &boss.access, "/api/v1/auth/invitation", body).await;
    let token = token(&house.mail("new@example.com").await);

    let page = get(&house, &door, &format!("/account/invitation?token={token}")).await;
    let form = [("token", token.as_str()), ("password", "short"), ("name", "<script>x</script>\"onx='y")];
    let again = press(&house, &door, "/account/invitation", &form).await;

    assert_eq!((page.status.as_u16(), again.status.as_u16()), (200, 422), "{}", again.text);
    for shown in [&page.text, &again.text] {
        assert!(
            shown.contains("&lt;script&gt;") && !shown.contains("<script>x") && !shown.contains("\"onx=")
        );
    }
}

async fn web_7_a_page_ends_only_at_a_listed_address(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.browser("a").await;
    let hostile = [
        "//e.example",
        "/\\e.example",
        "/\t/e.example",
        "https:e.example",
        "https://a.example@e.example/welcome",
        "https://a.example.e.example/welcome",
        "%2f%2fe.example",
        "..;/",
        "https://a.example/welcome\r\nx: y",
        "javascript:alert(1)",
        "https://а.example/welcome",
        "https://a.example:80@e.example",
        "https://a.example/welcome?next=x",
        "https://a.example/welcome#x",
        "https%3A%2F%2Fa.example%2Fwelcome",
        "HTTPS://a.example/welcome",
        "",
    ];

    for url in hostile {
        let body = json!({ "email": "ada@example.com", "continueUrl": url });
        let reply = house.post(&door, "forgot-password", body).await;
        assert_eq!(reply.status, 422, "{url:?}: {}", reply.text);
    }
    let listed = json!({ "email": "ada@example.com", "continueUrl": "https://a.example/welcome" });
    assert_eq!(house.post(&door, "forgot-password", listed).await.status, 202);
}

async fn web_8_web_9_a_token_in_the_query_is_no_credential(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.native("a").await;
    let user = house.app.person(&door, "ada@example.com").await;
    let session = house.app.session(&door, user).await;

    let reply = house.app.get(&door, &format!("/auth/password-based?access_token={}", session.access)).await;

    assert_eq!(reply.status, 401);
}

async fn a_dead_link_says_so_in_the_readers_language(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.browser("a").await;

    let english = get(&house, &door, "/account/verify?token=dead").await;
    let dutch = get(&house, &door, "/account/verify?token=dead&lang=nl").await;

    assert_eq!((english.status.as_u16(), dutch.status.as_u16()), (404, 404));
    assert!(english.text.contains("This link no longer works") && english.text.contains("<html lang=\"en\""));
    assert!(dutch.text.contains("<html lang=\"nl\""));
}

async fn a_foreign_page_cannot_press_the_button(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.browser("a").await;
    let token = reset_link(&house, &door).await;
    let form = [("token", token.as_str()), ("password", NEW)];
    let request = || {
        house
            .app
            .request(&Door { origin: None, ..door.clone() }, Method::POST, "/account/reset")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded(&form))
    };

    let foreign = Reply::of(request().header("origin", "https://evil.example")).await;
    let hidden = Reply::of(request().header("origin", "null").header("sec-fetch-site", "cross-site")).await;

    assert_eq!((foreign.status.as_u16(), hidden.status.as_u16()), (403, 403));
    assert!(house.opens(house.meant(&door, "ada@example.com").unwrap(), PASSWORD).await);
}

async fn a_person_resets_their_password_in_a_browser_with_the_keyboard(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.browser("a").await;
    house.app.person(&door, "ada@example.com").await;
    house.forgot(&door, "ada@example.com").await;
    let browser = Browser::start().await;

    browser.open(&link(&house.mail("ada@example.com").await)).await;
    browser.type_into("#password", "password1234567").await;
    browser.press(keys::ENTER).await;
    let problem = browser.text("#problems").await;
    browser.type_into("#password", NEW).await;
    browser.press(keys::ENTER).await;

    assert!(problem.contains("another look"), "{problem}");
    assert_eq!(browser.text("h1").await.trim(), "Your password is set");
    assert!(house.opens(house.meant(&door, "ada@example.com").unwrap(), NEW).await);
}

async fn a_sign_up_is_verified_by_a_button_where_it_was_made(ground: Ground) {
    let house = House::start(ground).await;
    let door = house.app.browser("a").await;
    let asked = house.sign_up(&door, "ada@example.com").await;
    let cookie = asked.cookie("dw-sign-up").unwrap();
    let link = link(&house.mail("ada@example.com").await);
    let browser = Browser::start().await;

    browser.open(&link).await;
    browser.find("h1").await;
    let elsewhere = browser.get("source").await;
    browser.post("cookie", json!({ "cookie": { "name": "dw-sign-up", "value": cookie } })).await;
    browser.open(&link).await;
    browser.click("button[type=submit]").await;

    let elsewhere = elsewhere.as_str().unwrap();
    assert!(
        elsewhere.contains("name=\"password\""),
        "without the cookie no password is asked for: {elsewhere}"
    );
    assert_eq!(browser.text("h1").await.trim(), "Your address is confirmed");
    assert!(house.opens(house.meant(&door, "ada@example.com").unwrap(), NEW).await);
}
