//! Letters through a real mail server, also one that refuses, delays and hangs up.

use std::collections::BTreeSet;
use std::time::Duration;

use doorward::base::Email;
use doorward::components::config::{MailTls, MailTransport};
use doorward::components::line::Code;
use doorward::components::mail::messages::LoginCode;
use doorward::components::post::{self, Letter};
use doorward::components::words::Locale;
use doorward::identity::Scope;
use doorward::jobs;
use doorward::jobs::entity::{Job, JobState};

use crate::ground::app::App;
use crate::ground::smtp::{Fault, Smtp, Stage};
use crate::ground::work::{idle, until};
use crate::ground::{Ground, on_both};

on_both!(
    a_letter_leaves_after_the_commit_under_the_tenants_name,
    a_letter_that_is_delayed_is_tried_again_as_the_same_mail,
    a_letter_that_is_refused_is_dead_at_once,
    inj_3_a_name_with_line_ends_stays_one_header,
    a_lost_answer_makes_at_most_one_twin_with_the_same_id,
);

async fn start(ground: Ground, smtp: &Smtp) -> App {
    let mut config = idle(&ground);
    config.mail.transport = MailTransport::Smtp;
    config.mail.host = Some("127.0.0.1".into());
    config.mail.port = smtp.address.port().try_into().unwrap();
    config.mail.tls = MailTls::None;
    config.mail.from = Some("Doorward <door@house.example>".into());
    App::with(ground, config).await
}

async fn post(app: &App, name: Option<&str>) {
    let house = app.running.house.clone();
    let tenant = house.tenant(app.native("a").await.tenant).await.unwrap();
    let valid = Duration::from_secs(600);
    let message = LoginCode { code: Code::parse("12345678").unwrap(), code_valid: valid };
    let to = Email::parse("ada@b.example").unwrap();
    let letter = Letter::new(to, Locale::En, message).named(name);
    let scope = Scope::of_house(house.clone(), tenant);
    scope.write(move |tx| post::post(tx, &house.vault, &letter)).await.unwrap();
}

fn the_job(app: &App) -> Job {
    app.jobs(post::NAME).remove(0)
}

async fn a_letter_leaves_after_the_commit_under_the_tenants_name(ground: Ground) {
    let smtp = Smtp::start().await;
    let app = start(ground, &smtp).await;
    let _worker = app.worker(jobs::handlers()).await;

    post(&app, Some("Ada")).await;

    let mail = smtp.mail_to("ada@b.example").await;
    assert_eq!((mail.from.as_str(), mail.code().as_str()), ("door@house.example", "12345678"));
    assert_eq!(mail.header("From").as_deref(), Some("\"Tenant a\" <door@house.example>"));
    until("it is done", async || the_job(&app).state == JobState::Done).await;
    assert!(sealed(&app).is_none(), "what was sealed is wiped");
}

fn sealed(app: &App) -> Option<Vec<u8>> {
    use diesel::prelude::*;
    use doorward::db::schema::jobs as j;
    j::table.filter(j::name.eq(post::NAME)).select(j::sealed).first(&mut app.ground.connect()).unwrap()
}

async fn a_letter_that_is_delayed_is_tried_again_as_the_same_mail(ground: Ground) {
    let smtp = Smtp::start().await;
    let app = start(ground, &smtp).await;
    smtp.fail(Stage::Recipient, Fault::Say(451, "4.7.1 greylisted, try again"));
    let _worker = app.worker(jobs::handlers()).await;

    post(&app, None).await;
    until("it waits", async || the_job(&app).last_error.is_some()).await;
    assert!(smtp.mails().is_empty() && the_job(&app).state == JobState::Queued);
    app.advance(60);

    let mail = smtp.mail_to("ada@b.example").await;
    let id = format!("<{}@house.example>", the_job(&app).id);
    assert_eq!(mail.header("Message-ID"), Some(id));
}

async fn a_letter_that_is_refused_is_dead_at_once(ground: Ground) {
    let smtp = Smtp::start().await;
    let app = start(ground, &smtp).await;
    smtp.fail(Stage::Recipient, Fault::Say(550, "5.1.1 <ada@b.example> is nobody here"));
    let _worker = app.worker(jobs::handlers()).await;

    post(&app, None).await;
    until("it is dead", async || the_job(&app).state == JobState::Dead).await;

    let (job, error) = (the_job(&app), the_job(&app).last_error.unwrap_or_default());
    assert!(job.retry_count == 1 && error.contains("is nobody here") && !error.contains("ada@"), "{error}");
}

async fn inj_3_a_name_with_line_ends_stays_one_header(ground: Ground) {
    let smtp = Smtp::start().await;
    let app = start(ground, &smtp).await;
    let _worker = app.worker(jobs::handlers()).await;

    post(&app, Some("Ada\r\nBcc: eve@evil.example\r\n\r\n.\r\nMAIL FROM:<x@y>\0")).await;

    let mail = smtp.mail_to("ada@b.example").await;
    assert_eq!((mail.to.len(), mail.header("Bcc"), smtp.mails().len()), (1, None, 1));
}

async fn a_lost_answer_makes_at_most_one_twin_with_the_same_id(ground: Ground) {
    let smtp = Smtp::start().await;
    let app = start(ground, &smtp).await;
    smtp.fail(Stage::Accept, Fault::Vanish);
    let _worker = app.worker(jobs::handlers()).await;

    post(&app, None).await;
    until("it is done or waits", async || {
        the_job(&app).state != JobState::Running && the_job(&app).retry_count > 0
    })
    .await;
    app.advance(60);
    until("it is done", async || the_job(&app).state == JobState::Done).await;

    let ids: BTreeSet<_> = smtp.mails().iter().map(|mail| mail.header("Message-ID")).collect();
    assert!(smtp.mails().len() <= 2 && ids.len() == 1, "{ids:?}");
}
