//! Logs: JSON lines on stderr, readable ones in a terminal; and what a subscriber of this process is made of.

mod lines;
mod outlet;
mod panics;
mod text;
mod unseen;

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, FilterFn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::clock::Clock;
use super::config::{Config, LogFormat};
use super::recorder::{Recorder, Recording};
pub use lines::{Lines, Look};
pub use outlet::flush;

/// What strangers send and no parser takes is their mistake: the framework would tell each as an error of ours.
const DEFAULT: &str = "info,actix_server=warn,actix_http=off";

/// Only the first call in a process has an effect.
pub fn install(config: &Config, clock: &Clock, recorder: &Recorder) {
    let terminal = std::io::stderr().is_terminal();
    let look = match config.log.format {
        LogFormat::Json => Look::Json,
        LogFormat::Auto if !terminal => Look::Json,
        LogFormat::Text | LogFormat::Auto => {
            Look::Text { coloured: terminal && std::env::var_os("NO_COLOR").is_none() }
        }
    };
    let filter = EnvFilter::try_from_env("RUST_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let lines = Lines::new(look, clock.clone(), |line| outlet::stderr().line(line))
        .with_filter(filter.and(FilterFn::new(may_speak)));
    let installed = tracing_subscriber::registry()
        .with(recorder.layer().with_filter(Recording::filter()))
        .with(lines)
        .try_init();
    if installed.is_ok() {
        panics::hook();
    }
}

/// Libraries print headers and bodies when asked for enough detail; no setting makes them do so here.
fn may_speak(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("doorward") || *metadata.level() <= Level::INFO
}

#[cfg(test)]
mod tests;
