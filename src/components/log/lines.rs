//! One line for each thing that is told, with the request or job that it belongs to.

use std::fmt::Debug;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::text;
use super::unseen::quoted;
use crate::base::Timestamp;
use crate::components::clock::Clock;
use crate::components::recorder::is_root;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Json,
    Text { coloured: bool },
}

type Write = Box<dyn Fn(&[u8]) + Send + Sync>;

pub struct Lines {
    look: Look,
    clock: Clock,
    write: Write,
}

/// What is told, in the order in which it stands in the line.
pub struct Line<'l> {
    pub at: Timestamp,
    pub level: &'l Level,
    /// Of a library's event.
    pub target: Option<&'l str>,
    pub facts: Vec<(&'static str, Fact)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    Text(String),
    Number(f64),
    Whole(i64),
    Truth(bool),
}

/// What a root's fields say, for every line that is written inside it.
#[derive(Default)]
struct Told(Facts);

#[derive(Default)]
struct Facts(Vec<(&'static str, Fact)>);

/// First in a line, in this order; whatever else follows.
const ORDER: &[&str] = &[
    "message",
    "request_id",
    "job_id",
    "tenant",
    "actor",
    "event",
    "outcome",
    "status",
    "key",
    "reason",
    "millis",
    "method",
    "route",
    "address",
];

impl Lines {
    pub fn new(look: Look, clock: Clock, write: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self { look, clock, write: Box::new(write) }
    }

    fn tell(&self, line: &Line<'_>) {
        let mut text = match self.look {
            Look::Json => json(line),
            Look::Text { coloured } => text::line(line, coloured),
        };
        text.push('\n');
        (self.write)(text.as_bytes());
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !is_root(attributes.metadata()) {
            return;
        }
        let mut told = Told::default();
        attributes.record(&mut told.0);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(told);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(told) = span.extensions_mut().get_mut::<Told>()
        {
            values.record(&mut told.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut facts = Facts::default();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Told(known)) = span.extensions().get::<Told>() {
                known.0.iter().for_each(|(name, fact)| facts.put(name, fact.clone()));
                break;
            }
        }
        event.record(&mut facts);
        let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
        facts.0.sort_by_key(|(name, _)| place(name));
        let metadata = event.metadata();
        let target = Some(metadata.target()).filter(|target| !target.starts_with("doorward"));
        self.tell(&Line { at: self.clock.now(), level: metadata.level(), target, facts: facts.0 });
    }
}

impl Facts {
    fn put(&mut self, name: &'static str, fact: Fact) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = fact,
            None => self.0.push((name, fact)),
        }
    }
}

fn named(field: &Field) -> &'static str {
    match field.name() {
        "request" => "request_id",
        "job" => "job_id",
        name => name,
    }
}

impl Visit for Facts {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(named(field), Fact::Number(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(named(field), Fact::Whole(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(named(field), Fact::Whole(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(named(field), Fact::Truth(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(named(field), Fact::Text(value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(named(field), Fact::Text(format!("{value:?}")));
    }
}

fn json(line: &Line<'_>) -> String {
    let mut out = String::with_capacity(512);
    out.push_str("{\"timestamp\":");
    quoted(&line.at.to_string(), &mut out);
    out.push_str(",\"level\":");
    quoted(&line.level.as_str().to_lowercase(), &mut out);
    if let Some(target) = line.target {
        out.push_str(",\"target\":");
        quoted(target, &mut out);
    }
    for (name, fact) in &line.facts {
        out.push(',');
        quoted(name, &mut out);
        out.push(':');
        match fact {
            Fact::Text(text) => quoted(text, &mut out),
            Fact::Number(number) if number.is_finite() => out.push_str(&number.to_string()),
            Fact::Number(_) => out.push_str("null"),
            Fact::Whole(number) => out.push_str(&number.to_string()),
            Fact::Truth(truth) => out.push_str(&truth.to_string()),
        }
    }
    out.push('}');
    out
}
