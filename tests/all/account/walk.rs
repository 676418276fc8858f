//! The whole way of a person: every mail of it really sent and read, in two tenants that share an address, once as a
//! native client and once as a browser, whose pages stand in a real Chromium.

use std::time::Duration;

use diesel::prelude::*;
use doorward::base::{ClientId, UserId};
use doorward::db::schema::{client_origins, clients};
use doorward::identity::{Scope, User};
use reqwest::Method;
use serde_json::{Value, json};

use super::{House, NEW, link, token};
use crate::ground::app::{Door, Reply};
use crate::ground::browser::{Browser, keys};
use crate::ground::{Ground, on_both};

on_both!(
    a_native_client_walks_the_whole_way_in_two_tenants_that_share_an_address,
    a_browser_walks_the_whole_way_in_two_tenants_that_share_an_address,
);

const ADDRESS: &str = "ada@example.com";
const SECOND: &str = "walnut-drizzle-canopy-53-ember";
const THIRD: &str = "saffron-glacier-button-68-reed";

async fn a_native_client_walks_the_whole_way_in_two_tenants_that_share_an_address(ground: Ground) {
    let house = House::allowing(ground, 50).await;
    let doors = [house.app.native("a").await, house.app.native("b").await];
    walk(&house, doors).await;
}

async fn a_browser_walks_the_whole_way_in_two_tenants_that_share_an_address(ground: Ground) {
    let house = House::allowing(ground, 50).await;
    let doors = [house.app.browser("a").await, house.app.browser("b").await];
    walk(&house, doors).await;
}

async fn walk(house: &House, [a, b]: [Door; 2]) {
    let chromium = Browser::start().await;
    let mut at_a = Walker::new(house, &a, &chromium);
    let mut at_b = Walker::new(house, &b, &chromium);
    for walker in [&mut at_a, &mut at_b] {
        walker.signs_up_by_typed_code().await;
        walker.signs_up_by_button().await;
        walker.logs_in_and_refreshes().await;
        walker.lists_and_ends_other_sessions().await;
    }
    for walker in [&mut at_a, &mut at_b] {
        walker.forgets_and_resets().await;
        walker.changes_the_address_and_takes_it_back().await;
        walker.changes_the_password().await;
    }
    // Whatever happened at b since, a's person is in as before, and is somebody else.
    let (one, other) = (at_a.me().await, at_b.me().await);
    assert_ne!(one["user"]["id"], other["user"]["id"]);
    at_a.goes_on_to(&b).await;
}

struct Walker<'a> {
    house: &'a House,
    door: Door,
    chromium: &'a Browser,
    access: String,
    /// A native client's refresh token, or a browser's cookie.
    secret: String,
}

impl<'a> Walker<'a> {
    fn new(house: &'a House, door: &Door, chromium: &'a Browser) -> Self {
        Self { house, door: door.clone(), chromium, access: String::new(), secret: String::new() }
    }

    fn is_browser(&self) -> bool {
        self.door.origin.is_some()
    }

    fn cookie(&self) -> String {
        format!("__Host-dw-{}", self.door.client)
    }

    /// As this client calls: with its access token, and a browser with its cookie.
    async fn call(&self, path: &str, body: Value) -> Reply {
        let mut request = self.house.app.request(&self.door, Method::POST, path).bearer_auth(&self.access);
        if self.is_browser() {
            request = request.header("cookie", format!("{}={}", self.cookie(), self.secret));
        }
        Reply::of(request.json(&body)).await
    }

    async fn post(&self, event: &str, body: Value) -> Reply {
        self.house.post(&self.door, event, body).await
    }

    /// Keeps what a client keeps. A browser is never told its refresh token.
    fn keep(&mut self, reply: &Reply) {
        assert_eq!(
            (reply.status.as_u16(), &reply.json["session"]["next"]),
            (200, &json!(null)),
            "{}",
            reply.text
        );
        self.access = reply.says("accessToken").to_owned();
        assert_eq!(reply.json["refreshToken"].is_null(), self.is_browser());
        self.secret = match self.is_browser() {
            true => reply.cookie(&self.cookie()).unwrap(),
            false => reply.says("refreshToken").to_owned(),
        };
    }

    async fn me(&self) -> Value {
        let me = self.house.app.get_as(&self.door, &self.access, "/auth/me").await;
        assert_eq!(me.status, 200, "{}", me.text);
        me.json
    }

