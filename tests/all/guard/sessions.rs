//! SES: what a session's secrets are, and that an end is an end everywhere.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use doorward::base::UserId;
use doorward::db::schema::{sessions, tenants, users};
use doorward::identity::Scope;
use doorward::sessions::steps::end_all;
use reqwest::Method;
use serde_json::json;

use crate::ground::Ground;
use crate::ground::app::{App, Door, Reply, START};
use crate::ground::forge::claim;
use crate::ground::on_both;
use crate::ground::people::PASSWORD;

on_both!(
    ses_1_damaged_cookies_are_refused_and_the_id_is_not_the_secret,
    ses_2_a_session_that_the_caller_names_is_never_adopted,
    ses_4_a_logout_ends_the_session_its_family_and_its_access_tokens,
    ses_4_whoever_logs_in_next_in_the_same_browser_gets_their_own,
    ses_5_every_cause_ends_all_sessions_on_both_nodes_within_two_seconds,
    ses_6_idle_and_absolute_ends_bind_access_and_refresh_tokens,
    ses_7_cookies_are_bound_to_the_host_and_hidden_from_scripts,
    ses_12_answers_are_not_stored_and_a_logout_clears_the_browser,
);

pub async fn refresh_with(app: &App, door: &Door, cookie: &str) -> Reply {
    let request = app.request(door, Method::POST, "/auth/refresh-tokens").header("cookie", cookie);
    Reply::of(request.json(&json!({}))).await
}

