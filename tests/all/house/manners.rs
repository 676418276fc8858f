//! Manners of a file: it says what it is for, stays short, names its spans, and leaves diesel to the entities.

use super::source::{File, House};
use super::{assert_clean, house_with};

const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 50;

/// A list of columns, one a line, is as long as the list is.
const LISTS: &[&str] = &["db/schema.rs"];

/// The handles that keep rows of their own, and so may speak diesel.
const KEEPERS: &[&str] =
    &["components/keys.rs", "components/limiter.rs", "components/rotation.rs", "services/sql.rs"];

fn openings(house: &House) -> Vec<String> {
    let silent = house.files.iter().filter(|file| !file.text.starts_with("//! "));
    silent
        .map(|file| format!("src/{}: its first line does not say (`//! …`) what it is for", file.path))
        .collect()
}

fn lengths(house: &House) -> Vec<String> {
    let long = house.files.iter().filter(|file| !LISTS.contains(&file.path.as_str()));
    let long = long.map(|file| (file, file.text.lines().count())).filter(|(_, lines)| *lines > LONGEST_FILE);
    long.map(|(file, lines)| format!("src/{}: {lines} lines; split it by what it is about", file.path))
        .collect()
}

fn long_functions(house: &House) -> Vec<String> {
    house.files.iter().flat_map(long_functions_of).collect()
}

fn long_functions_of(file: &File) -> Vec<String> {
    let lines: Vec<&str> = file.code.lines().collect();
    let long = lines.iter().enumerate().filter_map(|(at, line)| {
        let name = function(line)?;
        let length = length(&lines[at..]);
        (length > LONGEST_FUNCTION)
            .then(|| format!("src/{}:{}: `{name}` has {length} lines", file.path, at + 1))
    });
    long.collect()
}

/// rustfmt closes a function with a brace on the column where it began, and a declaration with `;`.
fn length(from: &[&str]) -> usize {
    let first = from[0].trim_end();
    if first.ends_with(['}', ';']) {
        return 1;
    }
    let margin = first.len() - first.trim_start().len();
    let close = format!("{}}}", " ".repeat(margin));
    let declared = format!("{})", " ".repeat(margin));
    let is_last = |line: &str| line == close || (line.starts_with(&declared) && line.ends_with(';'));
    from.iter().position(|line| is_last(line.trim_end())).map_or(from.len(), |at| at + 1)
}

fn unnamed_events(house: &House) -> Vec<String> {
    let events =
        house.files.iter().filter(|file| file.name() == "events.rs" || file.path.contains("/events/"));
    events.flat_map(unnamed_events_of).collect()
}

fn unnamed_events_of(file: &File) -> Vec<String> {
    let folders: Vec<&str> = file.path.split('/').rev().skip(1).collect();
    let room = folders.into_iter().find(|folder| *folder != "events").unwrap_or_default();
    let lines: Vec<&str> = file.text.lines().collect();
    let events = lines.iter().enumerate().filter(|(_, line)| line.starts_with("pub async fn "));
    let unnamed = events.filter_map(|(at, line)| {
        let name = function(line).unwrap_or_default();
        let above: Vec<&str> =
            lines.iter().take(at).rev().take_while(|l| !l.is_empty() && **l != "}").copied().collect();
        let above = above.into_iter().rev().collect::<Vec<_>>().concat();
        let span = format!("name = \"{room}.{name}\"");
        let whole = above.contains("instrument(") && above.contains(&span) && above.contains("skip_all");
        (!whole).then(|| format!("src/{}:{}: no `#[instrument({span}, skip_all)]`", file.path, at + 1))
    });
    unnamed.collect()
}

/// A span that records its arguments records secrets sooner or later.
fn chatty_spans(house: &House) -> Vec<String> {
    house.files.iter().flat_map(chatty_spans_of).collect()
}

fn chatty_spans_of(file: &File) -> Vec<String> {
    let spans = file.code.match_indices("instrument").filter(|(at, _)| {
        let line = file.code.split_at(*at).0.rsplit('\n').next().unwrap_or_default().trim_start();
        line == "#[" || line == "#[tracing::"
    });
    let chatty = spans.filter(|(at, _)| {
        let attribute = file.code.split_at(*at).1;
        !attribute.split(']').next().unwrap_or_default().contains("skip_all")
    });
    chatty.map(|(at, _)| format!("src/{}:{}: a span without `skip_all`", file.path, file.line(at))).collect()
}

