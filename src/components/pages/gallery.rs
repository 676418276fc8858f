//! Every page and mail with sample data and with hostile data; `DOORWARD_GALLERY=dir` keeps them to be looked at.

use std::time::Duration;

use super::development::{self as dev, Bar, Fact, Home, Request, Tab};
use super::*;
use crate::base::{DeliveryId, Timestamp};
use crate::components::brand::Colour;
use crate::components::mail::{self, Letterhead, Override, Recipient, samples};
use crate::components::mailer::{Envelope, Kept, KeptMail, Sender};

const MARKER: &str = "<script>x</script>\"onx='y{{7*7}}\r\nBcc: eve@evil.example";
const AT: Timestamp = Timestamp(1_795_356_180_123_000);

fn frame(locale: Locale, name: &str) -> Frame {
    Frame {
        tenant: Brand::new(name, Colour::parse("#1f5c4d").unwrap()),
        locale,
        nonce: "r4nd0m".into(),
        path: "/auth/password/reset".into(),
        token: Some(PlainToken::from_text(format!("t0ken{name}"))),
    }
}

/// All pages for people, their texts from outside being `name`.
fn pages(templates: &Templates, locale: Locale, name: &str) -> Vec<(String, String)> {
    use Flow::*;
    let frame = frame(locale, name);
    let line = || Some(Line::new(if name == MARKER { name } else { "ada@example.com" }));
    let person = || Some(person(name));
    let mut all = Vec::new();
    let mut add =
        |title: &str, rendered: Result<Rendered>| all.push((format!("page-{title}"), rendered.unwrap().html));
    for flow in [Verify, ConfirmEmail, UndoEmail, Invitation] {
        let ask = Ask { flow, address: line(), inviter: person().filter(|_| flow == Invitation) };
        add(&format!("ask-{flow:?}"), render(templates, &frame, &ask));
    }
    for flow in [Verify, Reset, Invitation] {
        let named = person().filter(|_| flow == Invitation);
        let problems = if flow == Reset { vec![Problem::PasswordTooCommon] } else { Vec::new() };
        let page =
            NewPassword { flow, address: line(), inviter: named.clone(), name: named, minimum: 15, problems };
        add(&format!("password-{flow:?}"), render(templates, &frame, &page));
    }
    for flow in [Verify, Reset, ConfirmEmail, UndoEmail, Invitation] {
        let onward = Link::parse("https://app.example.com/").filter(|_| flow != UndoEmail);
        add(&format!("done-{flow:?}"), render(templates, &frame, &Done { flow, onward }));
        add(&format!("refused-{flow:?}"), render(templates, &frame, &DeadLink { flow }));
    }
    let room = |name| Room { name, href: "/".into() };
    let rooms = ["docs", "mail", "events", "start", "metadata", "keys"].map(room).into();
    let open = Doorstep { rooms, command: Some("curl http://localhost:3000/multitenant/current".into()) };
    add("doorstep-open", render(templates, &frame, &open));
    add("doorstep-shut", render(templates, &frame, &Doorstep { rooms: Vec::new(), command: None }));
    for status in [404, 418, 429, 500, 503] {
        add(&format!("error-{status}"), render(templates, &frame, &Failure { status, request_id: line() }));
    }
    all
}

/// The marker stays the marker; any other name is a tenant's, and a person has one of their own.
fn person(name: &str) -> Line {
    Line::new(if name == MARKER { name } else { "Ada Lovelace" })
}

fn written(templates: &Templates, locale: Locale, name: &str) -> Vec<(&'static str, mail::Written)> {
    let head = Letterhead { tenant: frame(locale, name).tenant, changed: Override::default() };
    let to = Recipient { address: Line::new("ada@example.com"), name: Some(person(name)), locale };
    samples::all().iter().map(|m| (m.name(), mail::write(templates, m, &to, &head).unwrap())).collect()
}

fn kept(templates: &Templates, name: &str) -> Vec<KeptMail> {
    let kept = Kept::default();
    let head = Letterhead { tenant: frame(Locale::En, name).tenant, changed: Override::default() };
    for (index, message) in samples::all().into_iter().enumerate() {
        let to = Recipient {
            address: Line::new("ada@example.com"),
            name: Some(Line::new(name)),
            locale: Locale::En,
        };
        let from = Sender { name: Line::new(name), address: "no-reply@example.com".into(), reply_to: None };
        let written = mail::write(templates, &message, &to, &head).unwrap();
        let at = AT + Duration::from_secs(97 * index as u64);
        let envelope = Envelope::new(DeliveryId::new(), at, (&message, written), (from, to));
        let built = envelope.build().unwrap();
        kept.put(envelope, &built);
    }
    for mail in kept.list(None).iter().skip(4) {
        kept.mark_read(mail.id);
    }
    kept.list(None)
}

