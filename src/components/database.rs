//! The database as a component: brought up to this program at init, and lent to everybody.

use std::path::Path;

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
}

impl Database {
    pub fn of(config: &Config) -> Self {
        let url = config.database.url.expose_secret().to_string();
        let connections = if is_postgres(&url) { config.database.pool } else { config.database.readers };
        let settings = DbSettings { url, connections: connections.get() };
        Self { settings, environment: config.environment.to_string() }
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
        let opened = tokio::task::spawn_blocking(move || {
            make_room(&settings.url)?;
            migrate(&settings.url, &environment, clock.now()).map_err(why)?;
            Db::open(&settings).map_err(why)
        });
        opened.await?
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

pub fn make_room(url: &str) -> std::io::Result<()> {
    let path = url.strip_prefix("sqlite://").unwrap_or(url);
    match Path::new(path).parent() {
        Some(folder) if !is_postgres(url) && !folder.as_os_str().is_empty() => {
            std::fs::create_dir_all(folder)
        }
        _ => Ok(()),
    }
}
