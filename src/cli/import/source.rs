//! Where the lines come from: a file or stdin, of JSON or of CSV.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::lines::{Lines, fields};
use super::person::{MEMBERS, Row, Wrong};
use crate::auth::password::events::Imported;
use crate::components::line::Line;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Jsonl,
    Csv,
}

pub struct Source {
    lines: Lines<Box<dyn BufRead>>,
    /// Of CSV.
    head: Option<Vec<&'static str>>,
}

pub struct Read {
    pub line: u64,
    pub person: Result<Imported, Wrong>,
}

impl Source {
    pub fn open(path: &Path, format: Option<Format>) -> Result<Self, String> {
        let format = format.or_else(|| told_by(path)).ok_or("say --format jsonl or --format csv")?;
        let from: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(BufReader::new(io::stdin()))
        } else {
            let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Box::new(BufReader::new(file))
        };
        let mut lines = Lines::of(from);
        let head = if format == Format::Csv { Some(head(&mut lines)?) } else { None };
        Ok(Self { lines, head })
    }

    /// At most so many lines; none at the end.
    pub fn batch(&mut self, most: usize) -> io::Result<Vec<Read>> {
        let mut batch = Vec::with_capacity(most);
        while batch.len() < most {
            let Some(text) = self.lines.next()? else { break };
            let row = text.and_then(|text| match &self.head {
                None => Row::of_json(&text),
                Some(head) => Row::of_fields(head, fields(&text)?),
            });
            batch.push(Read { line: self.lines.number, person: row.and_then(Row::person) });
        }
        Ok(batch)
    }
}

fn told_by(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "csv" => Some(Format::Csv),
        _ => None,
    }
}

/// The first line of CSV names the columns; where one of them is not known, none of the file is.
fn head<R: BufRead>(lines: &mut Lines<R>) -> Result<Vec<&'static str>, String> {
    let first = lines.next().map_err(|error| error.to_string())?;
    let first = first.ok_or("the file is empty; its first line names the columns")?;
    let names = first.and_then(|line| fields(&line)).map_err(|wrong| wrong.told(1, None))?;
    let known = |name: &String| {
        let name = name.trim();
        let unknown = || {
            let there = MEMBERS.join(", ");
            format!("line 1: import.line.member: there is no column {}; there are {there}", Line::new(name))
        };
        MEMBERS.iter().copied().find(|member| *member == name).ok_or_else(unknown)
    };
    let head = names.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    let twice =
        head.iter().enumerate().find(|(at, name)| head.iter().skip(at + 1).any(|other| other == *name));
    match twice {
        Some((_, name)) => Err(format!("line 1: import.line.member: the column {name} stands twice")),
        None if head.contains(&"email") => Ok(head),
        None => Err("line 1: import.email.missing: there is no column email".to_owned()),
    }
}
