//! Secrets where none belong: in paths, queries, headers, cookies, half bodies and members that nobody asked for.

use reqwest::Method;
use serde_json::json;

use super::{CANARY, MEMBER, Tour};
use crate::ground::app::SECRET;
use crate::ground::people::Holder;

impl Tour<'_> {
    pub(super) async fn rubbish(&mut self, holder: &Holder) {
        let native = self.native.clone();
        let post = |path: &str| self.request(&native, Method::POST, path);
        let get = |path: &str| self.request(&native, Method::GET, path);
        let introspect = |secret: &str, token: &str| {
            let request = post("/oauth/introspect").basic_auth("a-backend", Some(secret));
            let form = ("content-type", "application/x-www-form-urlencoded");
            request.header(form.0, form.1).body(format!("token={token}"))
        };
        let requests = [
            get("/session/list").bearer_auth(CANARY),
            get("/session/list").bearer_auth(format!("{}{CANARY}", holder.access)),
            get("/session/list").header("authorization", format!("Basic {CANARY}")),
            get(&format!("/session/list?token={CANARY}")),
            get(&format!("/{CANARY}/x")),
            get(&format!("/account/reset?token={CANARY}")),
            get("/multitenant/current").header("cookie", format!("__Host-dw-a-web={CANARY}")),
            get("/multitenant/current").header("origin", "https://stranger.example"),
            post("/auth/refresh-tokens").json(&json!({ "refreshToken": format!("dwr_1_{CANARY}") })),
            post("/auth/refresh-tokens")
                .json(&json!({ "refreshToken": format!("{}{CANARY}", holder.refresh) })),
            post("/auth/refresh-tokens")
                .body(format!("{{\"refreshToken\": \"{CANARY}\""))
                .header("content-type", "application/json"),
            post("/auth/refresh-tokens").json(&json!({ MEMBER: CANARY })),
            post("/auth/refresh-tokens").json(&json!({ "refreshToken": { "x": CANARY } })),
            post("/auth/password-based/login").json(&json!({ "email": CANARY, "password": CANARY })),
            post("/auth/password-based/login").json(&json!({ "email": "x@a.example", "password": [CANARY] })),
            post("/auth/password-based/reset-password")
                .json(&json!({ "resetToken": CANARY, "password": CANARY })),
            post("/auth/logout")
                .basic_auth("a-backend", Some(SECRET))
                .json(&json!({ "refreshToken": CANARY })),
            introspect(SECRET, &holder.access),
            introspect(CANARY, CANARY),
        ];
        for request in requests {
            self.ask(request).await;
        }
    }
}
