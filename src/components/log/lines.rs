//! One line for each thing that is told, with the request or job that it belongs to.

use std::fmt::{Debug, Write as _};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::text;
use super::unseen::quoted;
use uuid::Uuid;

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
    pub facts: Vec<(&'static str, &'l Fact)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    Text(String),
    Number(f64),
    Whole(i64),
    Truth(bool),
    Id(Uuid),
}

/// What a root's fields say, for every line that is written inside it.
#[derive(Default)]
struct Told(Facts);

#[derive(Default)]
struct Facts {
    /// Each at its place in `ORDER`: every request writes a line, and neither searches nor sorts for it.
    ordered: [Option<Fact>; ORDER.len()],
    others: Vec<(&'static str, Fact)>,
}

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

    fn tell(&self, metadata: &Metadata<'_>, facts: Vec<(&'static str, &Fact)>) {
        let target = Some(metadata.target()).filter(|target| !target.starts_with("doorward"));
        let line = Line { at: self.clock.now(), level: metadata.level(), target, facts };
        let mut text = match self.look {
            Look::Json => json(&line),
            Look::Text { coloured } => text::line(&line, coloured),
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
        let mut said = Facts::default();
        event.record(&mut said);
        for span in context.event_scope(event).into_iter().flatten() {
            let extensions = span.extensions();
            if let Some(Told(known)) = extensions.get::<Told>() {
                return self.tell(event.metadata(), said.over(known));
            }
        }
        self.tell(event.metadata(), said.over(&Facts::default()));
    }
}

impl Facts {
    fn put(&mut self, name: &'static str, fact: Fact) {
        if let Some(place) = place(name).and_then(|place| self.ordered.get_mut(place)) {
            *place = Some(fact);
            return;
        }
        match self.others.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = fact,
            None => self.others.push((name, fact)),
        }
    }

    /// What is said here, and of the rest what was known before; in order.
    fn over<'f>(&'f self, known: &'f Self) -> Vec<(&'static str, &'f Fact)> {
        let each = ORDER.iter().zip(self.ordered.iter().zip(&known.ordered));
        let ordered = each.filter_map(|(name, (own, known))| Some((*name, own.as_ref().or(known.as_ref())?)));
        let unsaid = known.others.iter().filter(|(name, _)| !self.others.iter().any(|(own, _)| own == name));
        ordered.chain(unsaid.chain(&self.others).map(|(name, fact)| (*name, fact))).collect()
    }
}

fn place(name: &str) -> Option<usize> {
    // Most differ in their length already.
    ORDER.iter().position(|known| known.len() == name.len() && *known == name)
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

    /// A number that wide is an id of ours.
    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(named(field), Fact::Id(Uuid::from_u128(value)));
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

fn level(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn json(line: &Line<'_>) -> String {
    let mut out = String::with_capacity(512);
    out.push_str("{\"timestamp\":");
    let _ = write!(out, "\"{}\"", line.at);
    out.push_str(",\"level\":");
    quoted(level(line.level), &mut out);
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
            // Writing to a string does not fail.
            Fact::Number(number) if number.is_finite() => _ = write!(out, "{number}"),
            Fact::Number(_) => out.push_str("null"),
            Fact::Whole(number) => _ = write!(out, "{number}"),
            Fact::Truth(truth) => _ = write!(out, "{truth}"),
            Fact::Id(id) => _ = write!(out, "\"{id}\""),
        }
    }
    out.push('}');
    out
}
