//! The commands. Each prints what it found or did to stdout and nothing else there; reasons and logs go to stderr.

mod clients;
mod components;
mod config;
mod describe;
mod desk;
mod doctor;
mod health;
mod jobs;
mod keys;
mod mail;
mod migrate;
pub mod serve;
mod settings;
mod tenants;
mod users;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

const AFTER: &str = "\
Exit codes:
  0  done
  1  refused or failed; stderr says why and what to do
  2  the command line is not right
  3  stopped, with trouble
  4  stopped hard: a second signal came, or the deadline passed
  5  looked, and the answer is no (migrate --check, tenants plan --check, verify, doctor, health)

Examples:
  doorward                            serve on http://localhost:3000 with a demo tenant
  doorward config defaults > doorward.toml
  doorward tenants plan               what config/tenants.toml would change
  doorward doctor                     is everything as it should be?";

/// Keeps the door for many tenants: who may come in, as whom, with what rights, from which device, for how long.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, about, max_term_width = 100, after_help = AFTER)]
pub struct Arguments {
    #[command(flatten)]
    settings: settings::Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests, and work in the same process unless told otherwise (the default).
    Serve(serve::Serve),
    /// Carry mail and other jobs, and answer no requests.
    Work,
    /// Bring the database up to this program.
    Migrate(migrate::Migrate),
    /// The parts of a process and what they need from each other.
    Components(components::Components),
    /// The settings: check them, show them, or write a file of all defaults.
    #[command(subcommand)]
    Config(config::Config),
    /// The tenants: what the file would change, apply it, write it, list, suspend, resume, move.
    #[command(subcommand)]
    Tenants(tenants::Tenants),
    /// The apps of tenants.
    #[command(subcommand)]
    Clients(clients::Clients),
    /// The people of a tenant and their roles.
    #[command(subcommand)]
    Users(users::Users),
    /// The keys that sign a tenant's tokens.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// The queue of work and deliveries.
    #[command(subcommand)]
    Jobs(jobs::Jobs),
    /// The mails: look at one, or send one to try the mail server.
    #[command(subcommand)]
    Mail(mail::Mail),
    /// Ask the server on this machine whether it is ready: for containers.
    Health,
    /// Look at everything that an installation stands on, and say what to do.
    Doctor(doctor::Doctor),
    /// Hold the whole database against its rules.
    Verify(verify::Verify),
    /// Print the API document, OpenAPI 3.1.
    Openapi,
    /// Print docs/errors.md: every way of saying no.
    Errors,
    /// Print the router's own table: method, path, who may call, which event.
    Routes,
}

/// What a command came to, or the sentence why it came to nothing.
type Done = Result<ExitCode, String>;

/// Looked, and the answer is no.
const NO: u8 = 5;

pub fn run(arguments: &Arguments) -> ExitCode {
    let flags = &arguments.settings;
    let everything = Command::Serve(serve::Serve::default());
    let done = match arguments.command.as_ref().unwrap_or(&everything) {
        Command::Serve(serve) => serve::run(flags, serve),
        Command::Work => serve::work(flags),
        Command::Migrate(migrate) => migrate::run(flags, migrate),
        Command::Components(components) => components::run(flags, components),
        Command::Config(config) => config::run(flags, config),
        Command::Tenants(tenants) => tenants::run(flags, tenants),
        Command::Clients(clients) => clients::run(flags, clients),
        Command::Users(users) => users::run(flags, users),
        Command::Keys(keys) => keys::run(flags, keys),
        Command::Jobs(jobs) => jobs::run(flags, jobs),
        Command::Mail(mail) => mail::run(flags, mail),
        Command::Health => health::run(flags),
        Command::Doctor(doctor) => doctor::run(flags, doctor),
        Command::Verify(verify) => verify::run(flags, verify),
        Command::Openapi => Ok(describe::document()),
        Command::Errors => Ok(describe::errors()),
        Command::Routes => Ok(describe::routes()),
    };
    done.unwrap_or_else(|why| {
        eprintln!("doorward: {why}");
        ExitCode::FAILURE
    })
}
