//! Whatever people, admins and backends of a tenant ask for, each once, and what the server does by itself: so that
//! every statement of a server that serves has been made.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use doorward::base::{JobId, Timestamp};
use doorward::components::Clock;
use doorward::components::config::{MailTls, MailTransport};
use doorward::db::schema::{cron_jobs, jobs};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::asked;
use super::holders::holder;
use super::town::Town;
use crate::account::{NEW, token};
use crate::ground::app::{App, Door, Reply, SECRET, config};
use crate::ground::people::{Holder, PASSWORD};
use crate::ground::smtp::Smtp;
use crate::ground::work::until;

/// So often that each connection has made its plans.
const TIMES: usize = 60;

pub struct Visitor<'t> {
    pub app: App,
    smtp: Smtp,
    town: &'t Town,
}

/// A tenant as its people see it: one of them, and an admin.
struct Home {
    door: Door,
    email: String,
    person: Holder,
    admin: Holder,
    /// What is new in it has this in its name.
    tag: String,
    /// A session that began days ago.
    old: usize,
}

impl<'t> Visitor<'t> {
    /// A server at work, beside a mail server.
    pub async fn to(town: &'t Town) -> Self {
        let smtp = Smtp::start().await;
        let mut config = config(&town.ground);
        config.mail.transport = MailTransport::Smtp;
        config.mail.host = Some("127.0.0.1".into());
        config.mail.port = smtp.address.port().try_into().unwrap();
        config.mail.tls = MailTls::None;
        config.limits.mails_per_address_per_hour = 1000.try_into().unwrap();
        config.jobs.poll = Duration::from_millis(100);
        let app = App::bare(town.ground.clone(), config, Clock::real()).await;
        Self { app, smtp, town }
    }

    /// In the largest tenant and in one of the smallest.
    pub async fn everywhere(self) {
        let small = self.town.home(1);
        for (admin, person) in [(0, 10), (1, self.neighbour(1))] {
            let home = self.home(admin, person).await;
            self.doors(&home).await;
            self.people(&home).await;
            self.admins(&home).await;
            self.accounts(&home).await;
        }
        self.together().await;
        self.origins(small).await;
        self.backends().await;
        self.by_itself().await;
        drop(self.app.running.platform.stop().await);
    }

    fn neighbour(&self, of: usize) -> usize {
        let home = self.town.home(of);
        (of + 1..self.town.people.len()).find(|at| self.town.home(*at) == home).unwrap()
    }

    async fn home(&self, admin: usize, person: usize) -> Home {
        let door = self.town.door(self.town.home(admin));
        let email = self.town.email(person);
        let holder = self.app.session(&door, self.town.user(person)).await;
        let admin = self.app.session(&door, self.town.user(admin)).await;
        let tag = format!("n{person}");
        Home { door, email, person: holder, admin, tag, old: if person == 10 { 1 } else { 3 } }
    }

    async fn doors(&self, home: &Home) {
        for path in [
            "/api/v1/multitenant/current",
            "/.well-known/jwks.json",
            "/.well-known/oauth-authorization-server",
            "/",
        ] {
            let reply = self.app.get(&home.door, path).await;
            assert!(reply.status.as_u16() < 500, "{path}: {}", reply.text);
        }
        let nameless = Door { client: "nobody-knows".into(), ..home.door.clone() };
        assert_eq!(self.app.get(&nameless, "/api/v1/multitenant/current").await.status, 400);
    }

    /// Who comes at once shares statements, for which PostgreSQL makes a plan of its own after the fifth time: one that
    /// does not know how large the tenant is.
    async fn together(&self) {
        let (door, mut crowd) = (self.town.door(0), Vec::new());
        for person in (10..=80).step_by(10) {
            crowd.push(self.app.session(&door, self.town.user(person)).await);
        }
        for _ in 0..TIMES {
            self.app.running.house.forget_all();
            let all = crowd.iter().map(|one| self.app.get_as(&door, &one.access, "/api/v1/auth/me"));
            assert!(join_all(all).await.iter().all(|reply| reply.status == 200));
        }
    }

