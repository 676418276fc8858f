//! `doorward doctor`: everything that an installation stands on, one line each, with what to do. It changes nothing.

mod backups;
mod checks;
mod file;
mod walls;

use std::process::ExitCode;

use serde::Serialize;

use super::desk::{self, json};
use super::settings::Flags;
use super::{Done, NO};
use crate::components::terminal::{Ink, paint, say};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 5 if anything fails; warnings alone do not count.\n\nExamples:\n  doorward doctor\n  doorward doctor --json | jq '.[] | select(.is != \"ok\")'"
)]
pub struct Doctor {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub what: &'static str,
    pub is: Is,
    pub words: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Is {
    Ok,
    Warn,
    Fail,
}

impl Finding {
    fn ok(what: &'static str, words: impl Into<String>) -> Self {
        Self { what, is: Is::Ok, words: words.into(), remedy: None }
    }

    fn warn(what: &'static str, words: impl Into<String>, remedy: &'static str) -> Self {
        Self { what, is: Is::Warn, words: words.into(), remedy: Some(remedy) }
    }

    fn fail(what: &'static str, words: impl Into<String>, remedy: &'static str) -> Self {
        Self { what, is: Is::Fail, words: words.into(), remedy: Some(remedy) }
    }
}

pub fn run(flags: &Flags, doctor: &Doctor) -> Done {
    let findings = checks::all(flags);
    if doctor.json {
        json(&findings);
    } else {
        findings.iter().for_each(|finding| say(&line(finding)));
    }
    let well = findings.iter().all(|finding| finding.is != Is::Fail);
    Ok(if well { desk::OK } else { ExitCode::from(NO) })
}

fn line(finding: &Finding) -> String {
    let (ink, word) = match finding.is {
        Is::Ok => (Ink::Green, "ok  "),
        Is::Warn => (Ink::Yellow, "warn"),
        Is::Fail => (Ink::Red, "fail"),
    };
    let words = finding.words.replace('\n', "\n                    ");
    let remedy =
        finding.remedy.map(|remedy| format!("\n                    -> {remedy}")).unwrap_or_default();
    format!("{}  {:<14}{words}{remedy}", paint(ink, word), finding.what)
}
