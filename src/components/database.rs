//! The database as a component: brought up to this program at init, and lent to everybody.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::Clock;
use super::config::Config;
use super::platform::{Cause, Component, Handle, Health};
use crate::db::{Db, DbSettings, is_postgres, migrate};

impl Handle for Db {}

/// Started by the roof; init migrates, and there is nothing to stop: connections close with their last handle.
pub struct Database {
    settings: DbSettings,
    environment: String,
    /// Whether other servers of the same file would be rivals: a command beside a server is none.
    is_server: bool,
    /// Held for as long as this process serves a SQLite file.
    serving: Option<File>,
}

impl Database {
    pub fn of(config: &Config) -> Self {
        let url = config.database.url.expose_secret().to_string();
        let connections = if is_postgres(&url) { config.database.pool } else { config.database.readers };
        let settings = DbSettings { url, connections: connections.get() };
        let is_server = config.roles.serve || config.roles.work;
        Self { settings, environment: config.environment.to_string(), is_server, serving: None }
    }
}

impl Component for Database {
    type Consumes = (Clock,);
    type Provides = Db;

    fn name(&self) -> &'static str {
        "database"
    }

    async fn init(&mut self, (clock,): (Clock,)) -> Result<Db, Cause> {
        let (settings, environment) = (self.settings.clone(), self.environment.clone());
        let is_server = self.is_server;
        let opened = tokio::task::spawn_blocking(move || {
            let url = settings.url.clone();
            let named = |cause: Cause| match file_of(&url) {
                Some(file) => {
                    format!("{}: {cause}; the folder must be there to write in, with room", file.display())
                        .into()
                }
                None => cause,
            };
            make_room(&url).map_err(|error| named(error.into()))?;
            let serving = file_of(&url).filter(|_| is_server).and_then(|file| serving(&file));
            migrate(&url, &environment, clock.now()).map_err(|error| named(why(error)))?;
            Ok::<_, Cause>((Db::open(&settings).map_err(|error| named(why(error)))?, serving))
        });
        let (db, serving) = opened.await??;
        self.serving = serving;
        Ok(db)
    }

    fn health(_: &Db) -> Health {
        Health::Ok
    }
}

/// Within the crate's own errors "internal" means opaque; the operator who starts a server must see the cause.
fn why(error: crate::base::Error) -> Cause {
    match error {
        crate::base::Error::Internal(cause) => cause,
        refused => refused.into(),
    }
}

/// The file of an SQLite database; none of a PostgreSQL one.
pub fn file_of(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite://").unwrap_or(url);
    let is_file =
        !is_postgres(url) && !path.starts_with("file:") && !path.starts_with(':') && !path.is_empty();
    is_file.then(|| PathBuf::from(path))
}

/// The folder and the file of an SQLite database, for their owner alone: in them are the addresses and the password
/// hashes of everybody. SQLite gives the files that it makes beside this one the same mode.
pub fn make_room(url: &str) -> io::Result<()> {
    let Some(file) = file_of(url) else { return Ok(()) };
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folder().create(folder)?;
    }
    match private_file().write(true).create_new(true).open(&file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Two servers of one file lose nothing, but each counts its own limits: callers have twice what was set.
fn serving(file: &Path) -> Option<File> {
    let beside = PathBuf::from(format!("{}.serving", file.display()));
    let held = private_file().write(true).create(true).truncate(false).open(&beside).ok()?;
    match held.try_lock() {
        Ok(()) => Some(held),
        Err(TryLockError::WouldBlock) => {
            tracing::warn!(
                file = %file.display(),
                "another server serves this file: each counts its own limits; several copies belong on PostgreSQL"
            );
            None
        }
        Err(TryLockError::Error(_)) => None,
    }
}