async fn ses_1_damaged_cookies_are_refused_and_the_id_is_not_the_secret(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.browser("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, user).await;
    let (name, good, id) = ("__Host-dw-a-web", &holder.refresh, claim(&holder.access, "session"));
    let bent = (0..180).map(|at| {
        let mut bytes = good.clone().into_bytes();
        let place = at % bytes.len();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        format!("{name}={}", String::from_utf8(bytes).unwrap())
    });
    let odd = [
        format!("{name}="),
        name.to_owned(),
        String::new(),
        ";;;=".to_owned(),
        format!("{name}={}", "x".repeat(8000)),
        format!("{name}={good}; {name}={good}"),
        format!("{name}=planted; {name}={good}"),
        format!("dw-a-web={good}"),
        format!("__host-dw-a-web={good}"),
        format!("__Host-dw-b-web={good}"),
        format!("{name}=\"{good}\""),
        format!("{name}={id}"),
        format!("{}{name}=planted; {}; {name}={good}", "a=b;".repeat(70), "c=d"),
    ];

    for cookie in bent.chain(odd) {
        let reply = refresh_with(&app, &door, &cookie).await;
        assert_eq!((reply.status.as_u16(), reply.cookie(name)), (401, None), "{cookie}");
    }
    assert_eq!(app.get_as(&door, &id, "/session/list").await.status, 401);
    assert_eq!(app.get_as(&door, good, "/session/list").await.status, 401);
    assert_eq!(refresh_with(&app, &door, &format!("{name}={good}")).await.status, 200);
}

async fn ses_2_a_session_that_the_caller_names_is_never_adopted(ground: Ground) {
    let app = App::start(ground.clone()).await;
    let door = app.browser("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let (one, two) = (app.session(&door, user).await, app.session(&door, user).await);
    assert_ne!(claim(&one.access, "session"), claim(&two.access, "session"));
    let mut bytes = URL_SAFE_NO_PAD.decode(one.refresh.strip_prefix("dwr_1_").unwrap()).unwrap();
    bytes[15] ^= 1;
    let planted = format!("dwr_1_{}", URL_SAFE_NO_PAD.encode(bytes));

    let reply = refresh_with(&app, &door, &format!("__Host-dw-a-web={planted}")).await;
    let again = refresh_with(&app, &door, &format!("__Host-dw-a-web={}", two.refresh)).await;

    assert_eq!(reply.status, 401);
    assert_eq!(claim(again.says("accessToken"), "session"), claim(&two.access, "session"));
    assert_eq!(sessions::table.count().get_result::<i64>(&mut ground.connect()).unwrap(), 2);
}

async fn ses_4_a_logout_ends_the_session_its_family_and_its_access_tokens(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    for by_refresh_token in [false, true] {
        let holder = app.session(&door, user).await;
        assert_eq!(app.get_as(&door, &holder.access, "/session/list").await.status, 200);

        let body = json!({ "refreshToken": holder.refresh });
        let out = match by_refresh_token {
            true => app.post(&door, "/auth/logout", body).await,
            false => app.post_as(&door, &holder.access, "/auth/logout", json!({})).await,
        };

        assert_eq!(out.status, 200, "{}", out.text);
        assert_eq!(app.get_as(&door, &holder.access, "/session/list").await.status, 401);
        assert_eq!(app.refresh(&door, &holder.refresh).await.status, 401);
    }
}

async fn ses_4_whoever_logs_in_next_in_the_same_browser_gets_their_own(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.browser("a").await;
    let ada = app.person(&door, "ada@a.example").await;
    let bob = app.person(&door, "bob@a.example").await;
    let hers = app.session(&door, ada).await;
    let request = app.request(&door, Method::POST, "/auth/logout").bearer_auth(&hers.access);
    let cookie = format!("__Host-dw-a-web={}", hers.refresh);

    let out = Reply::of(request.header("cookie", &cookie).json(&json!({}))).await;
    let his = app.session(&door, bob).await;
    let next = refresh_with(&app, &door, &format!("__Host-dw-a-web={}", his.refresh)).await;

    assert_eq!((out.status.as_u16(), out.cookie("__Host-dw-a-web").as_deref()), (200, Some("")));
    assert_eq!(refresh_with(&app, &door, &cookie).await.status, 401);
    assert_eq!(claim(next.says("accessToken"), "sub"), bob.to_string());
}

async fn ses_5_every_cause_ends_all_sessions_on_both_nodes_within_two_seconds(ground: Ground) {
    ground.leave_unsound("rows are bent by hand");
    let app = App::start(ground.clone()).await;
    let other = app.beside().await;
    for cause in 0..4 {
        let name = ["c", "d", "e", "f"][cause];
        app.found(name).await;
        let door = app.native(name).await;
        let user = app.person(&door, "ada@a.example").await;
        let mut holders = Vec::new();
        for _ in 0..3 {
            holders.push(app.session(&door, user).await);
        }
        for (node, holder) in [&app, &other].into_iter().cycle().zip(&holders) {
            assert_eq!(node.get_as(&door, &holder.access, "/session/list").await.status, 200);
        }

        bring_about(&app, cause, &door, user).await;
        app.advance(2);

        for holder in &holders {
            for node in [&app, &other] {
                let seen = node.get_as(&door, &holder.access, "/session/list").await;
                assert_eq!(seen.status, 401, "cause {cause}");
                assert_ne!(node.refresh(&door, &holder.refresh).await.status, 200, "cause {cause}");
            }
        }
    }
}

/// Log out everywhere, disable, delete, suspend the tenant: the rows, as another process would write them.
async fn bring_about(app: &App, cause: usize, door: &Door, user: UserId) {
    let mut conn = app.ground.connect();
    let person = diesel::update(users::table.find(user));
    match cause {
        0 => {
            let scope = Scope::of_house(app.running.house.clone(), None);
            let ended = scope.write(move |tx| end_all(tx, user, None, None, "everywhere")).await;
            assert_eq!(ended.unwrap(), 3);
        }
        1 => drop(person.set(users::disabled_at.eq(START)).execute(&mut conn).unwrap()),
        2 => drop(person.set(users::deleted_at.eq(START)).execute(&mut conn).unwrap()),
        _ => {
            let suspended = diesel::update(tenants::table.find(door.tenant));
            suspended.set(tenants::suspended_at.eq(START)).execute(&mut conn).unwrap();
        }
    }
}

async fn ses_6_idle_and_absolute_ends_bind_access_and_refresh_tokens(ground: Ground) {
    let mut config = crate::ground::app::config(&ground);
    config.lifetimes.refresh_idle = std::time::Duration::from_secs(30);
    config.lifetimes.refresh_absolute = std::time::Duration::from_secs(80);
    config.lifetimes.jitter_percent = 0;
    let app = App::with(ground, config).await;
    let door = app.native("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let (idle, busy) = (app.session(&door, user).await, app.session(&door, user).await);
    assert_eq!(app.get_as(&door, &idle.access, "/session/list").await.status, 200);

    app.advance(20);
    let one = app.refresh(&door, &busy.refresh).await;
    app.advance(11);
    assert_eq!(app.refresh(&door, &idle.refresh).await.status, 401);
    assert_eq!(app.get_as(&door, &idle.access, "/session/list").await.status, 401);
    app.advance(18);
    let two = app.refresh(&door, one.says("refreshToken")).await;
    app.advance(29);
    let three = app.refresh(&door, two.says("refreshToken")).await;
    assert_eq!(three.status, 200, "kept busy, it lives up to its absolute end: {}", three.text);
    app.advance(2);

    assert_eq!(app.refresh(&door, three.says("refreshToken")).await.status, 401);
    assert_eq!(app.get_as(&door, three.says("accessToken"), "/session/list").await.status, 401);
}

async fn ses_7_cookies_are_bound_to_the_host_and_hidden_from_scripts(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.browser("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, user).await;
    app.advance(11);
    let cookie = format!("__Host-dw-a-web={}", holder.refresh);

    let refreshed = refresh_with(&app, &door, &cookie).await;
    let request = app.request(&door, Method::POST, "/auth/logout").bearer_auth(refreshed.says("accessToken"));
    let out = Reply::of(request.json(&json!({}))).await;
    let ada = json!({ "email": "ada@a.example", "password": PASSWORD });
    let entered = app.post(&door, "/auth/password-based/login", ada).await;
    let bob = json!({ "email": "bob@a.example", "password": PASSWORD });
    let signed_up = app.post(&door, "/api/v1/auth/password-based/sign-up", bob).await;

    for reply in [&refreshed, &out, &entered] {
        let set: Vec<&str> =
            reply.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap()).collect();
        assert!(!set.is_empty(), "{}", reply.text);
        set.iter().for_each(|cookie| is_bound(cookie));
    }
    // It must come along when the link in the mail is followed; over TLS alone it is bound to the host.
    let set = signed_up.headers["set-cookie"].to_str().unwrap();
    let parts: Vec<&str> = set.split("; ").collect();
    assert!(["HttpOnly", "SameSite=Lax", "Path=/"].iter().all(|part| parts.contains(part)), "{set}");
    assert!(!set.to_lowercase().contains("domain"), "{set}");
    for reply in [&refreshed, &entered] {
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert!(reply.json.get("refreshToken").is_none(), "a script could read it");
    }
}

fn is_bound(cookie: &str) {
    let parts: Vec<&str> = cookie.split("; ").collect();
    assert!(parts[0].starts_with("__Host-dw"), "{cookie}");
    for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(parts.contains(&part), "{part}: {cookie}");
    }
    assert!(!cookie.to_lowercase().contains("domain") && cookie.len() < 4096, "{cookie}");
}

async fn ses_12_answers_are_not_stored_and_a_logout_clears_the_browser(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.browser("a").await;
    let user = app.person(&door, "ada@a.example").await;
    let holder = app.session(&door, user).await;

    for route in doorward::app::routes() {
        let method: Method = route.method.word().parse().unwrap();
        let request = app.request(&door, method, &format!("/api/v1{}", route.path));
        let reply = Reply::of(request.bearer_auth(&holder.access)).await;
        if matches!(
            route.access,
            doorward::identity::Access::Session | doorward::identity::Access::Permission(_)
        ) {
            assert_eq!(reply.headers["cache-control"], "no-store", "{}", route.path);
        }
    }
    let fresh = app.session(&door, user).await;
    let out = app.post_as(&door, &fresh.access, "/auth/logout", json!({})).await;

    assert_eq!(out.headers["cache-control"], "no-store");
    assert_eq!(out.headers["clear-site-data"], "\"cookies\", \"storage\"");
}
