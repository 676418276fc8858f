//! Somebody who administers a part of a tenant tries to gain a right, by every way there is.

use reqwest::Method;
use serde_json::{Value, json};

use super::kit::Desk;
use crate::ground::app::{App, Reply};
use crate::ground::{Ground, on_both};
use crate::packs::names;
use crate::services::Poller;
use crate::telling::audit::written;

on_both!(priv_1_no_way_leads_to_a_right_and_each_attempt_is_on_record);

const AUDIT: &str = "tenant:audit:read";
/// All but reading the audit, managing people, and jobs.
const OF_BOB: [&str; 7] = [
    "auth:permission:manage",
    "auth:invitation:manage",
    "auth:user:list",
    "tenant:action:manage",
    "tenant:pack:manage",
    "tenant:cronjob:manage",
    "tenant:webhook:manage",
];
const OF_CARL: [&str; 3] = ["auth:user:list", "tenant:action:manage", "tenant:pack:manage"];

type Attempt = (Method, String, Value);

/// What stands in the way of those who climb: two roles that hold more than they do, an action and a pack that may more.
struct Things {
    admin: String,
    auditor: String,
    mine: String,
    action: String,
    pack: String,
}

fn giving(role: &str, runs_as: &str) -> Value {
    json!({ "name": format!("Give {role}"), "listens": ["x.heard"], "handler": "assignRole", "runsAs": runs_as,
        "configuration": { "role": role } })
}

fn pack(name: &str, rest: Value) -> Value {
    let mut pack = json!({ "name": name, "version": "1" });
    pack.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    json!({ "pack": pack })
}

