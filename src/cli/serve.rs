//! `doorward serve`: the server's whole life, from settings to the last signal.

use std::process::ExitCode;
use std::time::Duration;

use super::settings::Flags;
use crate::app;
use crate::components::platform::Outcome;
use crate::components::recorder::Recorder;
use crate::components::{log, metrics};

/// How long work in progress may take to end.
const DEADLINE: Duration = Duration::from_secs(25);

pub fn run(flags: &Flags) -> ExitCode {
    match start(flags) {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Troubled(sentences)) => {
            sentences.iter().for_each(|sentence| eprintln!("doorward: {sentence}"));
            ExitCode::from(3)
        }
        Ok(Outcome::Hard(reason)) => {
            eprintln!("doorward: stopped hard: {reason}");
            ExitCode::from(4)
        }
        Err(why) => {
            eprintln!("doorward: {why}");
            ExitCode::FAILURE
        }
    }
}

fn start(flags: &Flags) -> Result<Outcome, String> {
    let given = flags.given()?;
    metrics::install().map_err(|error| error.to_string())?;
    let recorder = Recorder::shared(given.config.events.recorder, &given.clock);
    log::install(&given.config, &given.clock, &recorder);
    let platform = app::platform(&given).map_err(|unsound| unsound.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(platform.run_until_signal(DEADLINE)).map_err(|error| error.to_string())
}
