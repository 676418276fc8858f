//! `doorward config`: are the settings right, what are they, and what could be set.

use std::process::ExitCode;

use super::settings::{Flags, origins};
use super::{Done, desk};
use crate::components::config::{explain, show};
use crate::components::terminal::say;

#[derive(Debug, clap::Subcommand)]
pub enum Config {
    /// Say everything that keeps a server with these settings from starting.
    #[command(after_help = "Example:\n  doorward config check --environment production")]
    Check,
    /// Every setting with its value and where it came from; secrets are left out.
    #[command(
        after_help = "Examples:\n  doorward config show\n  DOORWARD_JOBS__WORKERS=8 doorward config show"
    )]
    Show,
    /// A file of every setting with its default and what it is for.
    #[command(after_help = "Example:\n  doorward config defaults > doorward.toml")]
    Defaults,
}

pub fn run(flags: &Flags, config: &Config) -> Done {
    match config {
        Config::Check => {
            let loaded = flags.load_with_key()?;
            let reasons = loaded.insecure_reasons(&origins(&loaded));
            if reasons.is_empty() {
                say(&format!("the settings are right, for {}", loaded.config.environment));
                return Ok(desk::OK);
            }
            eprintln!("doorward: this is not secure enough to start:");
            reasons.iter().for_each(|reason| eprintln!("  {reason}"));
            Ok(ExitCode::FAILURE)
        }
        Config::Show => {
            say(show(&flags.load()?).trim_end());
            Ok(desk::OK)
        }
        Config::Defaults => {
            say(explain::commented(flags.load()?.config.environment).trim_end());
            Ok(desk::OK)
        }
    }
}
