//! The pages of development: the door to them, the inbox, and requests as waterfalls.

use std::time::Duration;

use minijinja::{Value, context};
use serde::Serialize;

use super::Rendered;
use crate::base::{Result, Timestamp};
use crate::components::assets;
use crate::components::mailer::KeptMail;
use crate::components::templates::{Templates, value};

/// Scripts and event streams of our own origin only; a kept mail stands in a frame of its own.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      frame-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

/// A mail's HTML, by its own URL: no scripts, no forms, no way to the page around it, nothing from elsewhere.
const MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
                           style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; \
                           frame-ancestors 'self'";

#[derive(Debug, Serialize)]
pub struct Home {
    pub tenant: String,
    pub address: String,
    /// What can be tried at once: who there is, and how to sign in as them.
    pub people: Vec<Fact>,
    pub clients: Vec<Fact>,
    pub commands: Vec<Fact>,
}

#[derive(Debug, Serialize)]
pub struct Fact {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tab {
    Html,
    Text,
    Source,
    Links,
}

impl Tab {
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            Some("text") => Self::Text,
            Some("source") => Self::Source,
            Some("links") => Self::Links,
            _ => Self::Html,
        }
    }
}

/// One request as the recorder has it.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    pub id: String,
    pub at: Timestamp,
    pub method: String,
    pub path: String,
    pub status: u16,
    pub took: Duration,
    pub tenant: Option<String>,
    pub refusal: Option<String>,
}

/// One span, in the order of the tree: each stands after its parent, one deeper.
#[derive(Debug, Clone)]
pub struct Bar {
    pub name: String,
    pub depth: usize,
    pub offset: Duration,
    pub took: Duration,
    pub refusal: Option<String>,
    pub fields: Vec<(String, String)>,
}

/// What followed from a request: each stands after what it follows from, one deeper.
#[derive(Debug, Clone)]
pub struct Consequence {
    pub kind: &'static str,
    /// Of a job: its own waterfall.
    pub page: Option<String>,
    pub name: String,
    pub depth: usize,
    pub at: Timestamp,
    pub state: Option<String>,
    pub reason: Option<String>,
}

/// Deeper spans keep the last indent: the style sheet knows so many.
const DEEPEST: usize = 12;

pub fn home(templates: &Templates, home: &Home) -> Result<Rendered> {
    render(templates, "home", context! { page => value(home) })
}

pub fn inbox(templates: &Templates, mails: &[KeptMail], recipient: &str) -> Result<Rendered> {
    let rows: Vec<_> = mails.iter().take(200).map(row).collect();
    let unread = mails.iter().filter(|mail| !mail.read).count();
    render(templates, "inbox", context! { mails => rows, unread, recipient, total => mails.len() })
}

pub fn mail(templates: &Templates, mail: &KeptMail, tab: Tab) -> Result<Rendered> {
    let values = context! { mail => value(mail), row => row(mail), tab => value(&tab) };
    render(templates, "mail", values)
}

/// What the frame of the HTML tab loads.
pub fn mail_body(mail: &KeptMail) -> Rendered {
    Rendered { html: mail.html.clone(), policy: MAIL_POLICY.to_owned() }
}

pub fn requests(templates: &Templates, requests: &[Request]) -> Result<Rendered> {
    let slowest = requests.iter().map(|request| request.took).max().unwrap_or_default();
    let line = |request: &Request| {
        context! {
            share => share(request.took, slowest),
            ..request_line(request)
        }
    };
    let rows: Vec<_> = requests.iter().take(300).map(line).collect();
    render(templates, "requests", context! { requests => rows })
}

pub fn request(
    templates: &Templates,
    request: &Request,
    (bars, followed): (&[Bar], &[Consequence]),
) -> Result<Rendered> {
    let end = bars.iter().map(|bar| bar.offset + bar.took).max().unwrap_or_default().max(request.took);
    let ticks: Vec<_> =
        (0..=4).map(|quarter| context! { at => quarter * 25, label => millis(end * quarter / 4) }).collect();
    let line = |bar: &Bar| {
        context! {
            name => bar.name.clone(),
            depth => bar.depth.min(DEEPEST),
            start => share(bar.offset, end),
            width => share(bar.took, end),
            offset => millis(bar.offset),
            took => millis(bar.took),
            refusal => bar.refusal.clone(),
            fields => bar.fields.clone(),
        }
    };
    let rows: Vec<_> = bars.iter().take(2000).map(line).collect();
    let followed: Vec<_> = followed.iter().map(consequence).collect();
    let values = context! { request => request_line(request), bars => rows, ticks, followed };
    render(templates, "request", values)
}

fn consequence(one: &Consequence) -> Value {
    let state = one.state.as_deref().unwrap_or_default();
    context! {
        kind => one.kind,
        page => one.page.clone(),
        name => one.name.clone(),
        depth => one.depth.min(DEEPEST),
        clock => clock(one.at),
        mood => match state { "done" => "fine", "failed" | "dead" | "denied" | "stopped" => "failed", _ => "refused" },
        state,
        reason => one.reason.clone(),
    }
}

fn render(templates: &Templates, name: &str, values: Value) -> Result<Rendered> {
    let html = templates.house(
        &format!("page/dev/{name}.html"),
        context! {
            locale => "en",
            here => name,
            stylesheet => assets::versioned("/assets/doorward.css"),
            development => assets::versioned("/assets/development.css"),
            script => assets::versioned("/assets/inbox.js"),
            ..values
        },
    )?;
    Ok(Rendered { html, policy: POLICY.to_owned() })
}

fn row(mail: &KeptMail) -> Value {
    context! {
        id => mail.id.to_string(),
        to => mail.to.as_str(),
        subject => mail.subject.as_str(),
        name => mail.name,
        at => mail.at.to_string(),
        clock => clock(mail.at),
        read => mail.read,
        code => mail.code.as_ref().map(|code| code.expose()),
    }
}

fn request_line(request: &Request) -> Value {
    context! {
        kind => match request.status { 0..=399 => "fine", 400..=499 => "refused", _ => "failed" },
        clock => clock(request.at),
        ms => millis(request.took),
        // A long path may be broken after each of its parts, and nowhere else.
        parts => request.path.split_inclusive('/').map(str::to_owned).collect::<Vec<_>>(),
        ..value(request)
    }
}

/// `14:03:22.120`, cut from the RFC 3339 form.
fn clock(at: Timestamp) -> String {
    Timestamp(at.0 - at.0.rem_euclid(1000))
        .to_string()
        .chars()
        .skip(11)
        .take_while(|c| *c != 'Z')
        .take(12)
        .collect()
}

fn millis(lasting: Duration) -> String {
    let ms = lasting.as_secs_f64() * 1000.0;
    if ms < 10.0 { format!("{ms:.2}") } else { format!("{ms:.1}") }
}

/// In percent, with two digits: attributes of SVG, since a style attribute would need a hole in the policy.
fn share(part: Duration, whole: Duration) -> String {
    let whole = whole.as_secs_f64().max(f64::EPSILON);
    format!("{:.2}", (part.as_secs_f64() / whole * 100.0).clamp(0.0, 100.0))
}