    /// Without a host: by the client, by the page, by nothing; and a page that says that it is ours.
    async fn origins(&self, tenant: usize) {
        let path = self.app.url("/api/v1/multitenant/current");
        let http = reqwest::Client::new();
        let ask = |name: &'static str, value: String| http.get(&path).header(name, value);
        let own = format!("https://www.t{tenant}.example");
        assert_eq!(Reply::of(ask("doorward-client", format!("t{tenant}-web"))).await.status, 200);
        assert_eq!(Reply::of(ask("origin", own)).await.status, 200);
        let false_friend = ask("origin", "https://nobody.example".into()).header("host", "nobody.example");
        assert_eq!(Reply::of(false_friend).await.status, 403);
        assert_eq!(Reply::of(http.get(&path).header("host", "nobody.example")).await.status, 400);
    }

    async fn people(&self, home: &Home) {
        let (app, door) = (&self.app, &home.door);
        let login = "/api/v1/auth/password-based/login";
        for (email, password, status) in
            [(&*home.email, PASSWORD, 200), (&*home.email, "wrong", 401), ("no@body.example", PASSWORD, 401)]
        {
            let device = json!({ "name": "Telephone", "platform": "android", "notificationToken": home.tag });
            let body = json!({ "email": email, "password": password, "device": device });
            let reply = app.post(door, login, body).await;
            assert_eq!(reply.status, status, "{}", reply.text);
        }
        let fresh = app.refresh(door, &home.person.refresh).await;
        assert_eq!(fresh.status, 200, "{}", fresh.text);
        self.long_since(home).await;
        for path in [
            "/api/v1/auth/me",
            "/api/v1/session/list",
            "/api/v1/session/tenants",
            "/api/v1/auth/password-based",
        ] {
            let reply = app.get_as(door, &home.person.access, path).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        }
        let edit = app.request(door, Method::PATCH, "/api/v1/auth/me").bearer_auth(&home.person.access);
        assert_eq!(Reply::of(edit.json(&json!({ "name": "Ada" }))).await.status, 200);
        self.ends(home).await;
    }

    /// A token that somebody has had for days turns over at once.
    async fn long_since(&self, home: &Home) {
        let (door, old) = holder(&self.app, self.town, home.old).await;
        let turned = self.app.refresh(&door, &old.refresh).await;
        assert_eq!(turned.status, 200, "{}", turned.text);
        assert_ne!(turned.says("refreshToken"), old.refresh);
        let body = json!({ "currentPassword": PASSWORD });
        for path in ["enable-otp", "disable-otp"] {
            let path = format!("/api/v1/auth/password-based/{path}");
            let reply = self.app.post_as(&home.door, &home.person.access, &path, body.clone()).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
        }
    }

    async fn ends(&self, home: &Home) {
        let (app, door) = (&self.app, &home.door);
        let one = app.session(door, home.person.user).await;
        let listed = app.get_as(door, &home.person.access, "/api/v1/session/list").await;
        let sessions = listed.json["sessions"].as_array().unwrap();
        let other = sessions.iter().find(|session| session["isCurrentSession"] == false).unwrap();
        let body = json!({ "sessionId": other["sessionId"] });
        assert_eq!(app.post_as(door, &home.person.access, "/api/v1/session/logout", body).await.status, 200);
        let others = app.post_as(door, &home.person.access, "/api/v1/session/logout-others", json!({})).await;
        assert_eq!(others.status, 200, "{}", others.text);
        app.post(door, "/api/v1/auth/logout", json!({ "refreshToken": one.refresh })).await;
        let at = "/api/v1/authentication";
        let again = json!({ "strategy": "jwt", "accessToken": home.person.access });
        let again = app.post(door, at, again).await;
        assert_eq!(again.status, 201, "{}", again.text);
        let leave = app.request(door, Method::DELETE, at).bearer_auth(again.says("accessToken"));
        assert_eq!(Reply::of(leave).await.status, 200);
    }

