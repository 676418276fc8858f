//! What commands work at: the components of a server that does not serve, and an operator's scope.

use std::future::Future;
use std::process::ExitCode;

use futures_util::future::LocalBoxFuture;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::Done;
use super::settings::Flags;
use crate::app::{self, Given};
use crate::base::{Email, Error};
use crate::components::log;
use crate::components::recorder::Recorder;
use crate::components::terminal::say;
use crate::db::{DbConn, is_postgres, migrate};
use crate::identity::Scope;

/// Starts the components, does it, and stops them again.
pub fn at_desk<F: Future<Output = Result<ExitCode, Error>>>(
    flags: &Flags,
    work: impl FnOnce(Scope) -> F,
) -> Done {
    let given = flags.for_command()?;
    if std::env::var_os("RUST_LOG").is_some() {
        let recorder = Recorder::shared(given.config.events.recorder, &given.clock);
        log::install(&given.config, &given.clock, &recorder);
    }
    up_to_date(&given)?;
    with(&given, work)
}

/// The same, at a database that is known to be up to date.
pub fn with<F: Future<Output = Result<ExitCode, Error>>>(
    given: &Given,
    work: impl FnOnce(Scope) -> F,
) -> Done {
    carry_out(given, Box::new(move |scope| Box::pin(work(scope))))
}

/// Without the command's type: what starts and stops the components is in the program once.
type Work<'w> = Box<dyn FnOnce(Scope) -> LocalBoxFuture<'w, Result<ExitCode, Error>> + 'w>;

fn carry_out(given: &Given, work: Work<'_>) -> Done {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let running = app::start(given).await.map_err(|error| error.to_string())?;
        let done = work(Scope::of_operator(running.house.clone(), None)).await;
        drop(running.house);
        running.platform.stop().await;
        done.map_err(|error| error.words())
    })
}

/// Beside a running server a command of a newer program must not migrate on the quiet.
fn up_to_date(given: &Given) -> Result<(), String> {
    if given.config.environment.is_local() {
        return Ok(());
    }
    let url = given.config.database.url.expose_secret();
    let path = url.strip_prefix("sqlite://").unwrap_or(url);
    if !is_postgres(url) && !std::path::Path::new(path).exists() {
        return Err(format!("there is no database at {path} yet; run `doorward migrate`"));
    }
    let mut conn = DbConn::open(url).map_err(|error| format!("the database does not answer: {error}"))?;
    let level = migrate::level(&mut conn).map_err(|error| error.words())?;
    match level.pending.len() {
        0 => Ok(()),
        lacking => {
            Err(format!("the database lacks {lacking} migrations of this program; run `doorward migrate`"))
        }
    }
}

pub fn json(value: &impl Serialize) {
    say(&serde_json::to_string_pretty(value).unwrap_or_default());
}

pub fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|wrong| wrong.detail.into_owned())
}

pub const OK: ExitCode = ExitCode::SUCCESS;
