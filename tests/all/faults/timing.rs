//! Whether the time of an answer tells who has an account: hundreds of times of each case, with real hashing.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use doorward::base::Timestamp;
use doorward::components::Clock;
use doorward::components::config::{Config, Environment};
use doorward::db::schema::{guess_counters, password_logins};
use reqwest::Client;
use serde_json::{Value, json};

use super::samples::Samples;
use crate::ground::app::{App, Door, config};
use crate::ground::chance::Chance;
use crate::ground::people::PASSWORD;
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, on_both};
use crate::password::kit::imported;

on_both!(
    #[ignore = "a minute long, and only on a machine that does nothing else: `make faults` runs it"]
    enum_2_a_login_takes_as_long_whoever_is_asked_for,
    #[ignore = "a minute long, and only on a machine that does nothing else: `make faults` runs it"]
    enum_3_asking_for_a_mail_takes_as_long_whoever_is_asked_for,
);

/// Of each case.
const TIMES: usize = 300;
const LOGIN: &str = "/auth/password-based/login";
/// Hashing is as in production. Nobody is limited, and nobody guesses too often but who is closed by hand.
const SETTINGS: &[(&str, &str)] = &[
    ("RUST_LOG", "warn,doorward::app=info"),
    ("DOORWARD_LIMITS__ADDRESS_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__TENANT_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__GUESSES_PER_ADDRESS_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__GUESSES_PER_TENANT_PER_MINUTE", "1000000"),
    ("DOORWARD_LIMITS__SIGN_UPS_PER_ADDRESS_PER_HOUR", "1000000"),
    ("DOORWARD_GUESSES__DELAY_FROM", "1000000"),
    ("DOORWARD_GUESSES__AT_MOST", "1000000"),
];

struct Case {
    name: &'static str,
    path: &'static str,
    body: Value,
}

struct Bench {
    server: Spawned,
    door: Door,
    http: Client,
}

async fn enum_2_a_login_takes_as_long_whoever_is_asked_for(ground: Ground) {
    let app = real(&ground).await;
    let door = app.native("a").await;
    let off = people(&app, &door).await;
    app.disable(off);
    let bench = Bench::start(&ground, door);
    // Nobody has guessed yet but at these two: every counter that stands is theirs.
    let closed = [login("closed, unknown", "shut-nobo"), login("closed, known", "shut-away")];
    for case in &closed {
        bench.time(case).await;
    }
    close_all(&ground);

    let cases = [
        login("wrong password", "ada-known"),
        login("unknown address", "joe-nobod"),
        login("no password", "bare-user"),
        login("disabled", "off-disab"),
    ];
    bench.assert_alike(&cases).await;
    // An address that nobody has is closed by guesses too: that a key is closed may be known, whose it is may not.
    bench.assert_alike(&closed).await;
}

async fn enum_3_asking_for_a_mail_takes_as_long_whoever_is_asked_for(ground: Ground) {
    let app = real(&ground).await;
    let door = app.native("a").await;
    people(&app, &door).await;
    let bench = Bench::start(&ground, door);

    let at = |name: &str| format!("{name}@a.example");
    let sign_up = |name, who| {
        let path = "/api/v1/auth/password-based/sign-up";
        Case { name, path, body: json!({ "email": at(who), "password": PASSWORD }) }
    };
    let forgot = |name, who| Case {
        name,
        path: "/auth/password-based/forgot-password",
        body: json!({ "email": at(who) }),
    };
    let resend = |name, who| {
        let path = "/api/v1/auth/password-based/resend-verification";
        Case { name, path, body: json!({ "email": at(who) }) }
    };
    bench
        .assert_alike(&[sign_up("sign-up, free", "joe-nobod"), sign_up("sign-up, taken", "ada-known")])
        .await;
    let cases = [
        forgot("forgot, unknown", "joe-nobod"),
        forgot("forgot, known", "ada-known"),
        forgot("forgot, no password", "bare-user"),
    ];
    bench.assert_alike(&cases).await;
    let cases = [
        resend("resend, unknown", "eve-nobod"),
        resend("resend, verified", "ada-known"),
        resend("resend, not verified", "new-user1"),
    ];
    bench.assert_alike(&cases).await;
}

fn login(name: &'static str, who: &str) -> Case {
    let body = json!({ "email": format!("{who}@a.example"), "password": "not the password of anybody" });
    Case { name, path: LOGIN, body }
}