    async fn admins(&self, home: &Home) {
        let (app, door, by) = (&self.app, &home.door, &home.admin.access);
        let searched = [
            json!({}),
            json!({ "search": { "name": "o'1" }, "limit": 100 }),
            json!({ "filters": { "passwordLoginExists": true, "keycloakLoginExists": false } }),
        ];
        for body in searched {
            let page = app.post_as(door, by, "/api/v1/auth/list-users", body).await;
            assert_eq!(page.status, 200, "{}", page.text);
            if let Some(next) = page.json["next"].as_str() {
                let page = app.post_as(door, by, "/api/v1/auth/list-users", json!({ "after": next })).await;
                assert_eq!(page.status, 200, "{}", page.text);
            }
        }
        let person = format!("/api/v1/auth/user/{}", home.person.user);
        assert_eq!(app.get_as(door, by, &person).await.status, 200);
        let edit = app.request(door, Method::PUT, &format!("{person}/update")).bearer_auth(by);
        assert_eq!(Reply::of(edit.json(&json!({ "name": "Ada" }))).await.status, 200);
        for active in [false, true] {
            let path = format!("{person}/set-active");
            assert_eq!(app.post_as(door, by, &path, json!({ "active": active })).await.status, 200);
        }
        self.auditors(home).await;
        self.reactions(home).await;
        self.webhooks(home).await;
        self.cronjobs(home).await;
        self.inbound(home).await;
        self.packs(home).await;
        self.services(home).await;
        self.invite(home).await;
    }

    /// Each service by its usual order, by a place in it, by an id, and by what its callers look for.
    async fn services(&self, home: &Home) {
        let (app, door, by) = (&self.app, &home.door, &home.admin.access);
        let made = app.request(door, Method::POST, "/api/v1/roles").bearer_auth(by);
        let made = made.header("idempotency-key", format!("{:0>24}", home.tag));
        let made = Reply::of(made.json(&json!({ "identifier": format!("role-{}", home.tag) }))).await;
        assert_eq!(made.status, 201, "{}", made.text);
        for name in ["one", "two"] {
            let invited = app.request(door, Method::POST, "/api/v1/invitations").bearer_auth(by);
            let invited = invited.json(&json!({ "email": format!("{name}-{}@new.example", home.tag) }));
            assert_eq!(Reply::of(invited).await.status, 201);
        }
        let user = home.person.user;
        for service in [
            "users",
            "memberships",
            "sessions",
            "roles",
            "permissions",
            "invitations",
            "actions",
            "action-runs",
            "webhooks",
            "deliveries",
            "cronjobs",
            "inbound-webhooks",
            "packs",
            "jobs",
        ] {
            let first = app.get_as(door, by, &format!("/api/v1/{service}?$limit=1")).await;
            let (id, next) = (first.json["data"][0]["id"].as_str().unwrap(), first.says("next"));
            for rest in [format!("?$limit=1&$after={next}"), format!("/{id}"), format!("/{id}?id={id}")] {
                let reply = app.get_as(door, by, &format!("/api/v1/{service}{rest}")).await;
                assert_eq!(reply.status, 200, "{service}{rest}: {}", reply.text);
            }
        }
        for path in ["users?email=nobody@a.example".into(), format!("sessions?userId={user}&revokedAt=")] {
            assert_eq!(app.get_as(door, by, &format!("/api/v1/{path}")).await.status, 200, "{path}");
        }
        self.guests(home).await;
        let role = format!("/api/v1/roles/{}", made.says("id"));
        let removed = Reply::of(app.request(door, Method::DELETE, &role).bearer_auth(by)).await;
        assert_eq!(removed.status, 200, "{}", removed.text);
        let ended = app.session(door, user).await;
        let found = app.get_as(door, by, &format!("/api/v1/sessions?userId={user}&$limit=1")).await;
        let session = format!("/api/v1/sessions/{}", found.json["data"][0]["id"].as_str().unwrap());
        assert_eq!(Reply::of(app.request(door, Method::DELETE, &session).bearer_auth(by)).await.status, 200);
        assert_eq!(app.get_as(door, &ended.access, "/api/v1/auth/me").await.status, 401);
    }

