//! A fifth of a processor: the server says that it is well, keeps the work it has taken, and is still the one that took it.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use doorward::db::schema::jobs;
use reqwest::Client;
use serde_json::json;
use tokio::time::sleep;

use super::load::{SETTINGS, people};
use crate::ground::app::Door;
use crate::ground::cgroup::{Cgroup, Limit};
use crate::ground::chance::Chance;
use crate::ground::people::PASSWORD;
use crate::ground::smtp::{Fault, Smtp, Stage};
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, Kind, run};

const HUNDREDTHS: u64 = 20;
const WELL_WITHIN: Duration = Duration::from_secs(2);
const STARVED: Duration = Duration::from_secs(40);
/// Longer than a lease, which is kept alive three times in its length.
const SLOW_MAIL: Duration = Duration::from_secs(12);
const MAILS: usize = 6;
const LEASE: (&str, &str) = ("DOORWARD_JOBS__LEASE", "5");

#[test]
#[ignore = "minutes long: `make faults` runs it"]
fn a_starved_copy_stays_well_and_keeps_its_leases() {
    run(Kind::Postgres, starved);
}

async fn starved(ground: Ground) {
    let group = match Cgroup::with(&[Limit::Cpu(HUNDREDTHS)]) {
        Ok(group) => group,
        Err(why) => return println!("SKIPPED: {why}"),
    };
    let (door, _) = people(&ground, 4, &mut Chance::seeded("STARVED_SEED")).await;
    let smtp = Smtp::start().await;
    let port = smtp.address.port().to_string();
    let mail = [
        ("DOORWARD_MAIL__TRANSPORT", "smtp"),
        ("DOORWARD_MAIL__HOST", "127.0.0.1"),
        ("DOORWARD_MAIL__PORT", port.as_str()),
        ("DOORWARD_MAIL__TLS", "none"),
        ("DOORWARD_JOBS__WORKERS", "8"),
        LEASE,
    ];
    let poor = Spawned::under(&group.enter(), &ground, &[SETTINGS, &mail].concat());
    (0..MAILS).for_each(|_| smtp.fail(Stage::Data, Fault::Wait(SLOW_MAIL)));
    for at in 0..MAILS {
        sign_up(&poor, &door, at).await;
    }
    while smtp.connections() < MAILS {
        sleep(Duration::from_millis(100)).await;
    }
    // The other one, which has all it wants, would take whatever looks abandoned.
    let rich = Spawned::with(&ground, &[SETTINGS, &mail].concat());

    let (until, load) = (Instant::now() + STARVED, logins(&poor, &door));
    let (asked, slowest) =
        tokio::select! { asked = health(&poor, until) => asked, () = load => unreachable!() };

    until_done(&ground).await;
    let (runs, tries): (Vec<i64>, Vec<i32>) = ran(&ground).into_iter().unzip();
    let again = poor.text().matches("the lease went to another worker").count();
    println!(
        "{HUNDREDTHS} % of a processor, {} times out of it: {asked} times well, within {slowest:?}; {} slow mails, {} came, \
         {again} leases lost",
        group.throttled(),
        runs.len(),
        smtp.mails().len(),
    );
    drop(rich);
    assert!(slowest < WELL_WITHIN, "well after {slowest:?}");
    assert!(tries.iter().all(|tries| *tries == 1), "taken again: {tries:?}, fences {runs:?}");
    assert_eq!((smtp.mails().len(), again), (MAILS, 0));
    assert!(group.throttled() > 0, "it was never short of anything");
}

async fn sign_up(server: &Spawned, door: &Door, at: usize) {
    let path = format!("http://{}/api/v1/auth/password-based/sign-up", server.address);
    let body = json!({ "email": format!("new{at}@b.example"), "password": PASSWORD });
    let asked = Client::new().post(path).header("host", &door.host).header("doorward-client", &door.client);
    assert_eq!(asked.json(&body).send().await.unwrap().status(), 202);
}

/// One after another, for ever, whatever comes of them.
async fn logins(server: &Spawned, door: &Door) {
    let (http, path) = (Client::new(), format!("http://{}/api/v1/auth/password-based/login", server.address));
    let one = async || loop {
        let body = json!({ "email": "p0@a.example", "password": PASSWORD });
        let login = http.post(&path).header("host", &door.host).header("doorward-client", &door.client);
        drop(login.json(&body).send().await);
    };
    tokio::join!(one(), one(), one(), one());
}

/// How often it was asked, and how long the slowest answer took.
async fn health(server: &Spawned, until: Instant) -> (usize, Duration) {
    let (mut asked, mut slowest) = (0, Duration::ZERO);
    while Instant::now() < until {
        for path in ["live", "ready"] {
            let began = Instant::now();
            let answer = Client::new().get(format!("http://{}/health/{path}", server.address)).send().await;
            assert_eq!(answer.unwrap().status(), 200);
            (asked, slowest) = (asked + 1, slowest.max(began.elapsed()));
        }
        sleep(Duration::from_millis(200)).await;
    }
    (asked, slowest)
}

async fn until_done(ground: &Ground) {
    let (mut conn, patience) = (ground.connect(), Instant::now() + Duration::from_secs(120));
    let open = jobs::table.filter(jobs::kind.eq("delivery")).filter(jobs::state.ne("done"));
    while open.count().get_result::<i64>(&mut conn).unwrap() > 0 {
        assert!(Instant::now() < patience, "the mails do not leave");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Of each mail: how often its row changed hands, and how often it was begun.
fn ran(ground: &Ground) -> Vec<(i64, i32)> {
    let mails = jobs::table.filter(jobs::kind.eq("delivery"));
    mails.select((jobs::fence, jobs::retry_count)).load(&mut ground.connect()).unwrap()
}
