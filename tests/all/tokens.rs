//! What backends are told of our tokens: keys, metadata, introspection; and what nobody is told.

use doorward::app;
use doorward::base::{PlainToken, TenantId};
use doorward::identity::route::Source;
use doorward::identity::token::{self, Claims, Kind};
use doorward::identity::{ClientKind, Scope, serve};
use doorward::tenancy::steps::{NewClient, create_client};
use reqwest::Method;
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::ground::app::{App, Door, Reply, SECRET};
use crate::ground::on_both;

on_both!(
    key_1_a_token_of_one_tenant_is_nothing_at_another,
    key_5_no_answer_holds_a_private_member_of_a_key,
    key_6_every_published_key_is_for_es256,
    jwt_5_an_issuer_is_compared_letter_by_letter,
    jwt_5_a_token_that_is_not_meant_for_us_is_refused,
    op_8_a_backend_learns_only_of_tokens_that_are_meant_for_it,
    op_8_introspection_needs_the_clients_secret,
    op_8_a_token_is_inactive_as_soon_as_its_session_has_ended,
    a_key_set_is_kept_only_once_it_signs,
    metadata_stands_at_all_three_places_of_an_issuer,
);

const ORDERS: &str = "https://orders.a.example";

/// Adds a client of a tenant, with the audiences given.
async fn client(app: &App, tenant: TenantId, kind: ClientKind, id: &str, audiences: &[&str]) {
    let secret = (kind == ClientKind::Server).then(|| PlainToken::from_text(SECRET).hash());
    let audiences = audiences.iter().map(|name| (*name).to_owned()).collect();
    let new = NewClient { secret_hash: secret, audiences, ..NewClient::of(kind, id, id) };
    let scope = Scope::of_house(app.running.house.clone(), None);
    scope.write(move |tx| create_client(tx, tenant, &new).map(drop)).await.unwrap();
}

/// A door of tenant `a` whose tokens are for its backends too.
async fn phone(app: &App) -> Door {
    let door = app.native("a").await;
    client(app, door.tenant, ClientKind::Native, "a-phone", &[ORDERS, "a-backend"]).await;
    Door { client: "a-phone".into(), ..door }
}

async fn introspect(app: &App, door: &Door, client: &str, token: &str) -> Reply {
    let request = app.request(door, Method::POST, "/oauth/introspect").basic_auth(client, Some(SECRET));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    Reply::of(request.body(format!("token={token}&token_type_hint=access_token&more=1"))).await
}

async fn claims(app: &App, access: &str) -> Claims {
    token::read(&app.running.house, Kind::Access, access).await.unwrap().claims.clone()
}