    /// Somebody of another tenant comes and is sent away.
    async fn guests(&self, home: &Home) {
        let (app, door, by) = (&self.app, &home.door, &home.admin.access);
        let far = format!("far-{}", home.tag);
        app.found(&far).await;
        let elsewhere = app.native(&far).await;
        let guest = app.person(&elsewhere, &format!("guest-{}@far.example", home.tag)).await;
        app.join(door, guest).await;
        let guests = format!("/api/v1/memberships?homeTenantId={}", elsewhere.tenant);
        assert_eq!(app.get_as(door, by, &guests).await.json["data"][0]["id"], json!(guest));
        let stay = format!("/api/v1/memberships/{guest}");
        assert_eq!(Reply::of(app.request(door, Method::DELETE, &stay).bearer_auth(by)).await.status, 200);
    }

    /// Two actions, of which one hears the other, and what they do when somebody is renamed.
    async fn reactions(&self, home: &Home) {
        let (app, door, by) = (&self.app, &home.door, &home.admin.access);
        let at = "/api/v1/actions";
        let mut made = Vec::new();
        for (hears, throws) in [("doorward.user.post.patch", "x.heard"), ("x.heard", "x.told")] {
            let action = json!({ "name": format!("{hears} {}", home.tag), "listens": [hears], "handler": "throw",
                "configuration": { "trigger": throws } });
            let reply = app.post_as(door, by, at, action).await;
            assert_eq!(reply.status, 201, "{}", reply.text);
            made.push(reply.says("id").to_owned());
        }
        let one = format!("{at}/{}", made[1]);
        let change = app.request(door, Method::PATCH, &one).bearer_auth(by);
        assert_eq!(Reply::of(change.json(&json!({ "description": "Heard." }))).await.status, 200);
        let about = json!({ "trigger": "x.heard", "user": home.person.user });
        let tried = app.post_as(door, by, &format!("{one}/try"), about).await;
        assert_eq!(tried.status, 200, "{}", tried.text);
        let run = app.post_as(door, by, &format!("{one}/run"), json!({ "user": home.person.user })).await;
        assert_eq!(run.status, 200, "{}", run.text);
        let retried = format!("/api/v1/jobs/{}/retry", run.says("run"));
        assert_eq!(app.post_as(door, by, &retried, json!({})).await.status, 409);
        let person = format!("/api/v1/users/{}", home.person.user);
        let renamed = app.request(door, Method::PATCH, &person).bearer_auth(by);
        assert_eq!(Reply::of(renamed.json(&json!({ "name": home.tag }))).await.status, 200);
        until("the chain has run", async || {
            let path = format!("/api/v1/action-runs?action={}&state=done", made[1]);
            app.get_as(door, by, &path).await.json["data"].as_array().unwrap().len() == 2
        })
        .await;
        let third = json!({ "name": format!("third {}", home.tag), "listens": ["x.third"], "handler": "endSessions" });
        let third = app.post_as(door, by, at, third).await;
        let gone = app.request(door, Method::DELETE, &format!("{at}/{}", third.says("id"))).bearer_auth(by);
        assert_eq!(Reply::of(gone).await.status, 200);
    }