fn stray_diesel(house: &House) -> Vec<String> {
    let others = house.files.iter().filter(|file| !may_speak_diesel(file));
    let stray = others.filter_map(|file| {
        let at = file.code.match_indices("diesel").map(|(at, _)| at).find(|at| is_word(&file.code, *at))?;
        Some(format!("src/{}:{}: diesel outside an entity", file.path, file.line(at)))
    });
    stray.collect()
}

fn may_speak_diesel(file: &File) -> bool {
    let is_entity = ["entity.rs", "service.rs"].contains(&file.name())
        || ["/entity/", "/service/"].iter().any(|folder| file.path.contains(folder));
    is_entity || ["identity", "db"].contains(&file.room().as_str()) || KEEPERS.contains(&file.path.as_str())
}

fn is_word(code: &str, at: usize) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    let (before, after) = code.split_at(at);
    let after = after.strip_prefix("diesel").unwrap_or_default();
    !before.ends_with(part_of_name) && (after.starts_with("::") || after.starts_with([']', ';', '(']))
}

/// The name, where a line begins a function.
fn function(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let words = before.split_whitespace().filter(|word| !word.starts_with("pub"));
    let plain = words
        .into_iter()
        .all(|word| ["const", "async", "unsafe", "extern", "crate)", "super)"].contains(&word));
    let name = after.split(['(', '<']).next()?;
    (plain && !name.is_empty()).then_some(name)
}

#[test]
fn every_file_says_what_it_is_for() {
    assert_clean(&openings(&House::read()));
    assert_eq!(openings(&house_with("base/id.rs", "use std::fmt;\n")).len(), 1);
}

#[test]
fn no_file_is_longer_than_a_reader_bears() {
    assert_clean(&lengths(&House::read()));
    assert_eq!(lengths(&house_with("base/id.rs", &"\n".repeat(401))).len(), 1);
}

#[test]
fn no_function_is_longer_than_a_screen() {
    let long = format!(
        "impl A {{\n    pub async fn f(\n        a: u8,\n    ) {{\n{}    }}\n}}\n",
        "        g();\n".repeat(47)
    );
    let fits = long.replacen("        g();\n", "", 1);

    assert_clean(&long_functions(&House::read()));
    assert_eq!(long_functions(&house_with("base/id.rs", &long)), ["src/base/id.rs:2: `f` has 51 lines"]);
    assert_clean(&long_functions(&house_with("base/id.rs", &fits)));
}

#[test]
fn every_event_is_a_span_of_its_own_name() {
    let named = "#[instrument(name = \"password.login\", skip_all, err)]\n";
    let event = "pub async fn login(scope: &Scope) {\n}\n";

    assert_clean(&unnamed_events(&House::read()));
    assert_clean(&unnamed_events(&house_with("auth/password/events.rs", &format!("{named}{event}"))));
    assert_eq!(unnamed_events(&house_with("auth/password/events.rs", event)).len(), 1);
    assert_eq!(unnamed_events(&house_with("auth/totp/events.rs", &format!("{named}{event}"))).len(), 1);
    let chatty = named.replace(", skip_all", "");
    assert_eq!(unnamed_events(&house_with("auth/password/events.rs", &format!("{chatty}{event}"))).len(), 1);
}

#[test]
fn no_span_records_what_it_was_called_with() {
    let steps = "#[instrument(\n    name = \"sessions.start\",\n)]\npub fn start() {}\n";

    assert_clean(&chatty_spans(&House::read()));
    assert_eq!(chatty_spans(&house_with("sessions/steps.rs", steps)).len(), 1);
}

#[test]
fn only_entities_and_named_keepers_speak_diesel() {
    assert_clean(&stray_diesel(&House::read()));
    assert_eq!(stray_diesel(&house_with("sessions/events.rs", "use diesel::prelude::*;")).len(), 1);
    assert_eq!(stray_diesel(&house_with("cli/verify.rs", "fn f() { diesel::select(1) }")).len(), 1);
    assert_clean(&stray_diesel(&house_with("sessions/entity.rs", "use diesel::prelude::*;")));
    assert_clean(&stray_diesel(&house_with("cli/mod.rs", "//! diesel::prelude\n")));
}
