//! A line for a person at a terminal: when, what, and how it ended, in colours.

use tracing::Level;

use super::lines::{Fact, Line};
use super::unseen::plain;

const GREY: &str = "\u{1b}[90m";
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const RED: &str = "\u{1b}[31m";
const END: &str = "\u{1b}[0m";

pub fn line(line: &Line<'_>, coloured: bool) -> String {
    let paint = |text: &str, colour: &str| {
        if coloured { format!("{colour}{text}{END}") } else { text.to_owned() }
    };
    let clock: String = line.at.to_string().chars().skip(11).take(12).collect();
    let colour = colour(line);
    let level = paint(&format!("{:5}", line.level.as_str()), colour);
    let mut out = format!("{} {level}", paint(clock.trim_end_matches('Z'), GREY));
    let mut shown = vec!["message"];
    if let (Some(method), Some(route), Some(status)) =
        (word(line, "method"), word(line, "route"), word(line, "status"))
    {
        let millis = word(line, "millis").unwrap_or_default();
        out.push_str(&format!(" {} {method} {route} {millis} ms", paint(&status, colour)));
        shown.extend(["method", "route", "status", "millis", "outcome", "address"]);
    } else {
        out.push(' ');
        out.push_str(&sentence(line));
    }
    if let Some(target) = line.target {
        out.push_str(&format!(" ({target})"));
    }
    for (name, fact) in line.facts.iter().filter(|(name, _)| !shown.contains(name)) {
        out.push(' ');
        out.push_str(&paint(&format!("{name}="), GREY));
        out.push_str(&shown_as(fact));
    }
    out
}

fn colour(line: &Line<'_>) -> &'static str {
    match (word(line, "outcome").as_deref(), *line.level) {
        (Some("failed"), _) | (_, Level::ERROR) => RED,
        (Some("refused"), _) | (_, Level::WARN) => YELLOW,
        (_, Level::INFO) => GREEN,
        _ => GREY,
    }
}

fn word(line: &Line<'_>, name: &str) -> Option<String> {
    line.facts.iter().find(|(known, _)| *known == name).map(|(_, fact)| shown_as(fact))
}

/// A message is ours, but may hold what a library says: its line breaks stay inside it.
fn sentence(line: &Line<'_>) -> String {
    let message = line.facts.iter().find(|(name, _)| *name == "message");
    let Some((_, Fact::Text(text))) = message else { return String::new() };
    if text.chars().all(|c| c == ' ' || (!c.is_control() && c.is_ascii())) {
        return text.clone();
    }
    let mut out = String::new();
    plain(text, &mut out);
    out
}

fn shown_as(fact: &Fact) -> String {
    let mut out = String::new();
    match fact {
        Fact::Text(text) => plain(text, &mut out),
        Fact::Number(number) => out = number.to_string(),
        Fact::Whole(number) => out = number.to_string(),
        Fact::Truth(truth) => out = truth.to_string(),
        Fact::Id(id) => out = id.to_string(),
    }
    out
}