async fn key_1_a_token_of_one_tenant_is_nothing_at_another(ground: Ground) {
    let app = App::start(ground).await;
    let (a, b) = (phone(&app).await, app.native("b").await);
    client(&app, b.tenant, ClientKind::Server, "b-orders", &[ORDERS]).await;
    let user = app.person(&a, "ada@example.com").await;
    let access = app.session(&a, user).await.access;
    app.session(&b, app.person(&b, "bob@example.com").await).await;

    let at_api = app.get_as(&b, &access, "/session/list").await;
    let told = introspect(&app, &b, "b-orders", &access).await;
    let keys_of_a = app.get(&a, "/.well-known/jwks.json").await.json;
    let keys_of_b = app.get(&b, "/.well-known/jwks.json").await.json;

    assert_eq!((at_api.status.as_u16(), at_api.key()), (401, "auth.requireUser.invalidUser"));
    assert_eq!(told.text, r#"{"active":false}"#);
    assert_eq!(
        (keys_of_a["keys"].as_array().unwrap().len(), keys_of_b["keys"].as_array().unwrap().len()),
        (1, 1)
    );
    assert_ne!(keys_of_a["keys"][0]["kid"], keys_of_b["keys"][0]["kid"]);
}

async fn key_5_no_answer_holds_a_private_member_of_a_key(ground: Ground) {
    let app = App::start(ground).await;
    let door = phone(&app).await;
    let user = app.person(&door, "ada@example.com").await;
    app.promote(&door, user).await;

    let mut answered = Vec::new();
    for route in app::routes() {
        for path in serve::places(&route) {
            let path = path.replace("{issuer:.+}", "x").replace("{file}", "start.js");
            let path = filled(&path);
            // Some of these routes end sessions: each is called with a fresh one.
            let access = app.session(&door, user).await.access;
            answered.extend(as_everybody(&app, &door, (&route, path.as_str(), access.as_str())).await);
        }
    }

    let private: Vec<&String> = answered.iter().filter(|text| holds_private(text)).collect();
    assert!(private.is_empty(), "{private:?}");
    assert!(answered.iter().any(|text| text.contains(r#""crv":"P-256""#)), "the crawl has seen the key set");
    assert!(answered.len() > 30, "{}", answered.len());
}

/// Parameters as an id of nobody.
fn filled(path: &str) -> String {
    let mut parts = path.split('{');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |path, part| {
        let rest = part.split_once('}').map_or("", |(_, rest)| rest);
        format!("{path}0199d3a0-7b1c-7000-8000-000000000001{rest}")
    })
}

async fn as_everybody(
    app: &App,
    door: &Door,
    (route, path, access): (&doorward::identity::Route, &str, &str),
) -> Vec<String> {
    let method: Method = route.method.word().parse().unwrap();
    let request = || {
        let request = app.request(door, method.clone(), path);
        match (route.source, method == Method::GET) {
            (Source::Query, _) | (_, true) => request,
            (Source::Form, _) => {
                let form = format!("token={access}");
                request.header("content-type", "application/x-www-form-urlencoded").body(form)
            }
            (Source::Json | Source::Call | Source::Bytes, _) => request.json(&json!({})),
        }
    };
    let nobody = Reply::of(request()).await.text;
    let backend = Reply::of(request().basic_auth("a-backend", Some(SECRET))).await.text;
    let admin = Reply::of(request().bearer_auth(access)).await.text;
    vec![nobody, backend, admin]
}

fn holds_private(text: &str) -> bool {
    fn walk(value: &Value) -> bool {
        match value {
            Value::Object(members) => members.iter().any(|(name, value)| {
                let private = ["d", "p", "q", "dp", "dq", "qi", "k", "oth"].contains(&name.as_str());
                private || walk(value)
            }),
            Value::Array(items) => items.iter().any(walk),
            _ => false,
        }
    }
    text.contains("PRIVATE KEY") || serde_json::from_str(text).is_ok_and(|value| walk(&value))
}

async fn key_6_every_published_key_is_for_es256(ground: Ground) {
    let app = App::start(ground).await;
    let door = phone(&app).await;
    app.session(&door, app.person(&door, "ada@example.com").await).await;

    let keys = app.get(&door, "/.well-known/jwks.json").await.json;

    let key = &keys["keys"][0];
    let said = ["kty", "crv", "alg", "use"].map(|member| key[member].as_str().unwrap());
    assert_eq!(said, ["EC", "P-256", "ES256", "sig"]);
    assert_eq!(key.as_object().unwrap().len(), 7, "{key}");
}

#[test]
fn key_6_no_crate_of_ours_signs_with_rsa_in_leaking_time() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();

    assert!(!read("Cargo.lock").contains("\nname = \"rsa\"\n"));
    assert!(read("deny.toml").contains("{ crate = \"rsa\""));
}

async fn jwt_5_an_issuer_is_compared_letter_by_letter(ground: Ground) {
    let app = App::start(ground).await;
    let (door, other) = (app.native("a").await, app.native("b").await);
    let user = app.person(&door, "ada@example.com").await;
    let access = app.session(&door, user).await.access;
    let right = claims(&app, &access).await;
    let issuer_of_b = app.running.house.tenant(other.tenant).await.unwrap().unwrap().issuer.clone();
    let wrong = [
        format!("{}/", right.iss),
        right.iss.to_uppercase(),
        right.iss.replace("http://a.", "http://A."),
        right.iss.replace("http:", "https:"),
        format!("{}0", right.iss),
        issuer_of_b,
    ];

    let mut statuses = Vec::new();
    for iss in [right.iss.clone()].into_iter().chain(wrong) {
        let aud = vec![iss.clone(), right.iss.clone()];
        let forged = Claims { iss, aud, ..right.clone() };
        let token = token::sign(&app.running.house, Kind::Access, &forged).await.unwrap();
        statuses.push(app.get_as(&door, &token, "/session/list").await.status.as_u16());
    }

    assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401]);
}

async fn jwt_5_a_token_that_is_not_meant_for_us_is_refused(ground: Ground) {
    let app = App::start(ground).await;
    let door = phone(&app).await;
    let user = app.person(&door, "ada@example.com").await;
    let access = app.session(&door, user).await.access;
    let right = claims(&app, &access).await;
    let sent = |aud: Vec<String>| {
        let (app, door, forged) = (&app, &door, Claims { aud, ..right.clone() });
        async move {
            let token = token::sign(&app.running.house, Kind::Access, &forged).await.unwrap();
            app.get_as(door, &token, "/session/list").await.status.as_u16()
        }
    };

    assert_eq!(sent(right.aud.clone()).await, 200);
    assert_eq!(sent(vec![ORDERS.into()]).await, 401);
    assert_eq!(sent(vec![format!("{}/", right.iss)]).await, 401);
    assert_eq!(sent(Vec::new()).await, 401);
}

