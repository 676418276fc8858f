//! `doorward serve` and `doorward work`: a process's whole life, from settings to the last signal.

use std::process::ExitCode;
use std::time::Duration;

use super::Done;
use super::settings::{Flags, Roles};
use crate::app;
use crate::components::platform::Outcome;
use crate::components::recorder::Recorder;
use crate::components::{log, metrics};

/// How long work in progress may take to end, after the pause.
const DEADLINE: Duration = Duration::from_secs(25);

#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  doorward serve --listen 127.0.0.1:8080\n  doorward serve --without-worker"
)]
pub struct Serve {
    /// Leave mail and other jobs to processes of their own (`doorward work`).
    #[arg(long)]
    without_worker: bool,
}

pub fn run(flags: &Flags, serve: &Serve) -> Done {
    let roles =
        if serve.without_worker { Roles { serve: Some(true), work: Some(false) } } else { Roles::default() };
    live(flags, roles)
}

pub fn work(flags: &Flags) -> Done {
    live(flags, Roles { serve: Some(false), work: Some(true) })
}

fn live(flags: &Flags, roles: Roles) -> Done {
    match start(flags, roles)? {
        Outcome::Clean => Ok(ExitCode::SUCCESS),
        Outcome::Troubled(sentences) => {
            sentences.iter().for_each(|sentence| eprintln!("doorward: {sentence}"));
            Ok(ExitCode::from(3))
        }
        Outcome::Hard(reason) => {
            eprintln!("doorward: stopped hard: {reason}");
            Ok(ExitCode::from(4))
        }
    }
}

fn start(flags: &Flags, roles: Roles) -> Result<Outcome, String> {
    let given = flags.given(roles)?;
    metrics::install().map_err(|error| error.to_string())?;
    let recorder = Recorder::shared(given.config.events.recorder, &given.clock);
    log::install(&given.config, &given.clock, &recorder);
    let platform = app::platform(&given).map_err(|unsound| unsound.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let deadline = DEADLINE + given.config.server.drain_pause;
    let outcome = runtime.block_on(platform.run_until_signal(deadline)).map_err(|error| error.to_string())?;
    // What did not end by itself is left behind, not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(outcome)
}