/// Only the hashing of the tests' own server is cheap: here people have hashes that cost what they cost.
async fn real(ground: &Ground) -> App {
    let mut config = config(ground);
    config.hashing = Config::defaults(Environment::Test).hashing;
    config.roles.work = false;
    App::with_clock(ground.clone(), config, Clock::real()).await
}

/// Names are equally long, since a longer body takes longer. Gives who is to be switched off.
async fn people(app: &App, door: &Door) -> doorward::base::UserId {
    for name in ["ada-known", "shut-away"] {
        app.person(door, &format!("{name}@a.example")).await;
    }
    app.settle(door, imported("bare-user@a.example", None)).await;
    let new = app.person(door, "new-user1@a.example").await;
    let row = diesel::update(password_logins::table.find(new));
    let none = password_logins::verified_at.eq(None::<Timestamp>);
    row.set(none).execute(&mut app.ground.connect()).unwrap();
    app.person(door, "off-disab@a.example").await
}

fn close_all(ground: &Ground) {
    let far = Timestamp::from_seconds(Clock::real().now().seconds() + 86_400);
    let closed = diesel::update(guess_counters::table).set(guess_counters::blocked_until.eq(far));
    assert_eq!(closed.execute(&mut ground.connect()).unwrap(), 4, "of what was typed, and of whom it is");
}

impl Bench {
    fn start(ground: &Ground, door: Door) -> Self {
        let http = Client::builder().pool_max_idle_per_host(1).build().unwrap();
        Self { server: Spawned::with(ground, SETTINGS), door, http }
    }

    async fn time(&self, case: &Case) -> f64 {
        let request = self.http.post(format!("http://{}{}", self.server.address, case.path));
        let request = request.header("host", &self.door.host).header("doorward-client", &self.door.client);
        let request = request.json(&case.body).build().unwrap();
        let began = Instant::now();
        let reply = self.http.execute(request).await.unwrap();
        let status = reply.status().as_u16();
        let text = reply.text().await.unwrap();
        let took = began.elapsed().as_secs_f64() * 1000.0;
        let expected = if case.path == LOGIN { status == 401 } else { status == 200 || status == 202 };
        assert!(expected, "{}: {status} {text}", case.name);
        // What the answer left to a job is done by then, and counts for nobody.
        tokio::time::sleep(Duration::from_millis(8)).await;
        took
    }

    /// The first case is what the others are held against. One heap of times may be unlucky; two are not.
    async fn assert_alike(&self, cases: &[Case]) {
        for try_ in 1..=2 {
            let mut chance = Chance::seeded("TIMING_SEED");
            let samples = self.sample(cases, &mut chance).await;
            if !any_tells(&samples) {
                return;
            }
            assert!(try_ == 1, "TIMING_SEED={}: the time of an answer tells, twice", chance.seed());
        }
    }

    /// Every round asks for each case once, in an order of its own, so that whatever else slows down slows all.
    async fn sample(&self, cases: &[Case], chance: &mut Chance) -> Vec<Samples> {
        let mut samples: Vec<_> = cases.iter().map(|case| Samples::of(case.name)).collect();
        let mut order: Vec<usize> = (0..cases.len()).collect();
        for round in 0..TIMES + 10 {
            chance.shuffle(&mut order);
            for at in &order {
                let took = self.time(&cases[*at]).await;
                // The first find nothing warm.
                if round >= 10 {
                    samples[*at].times.push(took);
                }
            }
        }
        samples
    }
}

fn any_tells(samples: &[Samples]) -> bool {
    let (first, others) = samples.split_first().unwrap();
    println!("{:24} {:>8} {:>8} {:>8}", "milliseconds", "quarter", "median", "3/4");
    for one in samples {
        let [quarter, median, most] = [0.25, 0.5, 0.75].map(|part| one.quantile(part));
        println!("{:24} {quarter:8.2} {median:8.2} {most:8.2}", one.name);
    }
    let mut any = false;
    for other in others {
        let compared = other.against(first);
        let verdict = if compared.tells() { "TELLS" } else { "tells nothing" };
        println!(
            "{:24} against {}: AUC {:.3} (z {:+.1}), Welch t {:+.1}, medians {:+.2} ± {:.2} ms: {verdict}",
            other.name,
            first.name,
            compared.auc,
            compared.z,
            compared.t,
            compared.between_medians,
            compared.by_chance
        );
        any |= compared.tells();
    }
    any
}