impl Things {
    async fn of(ada: &Desk<'_>, bob: &Desk<'_>) -> Self {
        let admin = ada.named("admin").await;
        let auditor = ada.filled("auditor", &[AUDIT]).await;
        let keeper = json!({ "roles": [{ "identifier": "keeper", "permissions": [AUDIT] }] });
        let made = ada.send("/packs", pack("adas", keeper)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let action = ada.makes(giving("auditor", &admin)).await;
        Self { admin, auditor, mine: bob.create("mine").await, action, pack: made.says("id").to_owned() }
    }

    fn roles(&self, [ada, bob, carl]: [&Desk<'_>; 3]) -> Vec<Attempt> {
        let Self { admin, auditor, mine, .. } = self;
        let base = "/auth/permission";
        let post = |path: String, body: Value| (Method::POST, format!("{base}{path}"), body);
        let give = |user, role: &str| post(format!("/user/{user}/assign-role"), json!({ "role": role }));
        let all = |role: &str, verb: &str, held: &str| {
            post(format!("/role/{role}/{verb}-permissions"), json!({ "permissions": [held] }))
        };
        vec![
            give(bob.user, admin),
            give(bob.user, auditor),
            give(carl.user, auditor),
            post(format!("/user/{}/remove-role", ada.user), json!({ "role": admin })),
            all(mine, "add", AUDIT),
            all(admin, "add", AUDIT),
            all(admin, "remove", AUDIT),
            all(auditor, "add", "auth:user:list"),
            all(auditor, "remove", AUDIT),
            (Method::DELETE, format!("{base}/role/{admin}"), Value::Null),
            (Method::DELETE, format!("/roles/{admin}"), Value::Null),
            (Method::DELETE, format!("/roles/{auditor}"), Value::Null),
        ]
    }

    fn rules(&self, bob: &Desk<'_>) -> Vec<Attempt> {
        let one = format!("/actions/{}", self.action);
        let his = format!("/packs/{}", self.pack);
        let user = json!({ "user": bob.user });
        vec![
            (Method::POST, "/actions".into(), giving("guest", &self.admin)),
            (Method::PATCH, one.clone(), json!({ "configuration": { "role": "admin" } })),
            (Method::PATCH, one.clone(), json!({ "runsAs": null })),
            (Method::POST, format!("{one}/run"), user.clone()),
            (
                Method::POST,
                format!("{one}/try"),
                json!({ "trigger": "doorward.user.post.patch", "user": bob.user }),
            ),
            (Method::DELETE, one, Value::Null),
            (
                Method::POST,
                "/packs".into(),
                pack("r", json!({ "roles": [{ "identifier": "r", "permissions": [AUDIT] }] })),
            ),
            (Method::POST, "/packs".into(), pack("a", json!({ "actions": [giving("mine", "admin")] }))),
            (Method::PUT, his.clone(), pack("adas", json!({ "roles": [] }))),
            (Method::DELETE, his, Value::Null),
        ]
    }

    fn people(&self, ada: &Desk<'_>) -> Vec<Attempt> {
        let invited = |role: &str| json!({ "email": format!("{role}@new.example"), "roles": [role] });
        vec![
            (Method::POST, "/auth/invitation".into(), invited("admin")),
            (Method::POST, "/auth/invitation".into(), invited("auditor")),
            (Method::POST, "/invitations".into(), invited("auditor")),
            (Method::PATCH, format!("/users/{}", ada.user), json!({ "name": "Bob" })),
            (Method::POST, format!("/users/{}/disable", ada.user), json!({})),
            (Method::POST, format!("/auth/user/{}/set-active", ada.user), json!({ "active": false })),
            (Method::GET, "/audit".into(), Value::Null),
            (Method::GET, "/jobs".into(), Value::Null),
        ]
    }
}

fn without_roles() -> Vec<Attempt> {
    let claims = json!({ "name": "c", "listens": ["doorward.token.pre.create"], "handler": "addClaims",
        "configuration": { "claims": { "role": "owner" } } });
    vec![
        (Method::POST, "/actions".into(), claims.clone()),
        (Method::POST, "/packs".into(), pack("c", json!({ "actions": [claims] }))),
        (Method::POST, "/packs".into(), pack("r", json!({ "roles": [{ "identifier": "r" }] }))),
        (Method::POST, "/roles".into(), json!({ "identifier": "r" })),
        (Method::POST, "/invitations".into(), json!({ "email": "eve@new.example", "roles": ["mine"] })),
    ]
}

/// What was said no to, by the id of its request.
struct Refusals(Vec<(u64, String, String)>);

impl Refusals {
    fn note(&mut self, what: &str, status: u64, told: &Value) {
        assert!([401, 403, 409].contains(&status), "{what}: {told}");
        let word = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("{what}: {told}")).to_owned();
        self.0.push((status, word("requestId"), word("key")));
    }

    async fn all(&mut self, by: &Desk<'_>, attempts: Vec<Attempt>) {
        for (method, path, body) in attempts {
            let body = Some(body).filter(|body| !body.is_null());
            let reply = by.ask(method.clone(), &path, body).await;
            self.note(&format!("{method} {path}"), reply.status.as_u16().into(), &reply.json);
        }
        self.settle(by.app).await;
    }

    /// Records have a budget a minute.
    async fn settle(&self, app: &App) {
        written(app).await;
        app.advance(61);
    }

    async fn over_a_socket(&mut self, by: &Desk<'_>, calls: Vec<Value>) {
        let mut socket = Poller::bound(by.app, &by.token).await;
        for call in calls {
            let told = socket.call(call.clone()).await;
            self.note(&call.to_string(), told["code"].as_u64().unwrap_or_default(), &told);
        }
        self.settle(by.app).await;
    }
}

async fn priv_1_no_way_leads_to_a_right_and_each_attempt_is_on_record(ground: Ground) {
    let app = App::start(ground).await;
    let (door, there) = (app.native("a").await, app.native("b").await);
    let ada = Desk::admin(&app, &door, "ada@a.example").await;
    let eve = Desk::admin(&app, &there, "eve@b.example").await;
    let bob = Desk::clerk(&app, &door, "bob@a.example", &OF_BOB).await;
    let carl = Desk::clerk(&app, &door, "carl@a.example", &OF_CARL).await;
    let things = Things::of(&ada, &bob).await;
    let before = (bob.held().await, carl.held().await, names(&ada).await, names(&eve).await);
    let mut refusals = Refusals(Vec::new());

    refusals.all(&bob, things.roles([&ada, &bob, &carl])).await;
    refusals.all(&bob, things.rules(&bob)).await;
    refusals.all(&bob, things.people(&ada)).await;
    refusals.all(&carl, without_roles()).await;
    let ada_id = ada.user.to_string();
    let calls = vec![
        json!(["create", "roles", { "identifier": "x" }, {}]),
        json!(["patch", "users", ada_id, { "name": "Carl" }, {}]),
        json!(["disable", "users", { "id": ada_id }, {}]),
        json!(["find", "audit", {}]),
    ];
    let carl = Desk { token: app.session(&door, carl.user).await.access, ..carl };
    refusals.over_a_socket(&carl, calls).await;
    // Whoever is somebody in one tenant is nobody in another.
    for (at, of) in [(&there, bob.user), (&door, eve.user)] {
        let home = if of == eve.user { &there } else { &door };
        let token = app.session(home, of).await.access;
        let reply = Reply::of(app.request(at, Method::GET, "/api/v1/users").bearer_auth(token)).await;
        refusals.note("elsewhere", reply.status.as_u16().into(), &reply.json);
    }
    written(&app).await;

    let ada = Desk { token: app.session(&door, ada.user).await.access, ..ada };
    let bob = Desk { token: app.session(&door, bob.user).await.access, ..bob };
    let carl = Desk { token: app.session(&door, carl.user).await.access, ..carl };
    let eve = Desk { token: app.session(&there, eve.user).await.access, ..eve };
    assert!(refusals.0.len() >= 30, "{}", refusals.0.len());
    let now = (bob.held().await, carl.held().await, names(&ada).await, names(&eve).await);
    assert_eq!(now, before);
    let sums = ada.look("/audit?outcome=refused&$limit=100").await.text;
    for (status, request, key) in &refusals.0 {
        // What is no question of rights is summed by the minute.
        if *status == 409 {
            assert!(sums.contains(&format!("\"{key}\"")), "{key}: {sums}");
            continue;
        }
        let of_a = ada.look(&format!("/audit?requestId={request}")).await;
        let of_b = eve.look(&format!("/audit?requestId={request}")).await;
        let records =
            of_a.json["data"].as_array().unwrap().len() + of_b.json["data"].as_array().unwrap().len();
        assert_eq!(records, 1, "{request}: {}", of_a.text);
    }
}
