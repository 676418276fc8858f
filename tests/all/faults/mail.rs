//! The mail server is down, silent, slow, cross or rude: nobody who calls the API notices, and every mail comes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use doorward::components::config::{MailTls, MailTransport};
use doorward::components::post;
use doorward::jobs::entity::JobState;
use serde_json::json;

use super::proxy::{Mode, Proxy};
use crate::ground::app::{App, Door};
use crate::ground::chance::Chance;
use crate::ground::people::PASSWORD;
use crate::ground::smtp::{Fault, Smtp, Stage};
use crate::ground::work::{idle, until};
use crate::ground::{Ground, on_both};

on_both!(
    whatever_the_mail_server_does_sign_ups_are_answered_and_every_mail_comes,
    a_mail_server_without_starttls_hears_nothing_and_the_mail_waits,
);

/// Longer than a sign-up takes and shorter than the mail server is silent.
const PROMPT: Duration = Duration::from_secs(2);
const SLOW: Duration = Duration::from_secs(3);
const EACH: u64 = 4;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Down,
    Silent,
    Torn,
    Later,
    TakesAndVanishes,
    SlowToGreet,
}

const MANNERS: [Manner; 6] = [
    Manner::Down,
    Manner::Silent,
    Manner::Torn,
    Manner::Later,
    Manner::TakesAndVanishes,
    Manner::SlowToGreet,
];

struct Post {
    app: App,
    smtp: Smtp,
    proxy: Proxy,
    door: Door,
}

async fn start(ground: Ground, tls: MailTls) -> Post {
    let smtp = Smtp::start().await;
    let proxy = Proxy::before(smtp.address.port()).await;
    let mut config = idle(&ground);
    config.mail.transport = MailTransport::Smtp;
    config.mail.host = Some("127.0.0.1".into());
    config.mail.port = proxy.address.port().try_into().unwrap();
    config.mail.tls = tls;
    config.mail.from = Some("Doorward <door@house.example>".into());
    let app = App::with(ground, config).await;
    let door = app.native("a").await;
    Post { app, smtp, proxy, door }
}

impl Post {
    fn behave(&self, manner: Manner) {
        self.proxy.turn(match manner {
            Manner::Down => Mode::Drop,
            Manner::Silent => Mode::Blackhole,
            Manner::Torn => Mode::Reset,
            _ => Mode::Pass,
        });
        for _ in 0..EACH {
            match manner {
                Manner::Later => self.smtp.fail(Stage::Recipient, Fault::Say(451, "4.7.1 later")),
                Manner::TakesAndVanishes => self.smtp.fail(Stage::Accept, Fault::Vanish),
                Manner::SlowToGreet => self.smtp.fail(Stage::Greeting, Fault::Wait(SLOW)),
                _ => {}
            }
        }
    }

    /// How long the answer took.
    async fn sign_up(&self, email: &str) -> Duration {
        let (path, began) = ("/api/v1/auth/password-based/sign-up", Instant::now());
        let reply = self.app.post(&self.door, path, json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
        began.elapsed()
    }

    fn done(&self) -> usize {
        self.app.jobs(post::NAME).iter().filter(|job| job.state == JobState::Done).count()
    }

    fn is_at_work(&self) -> bool {
        self.app.jobs(post::NAME).iter().any(|job| job.state == JobState::Running)
    }

    fn tried(&self) -> usize {
        self.app.jobs(post::NAME).iter().filter(|job| job.last_error.is_some()).count()
    }
}

async fn whatever_the_mail_server_does_sign_ups_are_answered_and_every_mail_comes(ground: Ground) {
    let mut chance = Chance::seeded("MAIL_SEED");
    let when = format!("MAIL_SEED={}", chance.seed());
    let post = start(ground, MailTls::None).await;
    let _worker = post.app.worker(doorward::app::handlers()).await;
    let (mut manners, mut wanted, mut longest) = (MANNERS, BTreeSet::new(), Duration::ZERO);
    chance.shuffle(&mut manners);

    for manner in manners {
        post.behave(manner);
        for _ in 0..EACH {
            let email = format!("{}@b.example", chance.next(1 << 40));
            longest = longest.max(post.sign_up(&email).await);
            wanted.insert(email);
        }
        tokio::time::sleep(Duration::from_millis(chance.next(1000))).await;
    }
    let waited = wanted.len() - post.done();
    post.proxy.turn(Mode::Pass);
    until("every mail has left", async || {
        // A lease must not run out under a mail that is on its way.
        if !post.is_at_work() {
            post.app.advance(3600);
        }
        post.done() == wanted.len()
    })
    .await;

    assert!(longest < PROMPT, "{when}: a sign-up waited {longest:?} for the mail server");
    let twins = assert_once(&post, &wanted, &when);
    let wanted = wanted.len();
    println!("{wanted} sign-ups within {longest:?}; {waited} mails waited, all came, {twins} of them twice");
}

/// Each at least once; a twin only where the server took a mail and said nothing, and it has the same Message-ID.
fn assert_once(post: &Post, wanted: &BTreeSet<String>, when: &str) -> usize {
    let mut ids: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    for mail in post.smtp.mails() {
        ids.entry(mail.to[0].clone()).or_default().push(mail.header("Message-ID"));
    }
    assert_eq!(&ids.keys().cloned().collect::<BTreeSet<_>>(), wanted, "{when}");
    for (to, ids) in &ids {
        assert!(ids.iter().all(|id| id.is_some() && *id == ids[0]), "{when}: {to} has {ids:?}");
    }
    let twins = ids.values().map(|ids| ids.len() - 1).sum();
    assert!(twins <= usize::try_from(EACH).unwrap(), "{when}: {twins} twins of {EACH} lost answers");
    twins
}

async fn a_mail_server_without_starttls_hears_nothing_and_the_mail_waits(ground: Ground) {
    let post = start(ground, MailTls::Starttls).await;
    let _worker = post.app.worker(doorward::app::handlers()).await;

    post.sign_up("ada@b.example").await;
    until("it is tried", async || post.tried() == 1).await;

    let job = post.app.jobs(post::NAME).remove(0);
    println!("without STARTTLS: {:?}, {:?}", job.state, job.last_error);
    assert!(post.smtp.connections() > 0 && post.smtp.mails().is_empty(), "a mail went out in clear");
    assert_eq!(job.state, JobState::Queued, "{:?}", job.last_error);
}