fn request(path: &str, status: u16, took: u64) -> Request {
    let refusal =
        (status == 401).then(|| "authPasswordBased.login.invalidEmailPasswordCombination".to_owned());
    let (id, tenant) = ("019aa0c5-8e6b-7d31-a44f-4c2a11e0f6a2".into(), Some("demo".into()));
    Request {
        id,
        at: AT,
        method: "POST".into(),
        path: path.into(),
        status,
        took: Duration::from_micros(took),
        tenant,
        refusal,
    }
}

fn bar(name: &str, depth: usize, span: (u64, u64), fields: &[(&str, &str)]) -> Bar {
    let (offset, took) = (Duration::from_micros(span.0), Duration::from_micros(span.1));
    let refusal = (name == "password.login")
        .then(|| "authPasswordBased.login.invalidEmailPasswordCombination".to_owned());
    let fields = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Bar { name: name.into(), depth, offset, took, refusal, fields }
}

fn consequences() -> Vec<dev::Consequence> {
    let one = |kind, name: &str, depth, state: Option<&str>, reason: Option<&str>| dev::Consequence {
        kind,
        page: (kind == "action" || kind == "job").then(|| "0199f2c1-7a10-7bb3-9d5c-0a4be1d2c3f4".to_owned()),
        name: name.to_owned(),
        depth,
        at: Timestamp::EPOCH,
        state: state.map(str::to_owned),
        reason: reason.map(str::to_owned),
    };
    vec![
        one("event", "doorward.user.post.create", 0, None, None),
        one("action", "Who comes from outside", 1, Some("done"), None),
        one("event", "x.guest", 2, None, None),
        one("action", "Tell the owner", 3, Some("done"), None),
        one("job", "mail.send", 4, Some("queued"), None),
        one("delivery", "hooks.example.com", 1, Some("failed"), Some("answered 500")),
    ]
}

fn development(templates: &Templates, name: &str) -> Vec<(String, String)> {
    let mails = kept(templates, name);
    let verify = mails.last().unwrap();
    let fact = |a: &str, b: &str| Fact { name: a.into(), value: b.into() };
    let home = Home {
        tenant: "demo".into(),
        address: "http://localhost:3000".into(),
        people: vec![fact("Owner", "the invitation is in the inbox"), fact("Grace", name)],
        clients: vec![fact("demo-web", "browser, any http://localhost:*"), fact("demo-cli", "native")],
        commands: vec![fact(
            "Sign up",
            "curl -d '{\"email\":\"ada@example.com\"}' localhost:3000/api/v1/auth/password/signup",
        )],
    };
    let requests = [
        request("/auth/password-based/login", 401, 48_210),
        request(if name == MARKER { name } else { "/api/v1/auth/session/refresh" }, 200, 3_120),
        request("/x", 500, 900),
    ];
    let bars = [
        bar("request", 0, (0, 48_210), &[("user_agent", name)]),
        bar("gate.authenticate", 1, (40, 310), &[]),
        bar("password.login", 1, (400, 47_500), &[("tenant", "demo"), ("client", "demo-web")]),
        bar("db.read", 2, (450, 820), &[("rows", "1")]),
        bar("hasher.verify", 2, (1_300, 44_000), &[("scheme", "argon2id")]),
        bar("db.write", 2, (45_400, 2_300), &[("savepoint", "3")]),
        bar("audit", 3, (45_600, 140), &[]),
    ];
    let tab = |tab| dev::mail(templates, verify, tab).unwrap().html;
    vec![
        ("dev-home".into(), dev::home(templates, &home).unwrap().html),
        (
            "dev-inbox".into(),
            dev::inbox(templates, &mails, if name == MARKER { name } else { "" }).unwrap().html,
        ),
        ("dev-empty".into(), dev::inbox(templates, &[], "").unwrap().html),
        ("dev-mail-html".into(), tab(Tab::Html)),
        ("dev-mail-text".into(), tab(Tab::Text)),
        ("dev-mail-source".into(), tab(Tab::Source)),
        ("dev-mail-links".into(), tab(Tab::Links)),
        ("dev-requests".into(), dev::requests(templates, &requests).unwrap().html),
        ("dev-request".into(), dev::request(templates, &requests[0], (&bars, &consequences())).unwrap().html),
    ]
}