    /// Two webhooks, what they were sent, and what is done about it. Nobody is called at an address in here.
    async fn webhooks(&self, home: &Home) {
        let (app, door, by) = (&self.app, &home.door, &home.admin.access);
        let at = "/api/v1/webhooks";
        let mut made = Vec::new();
        for hears in ["doorward.user.post.patch", "x.hooked", "x.gone"] {
            let webhook = json!({ "url": format!("https://localhost/{}", home.tag), "listens": [hears, "doorward.user.post.patch"] });
            let reply = app.post_as(door, by, at, webhook).await;
            assert_eq!(reply.status, 201, "{}", reply.text);
            made.push(reply.says("id").to_owned());
        }
        let one = format!("{at}/{}", made[0]);
        let change = app.request(door, Method::PATCH, &one).bearer_auth(by);
        assert_eq!(Reply::of(change.json(&json!({ "description": "Heard." }))).await.status, 200);
        assert_eq!(app.get_as(door, by, &format!("{one}/secret")).await.status, 200);
        app.post_as(door, by, &format!("{one}/rotate-secret"), json!({})).await;
        let person = format!("/api/v1/users/{}", home.person.user);
        let renamed = app.request(door, Method::PATCH, &person).bearer_auth(by);
        assert_eq!(
            Reply::of(renamed.json(&json!({ "name": format!("{} again", home.tag) }))).await.status,
            200
        );
        until("all are tried", async || {
            let found = app.get_as(door, by, "/api/v1/deliveries").await;
            found.json["data"]
                .as_array()
                .is_some_and(|all| all.iter().filter(|one| one["attempts"] == 1).count() == 3)
        })
        .await;
        for webhook in &made {
            let range = json!({ "from": "2020-01-01T00:00:00Z", "to": "2040-01-01T00:00:00Z" });
            app.post_as(door, by, &format!("{at}/{webhook}/replay"), range).await;
            let listed = format!("/api/v1/deliveries?webhook={webhook}&state=queued");
            let delivery = app.get_as(door, by, &listed).await;
            let id = delivery.json["data"][0]["id"].as_str().unwrap().to_owned();
            app.post_as(door, by, &format!("/api/v1/deliveries/{id}/resend"), json!({})).await;
        }
        let gone = app.request(door, Method::DELETE, &format!("{at}/{}", made[2])).bearer_auth(by);
        assert_eq!(Reply::of(gone).await.status, 200);
    }

    /// Three cron jobs, of which one is taken away.
    async fn cronjobs(&self, home: &Home) {
        let (app, door, by) = (&self.app, &home.door, &home.admin.access);
        let at = "/api/v1/cronjobs";
        let mut one = String::new();
        for number in 0..3 {
            let job = json!({ "name": format!("{number} {}", home.tag), "expression": "* * * * *", "trigger": "x.ticked" });
            let reply = app.post_as(door, by, at, job).await;
            assert_eq!(reply.status, 201, "{}", reply.text);
            one = format!("{at}/{}", reply.says("id"));
        }
        let change = app.request(door, Method::PATCH, &one).bearer_auth(by);
        assert_eq!(
            Reply::of(change.json(&json!({ "name": format!("last {}", home.tag) }))).await.status,
            200
        );
        assert_eq!(app.get_as(door, by, &format!("{one}/upcoming")).await.status, 200);
        assert_eq!(app.post_as(door, by, &format!("{one}/run"), json!({})).await.status, 200);
        let gone = app.request(door, Method::DELETE, &one).bearer_auth(by);
        assert_eq!(Reply::of(gone).await.status, 200);
    }

    /// Three inbound webhooks, of which one is taken away.
    async fn inbound(&self, home: &Home) {
        let (app, door, by) = (&self.app, &home.door, &home.admin.access);
        let at = "/api/v1/inbound-webhooks";
        let mut made = Vec::new();
        for number in 0..3 {
            let inbound = json!({ "name": format!("{number} {}", home.tag), "trigger": "x.came" });
            made.push(app.post_as(door, by, at, inbound).await);
        }
        let one = format!("{at}/{}", made[2].says("id"));
        let change = app.request(door, Method::PATCH, &one).bearer_auth(by);
        let changed = Reply::of(change.json(&json!({ "name": format!("last {}", home.tag) }))).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        let secret = app.get_as(door, by, &format!("{at}/{}/secret", made[0].says("id"))).await;
        let body = r#"{"type":"came"}"#;
        let headers =
            crate::inbound::signed(secret.says("secret"), ("size", app.clock.now().seconds()), body);
        let mut message = app.request(door, Method::POST, made[0].says("path")).body(body);
        for (name, value) in headers {
            message = message.header(name, value);
        }
        assert_eq!(Reply::of(message).await.status, 200);
        let gone = app.request(door, Method::DELETE, &one).bearer_auth(by);
        assert_eq!(Reply::of(gone).await.status, 200);
    }

