//! The database as a component: brought up to this program at init, and lent to everybody.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::Clock;
use super::config::Config;
use super::platform::{Cause, Component, Handle, Health};
use super::private::{private_file, private_folder};
use crate::db::copy::{Look, damage, is_damage, unreadable};
use crate::db::migrate::bent;
use crate::db::{Db, DbConn, DbSettings, is_postgres, migrate};

impl Handle for Db {}

/// Started by the roof; init migrates, and stop lets go of the file: connections close with their last handle.
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
        let cache_kib = config.database.cache_kib.get();
        let settings = DbSettings { url, connections: connections.get(), cache_kib };
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
            let file = file_of(&url).filter(|_| is_server);
            let serving = match &file {
                Some(file) => serving(file)?,
                None => None,
            };
            if let Some(file) = &file {
                sound(file)?;
            }
            migrate(&url, &environment, clock.now()).map_err(|error| named(why(error)))?;
            Ok::<_, Cause>((Db::open(&settings).map_err(|error| named(why(error)))?, serving))
        });
        let (db, serving) = opened.await??;
        self.serving = serving;
        Ok(db)
    }

    /// Before the process ends others may serve the file.
    async fn stop(&mut self) -> Result<(), Cause> {
        self.serving = None;
        Ok(())
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
    make_folder(&file)?;
    match private_file().write(true).create_new(true).open(&file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The folder alone.
pub fn make_folder(file: &Path) -> io::Result<()> {
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => private_folder().create(folder),
        None => Ok(()),
    }
}

/// What stands in the lock file while another file is put in the database's place.
const RESTORING: &[u8] = b"restoring\n";

fn lock_file(file: &Path) -> io::Result<File> {
    let beside = PathBuf::from(format!("{}.serving", file.display()));
    private_file().read(true).write(true).create(true).truncate(false).open(beside)
}

/// Two servers of one file lose nothing, but each counts its own limits: callers have twice what was set.
fn serving(file: &Path) -> Result<Option<File>, Cause> {
    let Ok(held) = lock_file(file) else { return Ok(None) };
    match held.try_lock() {
        Ok(()) => {
            held.set_len(0)?;
            Ok(Some(held))
        }
        Err(TryLockError::WouldBlock) if io::read_to_string(&held)?.as_bytes() == RESTORING => {
            Err(format!("{}: a backup is being restored to it; start when that is done", file.display())
                .into())
        }
        Err(TryLockError::WouldBlock) => {
            tracing::warn!(
                file = %file.display(),
                "another server serves this file: each counts its own limits; several copies belong on PostgreSQL"
            );
            Ok(None)
        }
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// The file, for who puts another in its place: no server serves it, and none starts before this is dropped. None
/// when a server does.
pub fn close(file: &Path) -> io::Result<Option<File>> {
    let mut held = lock_file(file)?;
    match held.try_lock() {
        Ok(()) => {
            held.set_len(0)?;
            held.write_all(RESTORING)?;
            Ok(Some(held))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Up to so many bytes every page is looked at before anybody is served: a fifth of a second on two busy cores. A larger
/// file would keep the door shut for seconds at every start, so its pages are looked at while it is served.
const SMALL: u64 = 16 << 20;

/// A server on a damaged file would answer until somebody meets the damage, and copy it into every backup.
fn sound(file: &Path) -> Result<(), Cause> {
    let told = |damage: Vec<String>| {
        format!(
            "{} is damaged:\n  {}\n`doorward verify` looks closer; `doorward restore FILE` puts a backup in its place",
            file.display(),
            damage.join("\n  ")
        )
    };
    let is_small = file.metadata().map_or(0, |metadata| metadata.len()) <= SMALL;
    if is_small {
        match looked_through(file, Look::Quick) {
            Ok(damage) if !damage.is_empty() => return Err(told(damage).into()),
            // Whatever keeps it from being read is told by who reads it next.
            Ok(_) | Err(_) => {}
        }
    }
    // Whether indexes agree with their tables takes ten times as long as the pages do.
    let (file, look) = (file.to_owned(), if is_small { Look::Whole } else { Look::Quick });
    std::thread::Builder::new().name("doorward-look".into()).spawn(move || look_on(&file, look))?;
    Ok(())
}

/// While others are served.
fn look_on(file: &Path, look: Look) {
    match looked_through(file, look) {
        Ok(damage) if damage.is_empty() => {
            tracing::debug!("the database file was looked through, and is sound")
        }
        Ok(damage) => {
            tracing::error!(
                file = %file.display(),
                damage = damage.join("; "),
                "the database is damaged; `doorward verify` looks closer, `doorward restore FILE` puts a backup in its place"
            )
        }
        Err(error) => tracing::warn!(%error, "the database file could not be looked through"),
    }
}

fn looked_through(file: &Path, look: Look) -> crate::base::Result<Vec<String>> {
    let path = file.display().to_string();
    match DbConn::open(&path) {
        Ok(mut conn) => {
            let damage = damage(&mut conn, look)?;
            if damage.is_empty() {
                // Perhaps somebody's wish; the server can tell no more than that it is so.
                for bent in bent(&mut conn)? {
                    tracing::error!(file = %file.display(), "{bent}; `doorward verify` tells more");
                }
            }
            Ok(damage)
        }
        Err(error) if is_damage(&error.to_string()) => Ok(vec![unreadable(&error.to_string())]),
        Err(error) => Err(crate::base::Error::internal(error)),
    }
}