    async fn is_out(&self, access: &str) -> bool {
        self.house.app.get_as(&self.door, access, "/auth/me").await.status == 401
    }

    async fn login(&self, email: &str, password: &str) -> Reply {
        self.post("login", json!({ "email": email, "password": password })).await
    }

    /// Waits for the page after this one: while it comes, the old page's elements are gone already.
    async fn shows(&self, title: &str) {
        for _ in 0..500 {
            let shown = self.chromium.run("return document.querySelector('h1')?.innerText ?? ''").await;
            if shown.as_str().unwrap().trim() == title {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the page never shows {title:?} but {:?}", self.chromium.title().await);
    }

    async fn signs_up_by_typed_code(&mut self) {
        let email = "typist@example.com";
        let asked = self.house.sign_up(&self.door, email).await;
        let code = self.house.mail(email).await.code();
        let body = json!({ "email": email, "requestId": asked.says("requestId"), "code": code });
        let verified = self.post("verify-email", body).await;
        self.keep(&verified);
        assert_eq!(self.me().await["user"]["passwordLogin"]["email"], email);
    }

    /// Where the sign-up was made its cookie speaks for it; elsewhere the page asks for the password once more.
    async fn signs_up_by_button(&mut self) {
        let asked = self.house.sign_up(&self.door, ADDRESS).await;
        let page = link(&self.house.mail(ADDRESS).await);
        self.chromium.open(&page).await;
        if let Some(cookie) = asked.cookie("dw-sign-up") {
            self.chromium
                .post("cookie", json!({ "cookie": { "name": "dw-sign-up", "value": cookie } }))
                .await;
            self.chromium.open(&page).await;
            self.chromium.click("button[type=submit]").await;
        } else {
            self.chromium.type_into("#password", NEW).await;
            self.chromium.press(keys::ENTER).await;
        }
        self.shows("Your address is confirmed").await;
        self.chromium.open(&page).await;
        self.shows("This link no longer works").await;
    }

    async fn logs_in_and_refreshes(&mut self) {
        assert_eq!(self.login(ADDRESS, SECOND).await.status, 401);
        let entered = self.login(ADDRESS, NEW).await;
        self.keep(&entered);
        assert_eq!(self.me().await["user"]["passwordLogin"]["email"], ADDRESS);
        self.house.app.advance(11);
        let body = if self.is_browser() { json!({}) } else { json!({ "refreshToken": self.secret }) };
        let before = self.secret.clone();
        let fresh = self.call("/auth/refresh-tokens", body).await;
        self.keep(&fresh);
        assert_ne!(self.secret, before);
        self.me().await;
    }

    async fn lists_and_ends_other_sessions(&mut self) {
        let (one, two) = (self.login(ADDRESS, NEW).await, self.login(ADDRESS, NEW).await);
        let listed = self.house.app.get_as(&self.door, &self.access, "/session/list").await;
        assert_eq!(listed.json["sessions"].as_array().map(Vec::len), Some(3), "{}", listed.text);
        let id = one.json["session"]["sessionId"].clone();
        let ended = self.call("/session/logout", json!({ "sessionId": id })).await;
        assert_eq!(ended.status, 200, "{}", ended.text);
        assert!(self.is_out(one.says("accessToken")).await && !self.is_out(two.says("accessToken")).await);
        let others = self.call("/api/v1/session/logout-others", json!({})).await;
        assert_eq!((others.status.as_u16(), &others.json["ended"]), (200, &json!(1)), "{}", others.text);
        assert!(self.is_out(two.says("accessToken")).await);
        self.me().await;
    }

    async fn forgets_and_resets(&mut self) {
        let asked = self.house.forgot(&self.door, ADDRESS).await;
        let mail = self.house.mail(ADDRESS).await;
        if self.is_browser() {
            self.chromium.open(&link(&mail)).await;
            self.chromium.type_into("#password", SECOND).await;
            self.chromium.press(keys::ENTER).await;
            self.shows("Your password is set").await;
        } else {
            let id = asked.says("requestId");
            let body = json!({ "email": ADDRESS, "requestId": id, "code": mail.code(), "password": SECOND });
            assert_eq!(self.post("reset-password", body).await.status, 200);
        }
        assert!(self.house.mail(ADDRESS).await.subject().ends_with("was changed"));
        assert!(self.is_out(&self.access).await, "a reset ends every session");
        assert_eq!(self.login(ADDRESS, NEW).await.status, 401);
        let entered = self.login(ADDRESS, SECOND).await;
        self.keep(&entered);
    }

    async fn changes_the_address_and_takes_it_back(&mut self) {
        let new = "ada@elsewhere.example";
        let body = json!({ "email": new, "password": SECOND });
        let asked = self.call("/auth/password-based/update-email", body).await;
        let mail = self.house.mail(new).await;
        if self.is_browser() {
            self.chromium.open(&link(&mail)).await;
            self.chromium.click("button[type=submit]").await;
            self.shows("Your new address counts").await;
        } else {
            let body = json!({ "email": new, "requestId": asked.says("requestId"), "code": mail.code() });
            assert_eq!(self.post("confirm-email", body).await.status, 200);
        }
        assert_eq!(self.login(ADDRESS, SECOND).await.status, 401);
        let entered = self.login(new, SECOND).await;
        self.keep(&entered);
        assert_eq!(self.me().await["user"]["passwordLogin"]["email"], new);
        self.takes_it_back(new).await;
    }

    /// The old mailbox has the last word: everybody is out until it has set a password.
    async fn takes_it_back(&mut self, new: &str) {
        let told = self.house.mail(ADDRESS).await;
        if self.is_browser() {
            self.chromium.open(&link(&told)).await;
            self.chromium.click("button[type=submit]").await;
            self.shows("Your old address is back").await;
        } else {
            assert_eq!(self.post("undo-email", json!({ "token": token(&told) })).await.status, 200);
        }
        let reset = token(&self.house.mail(ADDRESS).await);
        assert!(self.is_out(&self.access).await);
        assert_eq!(self.login(new, SECOND).await.status, 401);
        assert_eq!(self.login(ADDRESS, SECOND).await.status, 401);
        let body = json!({ "resetToken": reset, "password": SECOND });
        assert_eq!(self.post("reset-password", body).await.status, 200);
        assert!(self.house.mail(ADDRESS).await.subject().ends_with("was changed"));
        let entered = self.login(ADDRESS, SECOND).await;
        self.keep(&entered);
    }

    async fn changes_the_password(&mut self) {
        let (before, other) = (self.access.clone(), self.login(ADDRESS, SECOND).await);
        let body = json!({ "currentPassword": SECOND, "password": THIRD });
        let changed = self.call("/auth/password-based/update-password", body).await;
        self.keep(&changed);
        assert!(self.is_out(&before).await && self.is_out(other.says("accessToken")).await);
        assert!(self.house.mail(ADDRESS).await.subject().ends_with("was changed"));
        assert_eq!(self.login(ADDRESS, SECOND).await.status, 401);
        let entered = self.login(ADDRESS, THIRD).await;
        self.keep(&entered);
    }

    /// As a member there too, although the address means somebody else in that tenant.
    async fn goes_on_to(&mut self, there: &Door) {
        let user: UserId = self.me().await["user"]["id"].as_str().unwrap().parse().unwrap();
        self.joins(there, user).await;
        let left = self.access.clone();
        let body = json!({ "tenantId": there.tenant });
        let gone = self.call("/api/v1/session/switch-tenant", body).await;
        assert!(self.is_out(&left).await);
        let origin = self.door.origin.clone();
        self.door = Door { origin, ..there.clone() };
        self.keep(&gone);
        assert_eq!(self.me().await["user"]["id"], json!(user));
    }

    async fn joins(&self, there: &Door, user: UserId) {
        let (tenant, own) = (there.tenant, self.door.origin.clone());
        let house = self.house.app.running.house.clone();
        let scope = Scope::of_house(house.clone(), None);
        let client = there.client.clone();
        let joined = scope.write(move |tx| {
            if let Some(origin) = &own {
                use client_origins as o;
                let listing = clients::table.filter(clients::public_id.eq(&client)).select(clients::id);
                let listing: ClientId = listing.get_result(tx.conn)?;
                let row = (o::client_id.eq(listing), o::origin.eq(origin), o::tenant_id.eq(tenant));
                diesel::insert_into(o::table).values(row).execute(tx.conn)?;
            }
            Ok(User::join(tx.conn, tenant, user, tx.now)?)
        });
        joined.await.unwrap();
        house.forget_all();
    }
}