    /// Three packs, of which one is changed and taken away.
    async fn packs(&self, home: &Home) {
        let (app, door, by) = (&self.app, &home.door, &home.admin.access);
        let at = "/api/v1/packs";
        let pack = |number: i32, version: &str| {
            let role = json!({ "identifier": format!("of-{number}-{}", home.tag) });
            let job = json!({ "name": format!("of {number} {}", home.tag), "expression": "0 0 1 1 *", "trigger": "x.ticked" });
            let name = format!("p{number}-{}", home.tag);
            json!({ "pack": { "name": name, "version": version, "roles": [role], "cronJobs": [job] } })
        };
        let mut one = String::new();
        for number in 0..3 {
            let reply = app.post_as(door, by, at, pack(number, "1")).await;
            assert_eq!(reply.status, 201, "{}", reply.text);
            one = format!("{at}/{}", reply.says("id"));
        }
        assert_eq!(app.post_as(door, by, &format!("{at}/diff"), pack(2, "2")).await.status, 200);
        let change = app.request(door, Method::PUT, &one).bearer_auth(by);
        assert_eq!(Reply::of(change.json(&pack(2, "2"))).await.status, 200);
        let gone = app.request(door, Method::DELETE, &one).bearer_auth(by);
        assert_eq!(Reply::of(gone).await.status, 200);
    }

    async fn auditors(&self, home: &Home) {
        let (user, by) = (home.person.user, &home.admin.access);
        let first = self.app.get_as(&home.door, by, "/api/v1/audit").await;
        let record = &first.json["data"][0];
        let questions = [
            format!("$limit=1&$after={}", self.place(home).await),
            format!("requestId={}", record["requestId"].as_str().unwrap()),
            format!("targetId={user}"),
            format!("actorId={user}"),
            "action=password.login".into(),
            "action=nobody.does&$limit=100".into(),
            "outcome=refused".into(),
        ];
        for question in questions {
            let reply = self.app.get_as(&home.door, by, &format!("/api/v1/audit?{question}")).await;
            assert_eq!(reply.status, 200, "{question}: {}", reply.text);
        }
    }

    /// Where the first record of a list ends.
    async fn place(&self, home: &Home) -> String {
        let first = self.app.get_as(&home.door, &home.admin.access, "/api/v1/audit?$limit=1").await;
        first.says("next").to_owned()
    }

