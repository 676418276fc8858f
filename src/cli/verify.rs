//! `doorward verify`: the whole database against the rules that no constraint can say.

use std::process::ExitCode;

use secrecy::ExposeSecret;

use super::desk::{self, at_desk, json};
use super::settings::Flags;
use super::{Done, NO};
use crate::components::database::file_of;
use crate::components::terminal::{Ink, paint, say, table};
use crate::db::DbConn;
use crate::db::copy::is_damage;
use crate::management::entity::rules::{self, Fault};
use crate::management::events::verify;

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 5 if it finds a fault.\n\nExample:\n  doorward verify")]
pub struct Verify {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(flags: &Flags, options: &Verify) -> Done {
    let loaded = flags.load()?;
    let url = loaded.config.database.url.expose_secret();
    // Looking makes nothing, also in development.
    if let Some(file) = file_of(url).filter(|file| !file.exists()) {
        return Err(format!("there is no database at {} yet", file.display()));
    }
    if let Some(faults) = damaged(url) {
        return Ok(tell(&faults, options));
    }
    at_desk(flags, async |scope| {
        let faults = verify::verify(&scope).await?;
        Ok(tell(&faults, options))
    })
}

/// Of a file in which no server could start, so that there is nobody to ask. None when there is nothing to tell.
fn damaged(url: &str) -> Option<Vec<Fault>> {
    let file = file_of(url).filter(|file| file.exists())?;
    let faults = match DbConn::open(&file.display().to_string()) {
        Ok(mut conn) => rules::damaged(&mut conn).ok()?,
        Err(error) if is_damage(&error.to_string()) => vec![rules::unreadable(&error.to_string())],
        Err(_) => return None,
    };
    Some(faults).filter(|faults| !faults.is_empty())
}

fn tell(faults: &[Fault], options: &Verify) -> ExitCode {
    if options.json {
        json(&faults);
    } else if faults.is_empty() {
        say(&paint(Ink::Green, "the database is sound"));
    } else {
        say(&shown(faults));
    }
    if faults.is_empty() { desk::OK } else { ExitCode::from(NO) }
}

/// Not only overdue.
pub fn is_wrong(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| !fault.is_late)
}

pub fn shown(faults: &[Fault]) -> String {
    let mut rows = vec![["TABLE", "ID", "FAULT"].map(String::from).to_vec()];
    rows.extend(
        faults.iter().map(|fault| vec![fault.table.to_owned(), fault.id.to_string(), fault.says.clone()]),
    );
    table(&rows)
}
