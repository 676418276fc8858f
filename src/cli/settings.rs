//! The flags that every command takes, and the settings they end up in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::Given;
use crate::components::Clock;
use crate::components::config::{Loaded, Overrides, Problem, load};
use crate::components::tenants_file::TenantsFile;
use crate::components::vault::Vault;

/// Apart from what a command takes itself.
const SETTINGS: &str = "Settings, of every command";

#[derive(Debug, clap::Args)]
pub struct Flags {
    /// The settings file [default: doorward.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE", help_heading = SETTINGS)]
    config: Option<PathBuf>,
    /// development, test, acceptance or production [default: development]
    #[arg(long, global = true, value_name = "NAME", help_heading = SETTINGS)]
    environment: Option<String>,
    /// Where the API listens [default: 127.0.0.1:3000]
    #[arg(long, global = true, value_name = "ADDR", help_heading = SETTINGS)]
    listen: Option<String>,
    /// Where metrics are shown [default: 127.0.0.1:3001]
    #[arg(long, global = true, value_name = "ADDR", help_heading = SETTINGS)]
    metrics_listen: Option<String>,
    /// Of the log on stderr: auto, json or text [default: auto]
    #[arg(long, global = true, value_name = "AS", help_heading = SETTINGS)]
    log_format: Option<String>,
}

/// What a process is for, where the command says so and not the settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Roles {
    pub serve: Option<bool>,
    pub work: Option<bool>,
}

impl Flags {
    /// All that is wrong at once, one sentence a line.
    pub fn load(&self) -> Result<Loaded, String> {
        self.load_as(Roles::default())
    }

    fn load_as(&self, roles: Roles) -> Result<Loaded, String> {
        let overrides = Overrides {
            config: self.config.clone(),
            environment: self.environment.clone(),
            listen: self.listen.clone(),
            metrics_listen: self.metrics_listen.clone(),
            log_format: self.log_format.clone(),
            serve: roles.serve,
            work: roles.work,
            ..Overrides::default()
        };
        let variables = std::env::vars().collect();
        load(&overrides, &variables, Path::new(".")).map_err(|problems| told(&problems))
    }

    /// With the master key, which development makes when it is missing.
    pub fn load_with_key(&self) -> Result<Loaded, String> {
        with_key(self.load()?)
    }

    /// What a command works with: the settings of a server that neither serves nor works.
    pub fn for_command(&self) -> Result<Given, String> {
        let given = self.given(Roles::default())?;
        let mut config = (*given.config).clone();
        config.roles = crate::components::config::Roles { serve: false, work: false };
        Ok(Given { config: Arc::new(config), ..given })
    }

    /// Settings that a server may start with, and the vault under their master key.
    pub fn given(&self, roles: Roles) -> Result<Given, String> {
        let loaded = with_key(self.load_as(roles)?)?;
        let reasons = loaded.insecure_reasons(&origins(&loaded));
        if !reasons.is_empty() {
            let lines = reasons.iter().map(|reason| format!("  {}: {}", reason.setting, reason.why));
            let lines: Vec<String> = lines.collect();
            return Err(format!("this is not secure enough to start:\n{}", lines.join("\n")));
        }
        let keys = loaded.master_keys().map_err(|why| format!("keys.master {why}"))?;
        let vault = Vault::new(&keys).map_err(|error| error.to_string())?;
        Ok(Given { config: Arc::new(loaded.config), clock: Clock::real(), vault, also: Vec::new() })
    }
}

fn with_key(mut loaded: Loaded) -> Result<Loaded, String> {
    loaded.ensure_master_key(Path::new(".")).map_err(|problem| told(&[problem]))?;
    Ok(loaded)
}

/// Those that the tenants file allows here; what is wrong with the file itself, `tenants plan` says.
pub fn origins(loaded: &Loaded) -> Vec<String> {
    let text = std::fs::read_to_string(&loaded.config.tenants.file).unwrap_or_default();
    TenantsFile::parse(&text).map_or_else(|_| Vec::new(), |file| file.origins(loaded.config.environment))
}

fn told(problems: &[Problem]) -> String {
    let lines = problems.iter().map(|problem| format!("  {problem}"));
    format!("the settings are not right:\n{}", lines.collect::<Vec<_>>().join("\n"))
}
