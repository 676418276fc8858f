//! The commands. Each prints what it did to stdout; logs go to stderr.

pub mod serve;
mod settings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Keeps the door for many tenants: who may come in, as whom, with what rights, from which device, for how long.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, about, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    settings: settings::Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests, and work in the same process unless a worker of its own is set up (the default).
    Serve,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    match arguments.command.as_ref().unwrap_or(&Command::Serve) {
        Command::Serve => serve::run(&arguments.settings),
    }
}