fn inert(name: &str, html: &str) {
    assert!(!html.contains("<script>x"), "{name} runs a script");
    assert!(!html.contains("\"onx="), "{name} lets a value out of its attribute");
    assert!(!html.contains("y49"), "{name} ran a value as a template");
    assert!(html.contains("7*7"), "{name} does not show the marker, so it proves nothing");
}

#[test]
fn what_people_and_tenants_wrote_stays_inert_in_every_page() {
    let templates = Templates::embedded().unwrap();

    for locale in Locale::ALL {
        pages(&templates, locale, MARKER).iter().for_each(|(name, html)| inert(name, html));
    }
    for (name, html) in development(&templates, MARKER).iter().filter(|(name, _)| !name.contains("empty")) {
        if name != "dev-mail-html" || html.contains("7*7") {
            inert(name, html);
        }
    }
}

#[test]
fn what_people_and_tenants_wrote_stays_inert_in_every_mail() {
    let templates = Templates::embedded().unwrap();

    for locale in Locale::ALL {
        for (name, mail) in written(&templates, locale, MARKER) {
            inert(name, &mail.html);
            assert!(!mail.text.contains("\nBcc:") && !mail.text.contains("y49"), "{name}");
            assert!(!mail.subject.as_str().contains(['\r', '\n']), "{name}");
        }
    }
}

#[test]
fn no_page_needs_a_hole_in_its_policy() {
    let templates = Templates::embedded().unwrap();
    let all = pages(&templates, Locale::En, "Acme").into_iter().chain(development(&templates, "Acme"));

    for (name, html) in all {
        assert!(!html.contains(" style=\""), "{name} has a style attribute");
        assert!(!html.contains(" onclick=\"") && !html.contains("<script>"), "{name} has inline script");
        assert_eq!(
            html.matches("<style").count(),
            html.matches("<style nonce=\"r4nd0m\">").count(),
            "{name}"
        );
        assert!(!html.contains("src=\"http") && !html.contains("src=\"//"), "{name} loads from elsewhere");
    }
}

#[test]
fn the_token_travels_in_the_body_and_not_in_the_forms_address() {
    let templates = Templates::embedded().unwrap();
    let page = NewPassword {
        flow: Flow::Reset,
        address: None,
        inviter: None,
        name: None,
        minimum: 15,
        problems: vec![],
    };

    let html = render(&templates, &frame(Locale::En, "Acme"), &page).unwrap().html;

    assert!(html.contains(r#"<form method="post" action="/auth/password/reset">"#));
    assert!(html.contains(r#"<input type="hidden" name="token" value="t0kenAcme">"#));
    assert!(html.contains(r#"href="/auth/password/reset?token=t0kenAcme&amp;lang=nl""#));
}

#[test]
fn an_error_takes_the_focus_and_names_its_field() {
    let templates = Templates::embedded().unwrap();
    let problems = vec![Problem::PasswordTooShort];
    let page =
        NewPassword { flow: Flow::Reset, address: None, inviter: None, name: None, minimum: 15, problems };

    let html = render(&templates, &frame(Locale::Nl, "Acme"), &page).unwrap().html;

    assert!(html.contains(r#"role="alert" tabindex="-1" autofocus"#));
    assert!(html.contains(r##"<a href="#password">Gebruik ten minste 15 tekens.</a>"##));
    assert!(html.contains(r#"aria-invalid="true""#));
}

#[test]
fn every_page_and_mail_renders_in_every_language() {
    let templates = Templates::embedded().unwrap();
    let mut all = development(&templates, "Acme Works");
    for locale in Locale::ALL {
        all.extend(
            pages(&templates, locale, "Acme Works").into_iter().map(|(n, h)| (format!("{n}-{locale}"), h)),
        );
        for (name, mail) in written(&templates, locale, "Acme Works") {
            let name = name.replace('/', "-");
            all.push((format!("mail-{name}-{locale}"), mail.html));
            all.push((
                format!("text-{name}-{locale}"),
                format!("Subject: {}\n\n{}", mail.subject, mail.text),
            ));
        }
    }

    assert_eq!(all.len(), 9 + 2 * (24 + 2 * 14));
    if let Ok(folder) = std::env::var("DOORWARD_GALLERY") {
        keep(&folder, &all);
    }
}

fn keep(folder: &str, all: &[(String, String)]) {
    for (name, content) in all {
        let extension = if name.starts_with("text-") { "txt" } else { "html" };
        std::fs::write(format!("{folder}/{name}.{extension}"), content).unwrap();
    }
}