async fn op_8_a_backend_learns_only_of_tokens_that_are_meant_for_it(ground: Ground) {
    let app = App::start(ground).await;
    let (door, b) = (phone(&app).await, app.native("b").await);
    for (id, audience) in [("a-orders", ORDERS), ("a-reports", "https://reports.a.example")] {
        client(&app, door.tenant, ClientKind::Server, id, &[audience]).await;
    }
    client(&app, b.tenant, ClientKind::Server, "b-orders", &[ORDERS]).await;
    let user = app.person(&door, "ada@example.com").await;
    let access = app.session(&door, user).await.access;
    // A token of an app that names no backend at all.
    let plain = app.session(&app.native("a").await, user).await.access;

    let told = introspect(&app, &door, "a-orders", &access).await.json;
    let by_name = introspect(&app, &door, "a-backend", &access).await.json;

    assert_eq!(
        (&told["active"], &told["sub"], &told["client_id"]),
        (&json!(true), &json!(user), &json!("a-phone"))
    );
    assert_eq!((&by_name["active"], &by_name["tenant"]), (&json!(true), &json!(door.tenant)));
    for (door, client, token) in [
        (&door, "a-reports", access.as_str()),
        (&b, "b-orders", access.as_str()),
        (&door, "a-orders", plain.as_str()),
        (&door, "a-orders", "nonsense"),
    ] {
        let reply = introspect(&app, door, client, token).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, r#"{"active":false}"#), "{client}");
    }
}

async fn op_8_introspection_needs_the_clients_secret(ground: Ground) {
    let app = App::start(ground).await;
    let door = phone(&app).await;
    let user = app.person(&door, "ada@example.com").await;
    let access = app.session(&door, user).await.access;
    let ask = || {
        let request = app.request(&door, Method::POST, "/oauth/introspect");
        request.header("content-type", "application/x-www-form-urlencoded").body(format!("token={access}"))
    };

    let nobody = Reply::of(ask()).await;
    let bearer = Reply::of(ask().bearer_auth(&access)).await;
    let guessed = Reply::of(ask().basic_auth("a-backend", Some("guessed"))).await;
    let public = Reply::of(ask().basic_auth("a-phone", Some(SECRET))).await;

    for reply in [nobody, bearer, guessed, public] {
        assert_eq!((reply.status.as_u16(), reply.key()), (401, "auth.client.invalid"));
        assert_eq!(reply.headers["www-authenticate"], "Basic realm=\"doorward\"");
    }
}

async fn op_8_a_token_is_inactive_as_soon_as_its_session_has_ended(ground: Ground) {
    let app = App::start(ground).await;
    let door = phone(&app).await;
    let user = app.person(&door, "ada@example.com").await;
    let holder = app.session(&door, user).await;
    let before = introspect(&app, &door, "a-backend", &holder.access).await.json;

    app.post_as(&door, &holder.access, "/auth/logout", json!({})).await;
    let after = introspect(&app, &door, "a-backend", &holder.access).await.text;
    let refresh = introspect(&app, &door, "a-backend", &holder.refresh).await.text;

    assert_eq!(before["active"], true);
    assert_eq!(after, r#"{"active":false}"#);
    assert_eq!(refresh, r#"{"active":false}"#);
}

async fn a_key_set_is_kept_only_once_it_signs(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let path = "/.well-known/jwks.json";

    let before = [app.get(&door, path).await, app.get(&door, path).await];
    app.session(&door, app.person(&door, "ada@example.com").await).await;
    let after = app.get(&door, path).await;
    let tag = after.headers["etag"].to_str().unwrap();
    let again = Reply::of(app.request(&door, Method::GET, path).header("if-none-match", tag)).await;

    for empty in before {
        assert_eq!(
            (empty.text.as_str(), empty.headers["cache-control"].to_str().unwrap()),
            (r#"{"keys":[]}"#, "no-store")
        );
    }
    assert_eq!(after.headers["cache-control"], "public, max-age=300");
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
}

async fn metadata_stands_at_all_three_places_of_an_issuer(ground: Ground) {
    let app = App::start(ground).await;
    let issuer = format!("{}/tenants/c", app.url(""));
    let door = crate::recipes::local_tenant(&app, "c", &issuer, false).await;
    let get = |path: &'static str| app.get(&door, path);

    let inserted = get("/.well-known/oauth-authorization-server/tenants/c").await;
    let suffixed = get("/tenants/c/.well-known/oauth-authorization-server").await;
    let keys = get("/tenants/c/.well-known/jwks.json").await;
    let unknown = get("/tenants/d/.well-known/jwks.json").await;
    let bare = app.get(&app.native("a").await, "/.well-known/oauth-authorization-server").await;

    assert_eq!(inserted.json, suffixed.json);
    assert_eq!(inserted.json["issuer"], issuer);
    assert_eq!(inserted.json["jwks_uri"], format!("{issuer}/.well-known/jwks.json"));
    assert_eq!(inserted.json["introspection_endpoint"], app.url("/oauth/introspect"));
    assert_eq!((keys.status.as_u16(), keys.text.as_str()), (200, r#"{"keys":[]}"#));
    assert_eq!((unknown.status.as_u16(), unknown.key()), (404, "tokens.issuer.unknown"));
    assert!(bare.says("issuer").starts_with("http://a.localhost:"), "{}", bare.text);
}
