//! `doorward components`: the graph as it was checked, before anything starts.

use std::sync::Arc;

use super::settings::Flags;
use super::{Done, desk};
use crate::app::{self, Given};
use crate::components::Clock;
use crate::components::terminal::{say, table};
use crate::components::vault::{MasterKey, Vault};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  doorward components\n  doorward components --graph | tsort    # the order of a stop"
)]
pub struct Components {
    /// Each consumer with each provider, as `tsort` reads them.
    #[arg(long, conflicts_with = "json")]
    graph: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(flags: &Flags, components: &Components) -> Done {
    let config = Arc::new(flags.load()?.config);
    // Nothing is initialised, so this key never seals anything.
    let vault = Vault::new(&[MasterKey::from_bytes(&[0; 32])]).map_err(|error| error.words())?;
    let given = Given { config, clock: Clock::real(), vault, also: Vec::new() };
    let platform = app::platform(&given).map_err(|unsound| unsound.to_string())?;
    if components.graph {
        platform.edges().iter().for_each(|(consumer, provider)| say(&format!("{consumer} {provider}")));
        return Ok(desk::OK);
    }
    let status = platform.status();
    if components.json {
        desk::json(&status);
        return Ok(desk::OK);
    }
    let mut rows =
        vec![["COMPONENT", "STATE", "IF IT FAILS", "PROVIDES", "CONSUMES"].map(String::from).to_vec()];
    rows.extend(status.iter().map(|one| {
        let fate = if one.required { "nothing starts" } else { "the rest goes on" };
        vec![
            one.name.to_owned(),
            format!("{:?}", one.state).to_lowercase(),
            fate.to_owned(),
            one.provides.unwrap_or("-").to_owned(),
            one.consumes.join(", "),
        ]
    }));
    say(&table(&rows));
    Ok(desk::OK)
}
