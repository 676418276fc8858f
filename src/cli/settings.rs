//! The flags that every command takes, and the settings they end up in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::Given;
use crate::components::Clock;
use crate::components::config::{Loaded, Overrides, Problem, load};
use crate::components::vault::Vault;

#[derive(Debug, clap::Args)]
pub struct Flags {
    /// The settings file; `doorward.toml` if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// development, test, acceptance or production.
    #[arg(long, global = true, value_name = "NAME")]
    environment: Option<String>,
    /// Where the API listens: 127.0.0.1:3000 unless said otherwise.
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where metrics are shown: 127.0.0.1:3001 unless said otherwise.
    #[arg(long, global = true, value_name = "ADDRESS")]
    metrics_listen: Option<String>,
    /// auto, json or text.
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Flags {
    /// All that is wrong at once, one sentence a line.
    pub fn load(&self) -> Result<Loaded, String> {
        let overrides = Overrides {
            config: self.config.clone(),
            environment: self.environment.clone(),
            listen: self.listen.clone(),
            metrics_listen: self.metrics_listen.clone(),
            log_format: self.log_format.clone(),
            ..Overrides::default()
        };
        let variables = std::env::vars().collect();
        let mut loaded = load(&overrides, &variables, Path::new(".")).map_err(|problems| told(&problems))?;
        loaded.ensure_master_key(Path::new(".")).map_err(|problem| told(&[problem]))?;
        Ok(loaded)
    }

    /// Settings that a server may start with, and the vault under their master key.
    pub fn given(&self) -> Result<Given, String> {
        let loaded = self.load()?;
        let reasons = loaded.insecure_reasons(&[]);
        if !reasons.is_empty() {
            let lines = reasons.iter().map(|reason| format!("  {}: {}", reason.setting, reason.why));
            let lines: Vec<String> = lines.collect();
            return Err(format!("this is not secure enough to start:\n{}", lines.join("\n")));
        }
        let keys = loaded.master_keys().map_err(|why| format!("keys.master {why}"))?;
        let vault = Vault::new(&keys).map_err(|error| error.to_string())?;
        Ok(Given { config: Arc::new(loaded.config), clock: Clock::real(), vault })
    }
}

fn told(problems: &[Problem]) -> String {
    let lines = problems.iter().map(|problem| format!("  {problem}"));
    format!("the settings are not right:\n{}", lines.collect::<Vec<_>>().join("\n"))
}