    async fn invite(&self, home: &Home) {
        let (app, door, by) = (&self.app, &home.door, &home.admin.access);
        let path = "/api/v1/auth/invitation";
        for name in ["x", "y"] {
            let email = format!("{name}-{}@new.example", home.tag);
            let made = app.post_as(door, by, path, json!({ "email": email, "roles": ["member"] })).await;
            assert_eq!(made.status, 201, "{}", made.text);
        }
        let listed = app.get_as(door, by, path).await;
        let last = listed.json["invitations"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(app.get_as(door, by, &format!("{path}?after={last}")).await.status, 200);
        let revoked = app.post_as(door, by, &format!("{path}/revoke"), json!({ "invitationId": last })).await;
        assert_eq!(revoked.status, 200, "{}", revoked.text);
        let proof = self.proof(home, &format!("x-{}@new.example", home.tag), "invitation").await;
        let body = json!({ "token": proof, "password": NEW });
        let accepted = app.post(door, &format!("{path}/accept"), body).await;
        assert_eq!(accepted.status, 200, "{}", accepted.text);
    }

    /// What mails lead to.
    async fn accounts(&self, home: &Home) {
        let email = format!("new-{}@new.example", home.tag);
        self.mailed(home, "sign-up", json!({ "email": email, "password": NEW })).await;
        self.mailed(home, "resend-verification", json!({ "email": email })).await;
        let proof = self.proof(home, &email, "verify").await;
        self.mailed(home, "verify-email", json!({ "verifyToken": proof, "password": NEW })).await;
        self.mailed(home, "sign-up", json!({ "email": email, "password": NEW })).await;
        self.mailed(home, "forgot-password", json!({ "email": email })).await;
        let reset = self.proof(home, &email, "reset").await;
        self.mailed(home, "reset-password", json!({ "resetToken": reset, "password": PASSWORD })).await;
        self.change(home).await;
    }

    async fn change(&self, home: &Home) {
        let (app, door) = (&self.app, &home.door);
        let email = format!("moved-{}@new.example", home.tag);
        let holder = app.session(door, home.person.user).await;
        let body = json!({ "email": email, "password": PASSWORD });
        let path = "/api/v1/auth/password-based/update-email";
        let asked = app.post_as(door, &holder.access, path, body).await;
        assert_eq!(asked.status, 200, "{}", asked.text);
        let confirm = self.proof(home, &email, "confirm-email").await;
        self.mailed(home, "confirm-email", json!({ "token": confirm })).await;
        let undo = self.proof(home, &home.email, "undo-email").await;
        self.mailed(home, "undo-email", json!({ "token": undo })).await;
    }

    /// Of the link in the next mail that leads to such a page, whose link is looked at as well.
    async fn proof(&self, home: &Home, email: &str, page: &str) -> String {
        let page = format!("/account/{page}");
        loop {
            let mail = self.smtp.mail_to(email).await;
            if mail.links().iter().any(|link| link.contains(&page) && link.contains("token=")) {
                let proof = token(&mail);
                let shown = self.app.get(&home.door, &format!("{page}?token={proof}")).await;
                assert_eq!(shown.status, 200, "{}", shown.text);
                return proof;
            }
        }
    }

    async fn mailed(&self, home: &Home, event: &str, body: Value) -> Reply {
        let reply = self.app.post(&home.door, &format!("/api/v1/auth/password-based/{event}"), body).await;
        assert!(reply.status.is_success(), "{event}: {}", reply.text);
        reply
    }

    /// Of the tenant that every test has, which has a backend.
    async fn backends(&self) {
        let door = self.app.native("a").await;
        let user = self.app.person(&door, "backend@a.example").await;
        let held = self.app.session(&door, user).await;
        let ask =
            self.app.request(&Door { client: "a-backend".into(), ..door }, Method::POST, "/oauth/introspect");
        let ask = ask.basic_auth("a-backend", Some(SECRET));
        let ask = ask.header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(Reply::of(ask.body(format!("token={}", held.access))).await.status, 200);
    }

    /// Every schedule is due, and each of its jobs is done.
    async fn by_itself(&self) {
        let conn = &mut asked::unheard(&self.app.ground);
        let began = Clock::real().now();
        // Those of tenants are thrown by one of these.
        let ours = cron_jobs::table.filter(cron_jobs::tenant_id.is_null());
        let due = diesel::update(ours).set(cron_jobs::next_at.eq(Timestamp::EPOCH)).execute(conn);
        let (schedules, patience) = (due.unwrap(), Instant::now() + Duration::from_secs(600));
        assert!(schedules > 5, "{schedules} schedules");
        let done = jobs::table.filter(jobs::kind.eq("cron")).filter(jobs::id.ge(since(began)));
        let done = done.filter(jobs::state.eq("done")).order(jobs::completed_at.desc());
        let done = done.select((jobs::name, jobs::completed_at.assume_not_null()));
        loop {
            let ended: Vec<(String, Timestamp)> = done.load(conn).unwrap();
            if ended.len() >= schedules {
                let (last, at) = &ended[0];
                return println!(
                    "all {schedules} schedules ran in {:?}, {last} the longest",
                    at.since(began)
                );
            }
            assert!(Instant::now() < patience, "of {schedules} schedules only {ended:?} ran");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// No job that was made later has a smaller one.
fn since(at: Timestamp) -> JobId {
    let millis = u64::try_from(at.0 / 1000).unwrap();
    JobId::of(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
}
