//! `doorward migrate`: forward only, one at a time.

use std::process::ExitCode;

use secrecy::ExposeSecret;

use super::settings::Flags;
use super::{Done, NO};
use crate::components::Clock;
use crate::components::terminal::say;
use crate::db::{DbConn, is_postgres, migrate};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  doorward migrate\n  doorward migrate --check    # exit code 5 if something is pending"
)]
pub struct Migrate {
    /// Only say what is pending.
    #[arg(long)]
    check: bool,
}

pub fn run(flags: &Flags, migrate: &Migrate) -> Done {
    let config = flags.load()?.config;
    let url = config.database.url.expose_secret();
    if migrate.check {
        return check(url);
    }
    crate::components::database::make_room(url).map_err(|error| error.to_string())?;
    let environment = config.environment.to_string();
    let done = migrate::migrate(url, &environment, Clock::real().now()).map_err(|error| error.words())?;
    done.applied.iter().for_each(|version| say(&format!("applied {version}")));
    if done.applied.is_empty() {
        say("nothing to do: the database is up to date");
    }
    Ok(ExitCode::SUCCESS)
}

fn check(url: &str) -> Done {
    let path = url.strip_prefix("sqlite://").unwrap_or(url);
    if !is_postgres(url) && !std::path::Path::new(path).exists() {
        say("there is no database yet");
        return Ok(ExitCode::from(NO));
    }
    let mut conn = DbConn::open(url).map_err(|error| format!("the database does not answer: {error}"))?;
    let level = migrate::level(&mut conn).map_err(|error| error.words())?;
    if let Some(refused) = level.refused {
        return Err(refused);
    }
    if level.pending.is_empty() {
        say("the database is up to date");
        return Ok(ExitCode::SUCCESS);
    }
    level.pending.iter().for_each(|version| say(&format!("pending {version}")));
    Ok(ExitCode::from(NO))
}
