//! The commands. Each prints what it did to stdout; logs go to stderr.

mod describe;
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
    /// Print the API document, OpenAPI 3.1.
    Openapi,
    /// Print docs/errors.md: every way of saying no.
    Errors,
    /// Print the router's own table: method, path, who may call, which event.
    Routes,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    match arguments.command.as_ref().unwrap_or(&Command::Serve) {
        Command::Serve => serve::run(&arguments.settings),
        Command::Openapi => describe::document(),
        Command::Errors => describe::errors(),
        Command::Routes => describe::routes(),
    }
}
