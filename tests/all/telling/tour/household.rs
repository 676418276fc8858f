//! Invitations, people as an admin and as they themselves see them, and sessions.

use doorward::base::UserId;
use doorward::identity::{Scope, User};
use reqwest::Method;
use serde_json::json;

use super::{AT, Tour, has_link, password};
use crate::account::token;
use crate::ground::forge::claim;
use crate::ground::people::{Holder, PASSWORD};

impl Tour<'_> {
    pub(super) async fn invitations(&mut self, admin: &Holder) {
        let path = "/api/v1/auth/invitation";
        let [one, two, three] = ["one", "two", "three"].map(|name| self.address(name));
        let mut ids = Vec::new();
        for email in [&one, &two, &three] {
            let made = self.done(&admin.access, path, json!({ "email": email, "roles": [] })).await;
            ids.push(made.json["invitation"]["id"].clone());
        }
        let link = token(&self.mail(&one, has_link).await);
        let accepted = json!({ "token": link, "password": password(7), "name": "Nova Quist" });
        let once = self.post(&format!("{path}/accept"), accepted.clone()).await;
        let twice = self.post(&format!("{path}/accept"), accepted).await;
        assert_eq!((once.status.as_u16(), twice.status.as_u16()), (200, 401), "{}", once.text);
        let link = token(&self.mail(&two, has_link).await);
        let form = [("token", link.as_str()), ("password", &password(8)), ("name", "Nova Quist")];
        self.page("/account/invitation", &form).await;
        self.done(&admin.access, &format!("{path}/revoke"), json!({ "invitationId": ids[2] })).await;
        self.get_as(&admin.access, path).await;
        let at = "/api/v1/invitations";
        let four = json!({ "email": self.address("four") });
        let made = self.request(&self.native.clone(), Method::POST, at).json(&four);
        let made = self.ask(made.bearer_auth(&admin.access)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let one = format!("{at}/{}", made.says("id"));
        let removed = self.request(&self.native.clone(), Method::DELETE, &one);
        assert_eq!(self.ask(removed.bearer_auth(&admin.access)).await.status, 200);
    }

    /// One is made, changed, tried, run, looked at and taken away.
    pub(super) async fn actions(&mut self, admin: &Holder) {
        let (at, by, native) = ("/api/v1/actions", admin.access.clone(), self.native.clone());
        for path in ["/api/v1/triggers", "/api/v1/action-handlers", at] {
            assert_eq!(self.get_as(&by, path).await.status, 200, "{path}");
        }
        let action =
            json!({ "name": "Nova", "listens": ["doorward.user.post.patch"], "handler": "endSessions" });
        let made = self.done(&by, at, action).await;
        let one = format!("{at}/{}", made.says("id"));
        self.get_as(&by, &one).await;
        let changed = self.request(&native, Method::PATCH, &one).bearer_auth(&by);
        assert_eq!(self.ask(changed.json(&json!({ "description": "Nova" }))).await.status, 200);
        self.done(&by, &format!("{one}/try"), json!({ "trigger": "doorward.user.post.patch" })).await;
        let begun = self.done(&by, &format!("{one}/run"), json!({})).await;
        let run = begun.says("run");
        let job = format!("/api/v1/jobs/{run}");
        for path in ["/api/v1/action-runs", &format!("/api/v1/action-runs/{run}"), "/api/v1/jobs", &job] {
            assert_eq!(self.get_as(&by, path).await.status, 200, "{path}");
        }
        self.post_as(&by, &format!("{job}/retry"), json!({})).await;
        let removed = self.request(&native, Method::DELETE, &one).bearer_auth(&by);
        assert_eq!(self.ask(removed).await.status, 200);
    }

    /// One is made, changed, told of something, and taken away; what it was sent is looked at and sent again.
    pub(super) async fn webhooks(&mut self, admin: &Holder) {
        let (at, by, native) = ("/api/v1/webhooks", admin.access.clone(), self.native.clone());
        // An address in here: nobody is called.
        let webhook = json!({ "url": "https://localhost/nova", "listens": ["doorward.user.post.patch"] });
        let made = self.done(&by, at, webhook).await;
        let one = format!("{at}/{}", made.says("id"));
        let changed = self.request(&native, Method::PATCH, &one).bearer_auth(&by);
        assert_eq!(self.ask(changed.json(&json!({ "description": "Nova" }))).await.status, 200);
        self.done(&by, &format!("{one}/rotate-secret"), json!({})).await;
        let range = json!({ "from": "2020-01-01T00:00:00Z", "to": "2040-01-01T00:00:00Z" });
        self.done(&by, &format!("{one}/replay"), range).await;
        for path in [at, &one, &format!("{one}/secret"), "/api/v1/deliveries"] {
            assert_eq!(self.get_as(&by, path).await.status, 200, "{path}");
        }
        let nobody = doorward::base::DeliveryId::new();
        self.get_as(&by, &format!("/api/v1/deliveries/{nobody}")).await;
        self.post_as(&by, &format!("/api/v1/deliveries/{nobody}/resend"), json!({})).await;
        let removed = self.request(&native, Method::DELETE, &one).bearer_auth(&by);
        assert_eq!(self.ask(removed).await.status, 200);
    }

    /// One is made, changed, thrown, looked at and taken away.
    pub(super) async fn cronjobs(&mut self, admin: &Holder) {
        let (at, by, native) = ("/api/v1/cronjobs", admin.access.clone(), self.native.clone());
        let job = json!({ "name": "Nova", "expression": "0 0 1 1 *", "trigger": "x.nova" });
        let made = self.done(&by, at, job).await;
        let one = format!("{at}/{}", made.says("id"));
        let changed = self.request(&native, Method::PATCH, &one).bearer_auth(&by);
        assert_eq!(self.ask(changed.json(&json!({ "description": "Nova" }))).await.status, 200);
        self.done(&by, &format!("{one}/run"), json!({})).await;
        for path in [at, &one, &format!("{one}/upcoming")] {
            assert_eq!(self.get_as(&by, path).await.status, 200, "{path}");
        }
        let removed = self.request(&native, Method::DELETE, &one).bearer_auth(&by);
        assert_eq!(self.ask(removed).await.status, 200);
    }

    /// One is made, changed, knocked at, looked at and taken away.
    pub(super) async fn inbound(&mut self, admin: &Holder) {
        let (at, by, native) = ("/api/v1/inbound-webhooks", admin.access.clone(), self.native.clone());
        let made = self.done(&by, at, json!({ "name": "Nova", "trigger": "x.nova" })).await;
        let (one, door) = (format!("{at}/{}", made.says("id")), made.says("path").to_owned());
        let changed = self.request(&native, Method::PATCH, &one).bearer_auth(&by);
        assert_eq!(self.ask(changed.json(&json!({ "description": "Nova" }))).await.status, 200);
        let secret = self.get_as(&by, &format!("{one}/secret")).await.says("secret").to_owned();
        self.secrets.push(secret);
        for path in [at, &one] {
            assert_eq!(self.get_as(&by, path).await.status, 200, "{path}");
        }
        assert_eq!(self.post(&door, json!({ "type": "nova" })).await.status, 401, "nobody signed it");
        let removed = self.request(&native, Method::DELETE, &one).bearer_auth(&by);
        assert_eq!(self.ask(removed).await.status, 200);
    }

    /// Somebody of another tenant comes and is sent away.
    pub(super) async fn guests(&mut self, admin: &Holder) {
        let (by, native) = (admin.access.clone(), self.native.clone());
        let elsewhere = format!("else-{}", self.tag);
        self.app.found(&elsewhere).await;
        let elsewhere = self.app.native(&elsewhere).await;
        let guest = self.app.person(&elsewhere, &self.address("gus")).await;
        self.app.join(&native, guest).await;
        let one = format!("/api/v1/memberships/{guest}");
        for path in ["/api/v1/memberships", &one] {
            assert_eq!(self.get_as(&by, path).await.status, 200, "{path}");
        }
        let removed = self.request(&native, Method::DELETE, &one).bearer_auth(&by);
        assert_eq!(self.ask(removed).await.status, 200);
    }

    /// One is compared, installed, looked at, brought up to date and removed.
    pub(super) async fn packs(&mut self, admin: &Holder) {
        let (at, by, native) = ("/api/v1/packs", admin.access.clone(), self.native.clone());
        let role = json!({ "identifier": "nova" });
        let pack = json!({ "pack": { "name": "nova", "version": "1", "roles": [role] } });
        self.done(&by, &format!("{at}/diff"), pack.clone()).await;
        let made = self.done(&by, at, pack).await;
        let one = format!("{at}/{}", made.says("id"));
        let next = json!({ "pack": { "name": "nova", "version": "2" } });
        let changed = self.request(&native, Method::PUT, &one).bearer_auth(&by);
        assert_eq!(self.ask(changed.json(&next)).await.status, 200);
        for path in [at, &one] {
            assert_eq!(self.get_as(&by, path).await.status, 200, "{path}");
        }
        let removed = self.request(&native, Method::DELETE, &one).bearer_auth(&by);
        assert_eq!(self.ask(removed).await.status, 200);
    }

    pub(super) async fn people(&mut self, admin: &Holder) {
        let person = self.app.person(&self.native, &self.address("zoe")).await;
        let mine = self.app.session(&self.native, person).await;
        let at = |rest: &str| format!("/auth/user/{person}{rest}");
        for (token, path) in [
            (&mine.access, "/auth/me".to_owned()),
            (&mine.access, "/auth/password-based".to_owned()),
            (&admin.access, at("")),
        ] {
            assert_eq!(self.get_as(token, &path).await.status, 200, "{path}");
        }
        let native = self.native.clone();
        let edit = self.request(&native, Method::PATCH, "/api/v1/auth/me").bearer_auth(&mine.access);
        let update = self.request(&native, Method::PUT, &at("/update")).bearer_auth(&admin.access);
        let body = json!({ "name": "Zoe" });
        let replies = [self.ask(edit.json(&body)).await, self.ask(update.json(&body)).await];
        assert!(replies.iter().all(|reply| reply.status == 200), "{} {}", replies[0].text, replies[1].text);
        self.done(&admin.access, "/auth/list-users", json!({})).await;
        self.done(&admin.access, &format!("/api/v1{}", at("/one-time-password")), json!({})).await;
        self.mail(&self.address("zoe"), has_link).await;
        for active in [false, true] {
            self.done(&admin.access, &at("/set-active"), json!({ "active": active })).await;
        }
        self.people_as_a_service(admin, &format!("/api/v1/users/{person}")).await;
    }

    async fn people_as_a_service(&mut self, admin: &Holder, at: &str) {
        for path in ["/api/v1/users?$limit=100", at] {
            assert_eq!(self.get_as(&admin.access, path).await.status, 200, "{path}");
        }
        for path in ["/api/v1/sessions?$limit=1", "/api/v1/audit?$limit=1"] {
            assert_eq!(self.get_as(&admin.access, path).await.status, 200, "{path}");
        }
        let other = self.app.session(&self.native, admin.user).await;
        let found =
            self.get_as(&admin.access, &format!("/api/v1/sessions?$limit=1&userId={}", admin.user)).await;
        let session = format!("/api/v1/sessions/{}", found.json["data"][0]["id"].as_str().unwrap());
        assert_eq!(self.get_as(&admin.access, &session).await.status, 200);
        let native = self.native.clone();
        let end = self.request(&native, Method::DELETE, &session).bearer_auth(&admin.access);
        assert_eq!(self.ask(end).await.status, 200);
        assert_eq!(self.get_as(&other.access, "/api/v1/auth/me").await.status, 401);
        let patch = self.request(&native, Method::PATCH, at).bearer_auth(&admin.access);
        assert_eq!(self.ask(patch.json(&json!({ "name": "Zoë" }))).await.status, 200);
        for verb in ["disable", "enable"] {
            self.done(&admin.access, &format!("{at}/{verb}"), json!({})).await;
        }
    }

    pub(super) async fn sessions(&mut self) {
        let user = self.app.person(&self.native, &self.address("sam")).await;
        self.join(user).await;
        let device = json!({ "platform": "apple", "name": "Phone" });
        let body = json!({ "email": self.address("sam"), "password": PASSWORD });
        let mut with_device = body.clone();
        with_device["device"] = device;
        let other = self.app.session(&self.native, user).await;
        let first = self.post(&format!("{AT}/login"), with_device).await;
        let access = first.says("accessToken").to_owned();
        let push = json!({ "notificationToken": "a-phones-own-address" });
        self.done(&access, "/session/set-notification-token", push).await;
        self.get_as(&access, "/session/list").await;
        self.get_as(&access, "/api/v1/session/tenants").await;
        let other = claim(&other.access, "session");
        self.done(&access, "/session/logout", json!({ "sessionId": other })).await;
        self.done(&access, "/api/v1/session/logout-others", json!({})).await;
        self.post_as(&access, "/auth/impersonate-stop-session", json!({})).await;
        let elsewhere = self.app.native("b").await;
        let target = json!({ "tenantId": elsewhere.tenant });
        self.done(&access, "/api/v1/session/switch-tenant", target).await;
    }

    async fn join(&self, user: UserId) {
        let tenant = self.app.native("b").await.tenant;
        let scope = Scope::of_house(self.app.running.house.clone(), None);
        scope.write(move |tx| Ok(User::join(tx.conn, tenant, user, tx.now)?)).await.unwrap();
    }
}
