//! The mailer against a mail server that says what it is told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::base::{DeliveryId, Timestamp};
use crate::components::line::{Code, Line, Link};
use crate::components::mail::{Recipient, Written};
use crate::components::words::Locale;

/// How the server behaves: its answer to a whole mail, or how it fails.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Answers(&'static str),
    FallsSilent,
    /// The first connection dies as soon as a second mail begins on it.
    HangsUpOnce,
}

#[derive(Default)]
struct Heard {
    connections: usize,
    commands: Vec<String>,
    mails: Vec<String>,
}

async fn server(manner: Manner) -> (u16, Arc<Mutex<Heard>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Heard::default()));
    let shared = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            shared.lock().unwrap().connections += 1;
            tokio::spawn(talk(stream, manner, shared.clone()));
        }
    });
    (port, heard)
}

async fn talk(stream: TcpStream, manner: Manner, heard: Arc<Mutex<Heard>>) -> std::io::Result<()> {
    let first = heard.lock().unwrap().connections == 1;
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut begun = 0;
    write.write_all(b"220 sink ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        heard.lock().unwrap().commands.push(line.clone());
        let answer = match line.split(' ').next().unwrap_or_default() {
            "EHLO" => "250-sink\r\n250 8BITMIME",
            "MAIL" => {
                begun += 1;
                if manner == Manner::HangsUpOnce && first && begun == 2 {
                    return Ok(());
                }
                "250 ok"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail.push_str(&line);
                    mail.push('\n');
                }
                heard.lock().unwrap().mails.push(mail);
                match manner {
                    Manner::Answers(answer) => answer,
                    Manner::HangsUpOnce => "250 ok",
                    Manner::FallsSilent => std::future::pending().await,
                }
            }
            _ => "250 ok",
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn mailer(port: u16, tls: Tls) -> Mailer {
    let settings =
        SmtpSettings { host: "127.0.0.1".into(), port, tls, user: None, timeout: Duration::from_millis(700) };
    Mailer::new(Transport::Smtp(Smtp::new(&settings).unwrap()), None)
}

fn envelope() -> Envelope {
    Envelope {
        delivery: DeliveryId::new(),
        at: Timestamp::from_seconds(1_795_356_180),
        from: Sender { name: Line::new("Acme"), address: "no-reply@acme.example".into(), reply_to: None },
        to: Recipient {
            address: Line::new("ada@example.com"),
            name: Some(Line::new("Ada")),
            locale: Locale::En,
        },
        name: "password/verify_address",
        written: Written { subject: Line::new("Confirm"), text: "Hello".into(), html: "<p>Hello</p>".into() },
        links: vec![Link::parse("https://acme.example/verify?token=t").unwrap()],
        code: Code::parse("12345678"),
    }
}

fn headers(mail: &str) -> Vec<&str> {
    let head = mail.split("\n\n").next().unwrap_or_default();
    head.lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split(':').next())
        .collect()
}

#[tokio::test]
async fn one_mail_arrives_with_fixed_headers_whatever_its_values_hold() {
    let (port, heard) = server(Manner::Answers("250 ok")).await;
    let attack = "x\r\nBcc: eve@evil.example\0\r\n.\r\nMAIL FROM:<eve@evil.example>";
    let mut hostile = envelope();
    hostile.from.name = Line::new(attack);
    hostile.to.name = Some(Line::new(attack));
    hostile.written =
        Written { subject: Line::new(attack), text: format!("a\r\n.\r\n{attack}"), html: attack.to_owned() };

    let outcome = mailer(port, Tls::None).send(hostile).await;

    let heard = heard.lock().unwrap();
    assert_eq!(outcome, Outcome::Sent);
    assert_eq!(heard.mails.len(), 1);
    assert_eq!(heard.commands.iter().filter(|c| c.starts_with("RCPT") || c.starts_with("MAIL")).count(), 2);
    assert_eq!(
        headers(&heard.mails[0]),
        [
            "Message-ID",
            "Date",
            "To",
            "Subject",
            "From",
            "Auto-Submitted",
            "X-Auto-Response-Suppress",
            "MIME-Version",
            "Content-Type"
        ]
    );
}

#[tokio::test]
async fn an_address_that_would_begin_another_line_is_refused() {
    for hostile in ["a@b.example\r\nRCPT TO:<eve@evil.example>", "a b@c.example", "a@b.example>\0", "nobody"]
    {
        let mut to = envelope();
        // A line type would have cleaned it: the sender's address is configuration and comes as it is.
        to.from.address = hostile.to_owned();

        assert!(to.build().is_err(), "{hostile:?}");
    }
}

#[tokio::test]
async fn a_delivery_that_is_tried_again_has_the_same_message_id() {
    let first = envelope();
    let mut second = envelope();
    second.delivery = first.delivery;

    let id = format!("Message-ID: <{}@acme.example>", first.delivery);
    let twice = [first, second].map(|e| String::from_utf8(e.build().unwrap().formatted()).unwrap());

    assert!(twice.iter().all(|mail| mail.contains(&id) && mail.contains("Auto-Submitted: auto-generated")));
}

#[tokio::test]
async fn a_permanent_no_is_final_and_told_in_the_servers_words() {
    let (port, _) = server(Manner::Answers("550 5.1.1 no such person")).await;

    let outcome = mailer(port, Tls::None).send(envelope()).await;

    assert!(matches!(&outcome, Outcome::Refused(words) if words.contains("no such person")), "{outcome:?}");
}

#[tokio::test]
async fn a_temporary_no_is_worth_another_try() {
    let (port, _) = server(Manner::Answers("451 greylisted")).await;

    let outcome = mailer(port, Tls::None).send(envelope()).await;

    assert!(matches!(&outcome, Outcome::Delayed(words) if words.contains("greylisted")), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_falls_silent_holds_nobody() {
    let (port, _) = server(Manner::FallsSilent).await;
    let mailer = mailer(port, Tls::None);

    let outcome = tokio::time::timeout(Duration::from_secs(3), mailer.send(envelope())).await;

    assert!(matches!(outcome, Ok(Outcome::Delayed(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_connection_that_died_idle_costs_no_mail() {
    let (port, heard) = server(Manner::HangsUpOnce).await;
    let mailer = mailer(port, Tls::None);

    let first = mailer.send(envelope()).await;
    // The pool takes a connection back in a task of its own.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let second = mailer.send(envelope()).await;

    assert_eq!([first, second], [Outcome::Sent, Outcome::Sent]);
    assert_eq!(heard.lock().unwrap().connections, 2);
}

#[tokio::test]
async fn a_server_that_hides_starttls_hears_no_mail() {
    let (port, heard) = server(Manner::Answers("250 ok")).await;

    let outcome = mailer(port, Tls::Starttls).send(envelope()).await;

    assert_ne!(outcome, Outcome::Sent);
    assert!(heard.lock().unwrap().commands.iter().all(|command| !command.starts_with("MAIL")));
}

#[tokio::test]
async fn an_environment_with_a_list_sends_to_its_domains_only() {
    let mailer = Mailer::new(Transport::Keep(Kept::default()), Some(vec![" Example.COM ".into()]));
    let mut other = envelope();
    other.to.address = Line::new("ada@sub.example.com");

    assert_eq!(mailer.send(envelope()).await, Outcome::Sent);
    assert!(matches!(mailer.send(other).await, Outcome::Refused(_)));
    assert_eq!(mailer.kept().unwrap().list(None).len(), 1);
}

#[tokio::test]
async fn without_a_transport_nothing_is_open_and_nothing_is_sent() {
    let mailer = Mailer::new(Transport::None, None);

    assert!(!mailer.is_open());
    assert!(matches!(mailer.send(envelope()).await, Outcome::Refused(_)));
}

#[tokio::test]
async fn a_kept_mail_is_found_with_its_link_and_code_and_only_once() {
    let mailer = Mailer::new(Transport::Keep(Kept::default()), None);
    let (first, mut again) = (envelope(), envelope());
    again.delivery = first.delivery;

    mailer.send(first).await;
    mailer.send(again).await;

    let kept = mailer.kept().unwrap();
    let mail = kept.latest("ADA@example.com").unwrap();
    assert_eq!((kept.list(Some("ADA@")).len(), kept.list(Some("grace")).len()), (1, 0));
    assert_eq!(mail.links[0].expose(), "https://acme.example/verify?token=t");
    assert_eq!(mail.code.unwrap().expose(), "12345678");
}

#[tokio::test]
async fn a_mail_is_unread_until_somebody_opens_it_and_its_arrival_wakes_the_inbox() {
    let mailer = Mailer::new(Transport::Keep(Kept::default()), None);
    let kept = mailer.kept().unwrap();
    let mut news = kept.watch();

    mailer.send(envelope()).await;
    let id = kept.list(None)[0].id;
    let before = kept.find(id).unwrap().read;
    kept.mark_read(id);

    assert!(news.has_changed().unwrap());
    news.mark_unchanged();
    assert_eq!((before, kept.find(id).unwrap().read), (false, true));
}
