//! The kit itself, before anything is built on it: a mail server that fails on demand, a browser that sees a page.

use std::time::Duration;

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::ground::browser::{Browser, keys};
use crate::ground::smtp::{Fault, Smtp, Stage};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

fn transport(smtp: &Smtp) -> Transport {
    Transport::builder_dangerous("127.0.0.1")
        .port(smtp.address.port())
        .timeout(Some(Duration::from_secs(2)))
        .build()
}

fn message(encoding: ContentTransferEncoding) -> Message {
    let text = "Hallo Zoë,\n\nfollow https://acme.test/v?token=a_b=c&x=1 .\n.. or type 1234 5678.\n";
    let text = SinglePart::builder().header(encoding).header(ContentType::TEXT_PLAIN).body(text.to_owned());
    let html = SinglePart::html("<p>Zoë</p>".to_owned());
    let parts = MultiPart::alternative().singlepart(text).singlepart(html);
    let draft = Message::builder().from("door@acme.test".parse().unwrap());
    draft.to("zoe@acme.test".parse().unwrap()).subject("Zoë, één stap nog").multipart(parts).unwrap()
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written_in_either_encoding() {
    let smtp = Smtp::start().await;

    for encoding in [ContentTransferEncoding::QuotedPrintable, ContentTransferEncoding::Base64] {
        transport(&smtp).send(message(encoding)).await.unwrap();
        let mail = smtp.mail_to("zoe@acme.test").await;

        assert_eq!(mail.from, "door@acme.test");
        assert_eq!(mail.subject(), "Zoë, één stap nog");
        assert_eq!(mail.links(), ["https://acme.test/v?token=a_b=c&x=1"]);
        assert_eq!(mail.code(), "12345678");
        assert!(mail.text().contains("\n.. or type"), "{}", mail.text());
        assert!(mail.html().contains("Zoë"));
    }
}

#[tokio::test]
async fn a_refusal_is_said_once_and_then_mail_goes_through() {
    let smtp = Smtp::start().await;
    smtp.fail(Stage::Recipient, Fault::Say(450, "later"));
    smtp.fail(Stage::Accept, Fault::Say(554, "never"));

    let later = transport(&smtp).send(message(ContentTransferEncoding::Base64)).await.unwrap_err();
    let never = transport(&smtp).send(message(ContentTransferEncoding::Base64)).await.unwrap_err();
    transport(&smtp).send(message(ContentTransferEncoding::Base64)).await.unwrap();

    assert!(later.is_transient() && never.is_permanent());
    assert_eq!(smtp.mails().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_leaves_a_mail_that_the_sender_thinks_unsent() {
    let smtp = Smtp::start().await;
    smtp.fail(Stage::Accept, Fault::Vanish);

    let sent = transport(&smtp).send(message(ContentTransferEncoding::Base64)).await;

    assert!(sent.is_err());
    assert_eq!(smtp.mails().len(), 1);
}

/// The transport's own timeout ends with the connection: whoever sends must bring a clock.
#[tokio::test]
async fn a_silent_server_holds_a_sender_who_brings_no_clock() {
    let smtp = Smtp::start().await;
    smtp.fail(Stage::Greeting, Fault::Wait(Duration::from_secs(60)));

    let transport = transport(&smtp);
    let sending = transport.send(message(ContentTransferEncoding::Base64));

    assert!(tokio::time::timeout(Duration::from_secs(3), sending).await.is_err());
    assert_eq!((smtp.connections(), smtp.mails().len()), (1, 0));
}

#[tokio::test]
async fn a_server_with_a_login_keeps_strangers_out() {
    let smtp = Smtp::with_login("door", "a password").await;
    let known = |password: &str| {
        let credentials = Credentials::new("door".to_owned(), password.to_owned());
        let builder = Transport::builder_dangerous("127.0.0.1").port(smtp.address.port());
        builder.credentials(credentials).build()
    };

    assert!(transport(&smtp).send(message(ContentTransferEncoding::Base64)).await.is_err());
    assert!(known("a guess").send(message(ContentTransferEncoding::Base64)).await.is_err());
    known("a password").send(message(ContentTransferEncoding::Base64)).await.unwrap();
    assert_eq!(smtp.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_types_presses_keys_and_sees_the_page() {
    let page = "data:text/html,<title>T</title><input id=a><button onclick=\"o.innerText=a.value\">go</button><p id=o>";
    let browser = Browser::start().await;
    browser.open(page).await;

    browser.type_into("#a", "Zoë").await;
    browser.press(keys::TAB).await;
    browser.press(keys::ENTER).await;

    assert_eq!(browser.text("#o").await, "Zoë");
    assert_eq!(browser.title().await, "T");
    assert!(browser.screenshot().await.starts_with(b"\x89PNG"));
    assert!(browser.cookies().await.is_empty());
}
