//! `doorward verify`: the whole database against the rules that no constraint can say.

use std::process::ExitCode;

use super::desk::{self, at_desk, json};
use super::settings::Flags;
use super::{Done, NO};
use crate::components::terminal::{Ink, paint, say, table};
use crate::management::events::verify;

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 5 if it finds a fault.\n\nExample:\n  doorward verify")]
pub struct Verify {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(flags: &Flags, options: &Verify) -> Done {
    at_desk(flags, async |scope| {
        let faults = verify::verify(&scope).await?;
        if options.json {
            json(&faults);
        } else if faults.is_empty() {
            say(&paint(Ink::Green, "the database is sound"));
        } else {
            let mut rows = vec![["TABLE", "ID", "FAULT"].map(String::from).to_vec()];
            rows.extend(
                faults
                    .iter()
                    .map(|fault| vec![fault.table.to_owned(), fault.id.to_string(), fault.says.clone()]),
            );
            say(&table(&rows));
        }
        Ok(if faults.is_empty() { desk::OK } else { ExitCode::from(NO) })
    })
}
