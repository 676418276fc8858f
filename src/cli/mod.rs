//! The commands. Each prints what it found or did to stdout and nothing else there; reasons and logs go to stderr.

mod actions;
mod backup;
mod clients;
mod components;
mod config;
mod describe;
mod desk;
mod doctor;
mod events;
mod health;
mod import;
mod jobs;
mod keys;
mod mail;
mod migrate;
mod restore;
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
  5  looked, and the answer is no (migrate --check, tenants plan --check,
     verify, restore, doctor, health, events show)
  6  done in part (users import: some lines were refused)
  7  not for this database: PostgreSQL has its own programs (backup, restore)

Examples:
  doorward                     serve on http://localhost:3000 with a demo tenant
  doorward config defaults > doorward.toml
  doorward tenants plan        what config/tenants.toml would change
  doorward events tail         follow what a development server does
  doorward doctor              is everything as it should be?";

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
    #[command(after_help = "Examples:\n  doorward work\n  doorward work --environment production")]
    Work,
    /// Bring the database up to this program.
    Migrate(migrate::Migrate),
    /// The parts of a process and what they need from each other.
    Components(components::Components),
    /// The settings: check them, show them, or write a file of all defaults.
    #[command(subcommand, after_help = "Examples:\n  doorward config check\n  doorward config show")]
    Config(config::Config),
    /// The tenants: what the file would change, apply it, write it, list, suspend, resume, move.
    #[command(subcommand, after_help = "Examples:\n  doorward tenants plan\n  doorward tenants apply")]
    Tenants(tenants::Tenants),
    /// The apps of tenants.
    #[command(subcommand, after_help = "Example:\n  doorward clients secret library-backend")]
    Clients(clients::Clients),
    /// The people of a tenant and their roles.
    #[command(
        subcommand,
        after_help = "Examples:\n  doorward users list --tenant library\n  doorward users import people.jsonl --tenant library --dry-run"
    )]
    Users(users::Users),
    /// What a tenant does of itself: look at it, switch it off, also where it keeps everybody out.
    #[command(
        subcommand,
        after_help = "Examples:\n  doorward actions list --tenant library\n  doorward actions disable \"No guests\" --tenant library"
    )]
    Actions(actions::Actions),
    /// The keys that sign a tenant's tokens.
    #[command(subcommand, after_help = "Example:\n  doorward keys list --tenant library")]
    Keys(keys::Keys),
    /// The queue of work and deliveries.
    #[command(
        subcommand,
        after_help = "Examples:\n  doorward jobs list --state dead\n  doorward jobs retry --all"
    )]
    Jobs(jobs::Jobs),
    /// The mails: look at one, or send one to try the mail server.
    #[command(
        subcommand,
        after_help = "Examples:\n  doorward mail preview\n  doorward mail send-test ada@example.com"
    )]
    Mail(mail::Mail),
    /// What requests did and why they were refused: follow them, or look at one.
    #[command(
        subcommand,
        after_help = "Examples:\n  doorward events tail --refused\n  doorward events show 0199f2c1-7a10-7bb3-9d5c-0a4be1d2c3f4"
    )]
    Events(events::Events),
    /// Ask the server on this machine whether it is ready: for containers.
    #[command(after_help = "Examples:\n  doorward health\n  doorward health --listen 127.0.0.1:8080")]
    Health,
    /// Look at everything that an installation stands on, and say what to do.
    Doctor(doctor::Doctor),
    /// Hold the whole database against its rules.
    Verify(verify::Verify),
    /// Copy the SQLite database, whole and checked, while a server goes on writing.
    Backup(backup::Backup),
    /// Put a backup in the database's place; old sessions, links and waiting mails do not come back.
    Restore(restore::Restore),
    /// Print the API document, OpenAPI 3.1.
    #[command(after_help = "Example:\n  doorward openapi > openapi.json")]
    Openapi,
    /// Every way of saying no; written elsewhere than to a terminal, docs/errors.md.
    #[command(after_help = "Examples:\n  doorward errors\n  doorward errors > docs/errors.md")]
    Errors,
    /// The router's own table: path, method, who may call, which event.
    #[command(
        after_help = "Examples:\n  doorward routes\n  doorward routes | grep open     # what anybody may call; tabs between"
    )]
    Routes,
}

/// What a command came to, or the sentence why it came to nothing.
type Done = Result<ExitCode, String>;

/// Looked, and the answer is no.
const NO: u8 = 5;
/// Done but for what stderr names.
const PARTLY: u8 = 6;
/// Not with this database.
const ELSEWHERE: u8 = 7;

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
        Command::Actions(actions) => actions::run(flags, actions),
        Command::Keys(keys) => keys::run(flags, keys),
        Command::Jobs(jobs) => jobs::run(flags, jobs),
        Command::Mail(mail) => mail::run(flags, mail),
        Command::Events(events) => events::run(flags, events),
        Command::Health => health::run(flags),
        Command::Doctor(doctor) => doctor::run(flags, doctor),
        Command::Verify(verify) => verify::run(flags, verify),
        Command::Backup(backup) => backup::run(flags, backup),
        Command::Restore(restore) => restore::run(flags, restore),
        Command::Openapi => Ok(describe::document()),
        Command::Errors => Ok(describe::errors()),
        Command::Routes => Ok(describe::routes()),
    };
    // The last lines of the log stand before what is said of them.
    crate::components::log::flush();
    done.unwrap_or_else(|why| {
        eprintln!("doorward: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::Arguments;

    /// Every command below this one, and itself, with its full name.
    fn all(command: &Command, name: &str) -> Vec<(String, Command)> {
        let below = command.get_subcommands().filter(|below| below.get_name() != "help");
        let below = below.flat_map(|below| all(below, &format!("{name} {}", below.get_name())));
        std::iter::once((name.to_owned(), command.clone())).chain(below).collect()
    }

    #[test]
    fn every_command_shows_an_example_of_itself() {
        for (name, command) in all(&Arguments::command(), "doorward") {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let example = after.split_once("Example").map(|(_, lines)| lines).unwrap_or_default();
            let shown = example.lines().any(|line| line.contains(&name));
            assert!(shown, "`{name} --help` shows no example: {after}");
            assert!(
                after.lines().all(|line| line.chars().count() <= 80),
                "`{name} --help` is too wide: {after}"
            );
        }
    }

    #[test]
    fn every_argument_says_what_it_is() {
        for (name, command) in all(&Arguments::command(), "doorward") {
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "`{name} --help` says nothing of {}",
                    argument.get_id()
                );
            }
        }
    }
}
