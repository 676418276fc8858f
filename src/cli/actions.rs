//! `doorward actions`: what a tenant does of itself.

use std::process::ExitCode;

use serde_json::json;

use super::Done;
use super::desk::{self, at_desk, json};
use super::settings::Flags;
use crate::actions::events;
use crate::base::Result;
use crate::components::terminal::{say, table};
use crate::identity::Scope;
use crate::management::events::in_tenant;

#[derive(Debug, clap::Subcommand)]
pub enum Actions {
    /// All of a tenant's, by their names.
    #[command(after_help = "Example:\n  doorward actions list --tenant library")]
    List {
        /// Whose: the tenant's name.
        #[arg(long)]
        tenant: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// It hears nothing any more, and says no to nobody.
    #[command(after_help = "Example:\n  doorward actions disable \"No guests\" --tenant library")]
    Disable(Named),
    /// It hears again what happens.
    #[command(after_help = "Example:\n  doorward actions enable \"No guests\" --tenant library")]
    Enable(Named),
}

#[derive(Debug, clap::Args)]
pub struct Named {
    /// What it is called.
    name: String,
    /// Whose: the tenant's name.
    #[arg(long)]
    tenant: String,
}

pub fn run(flags: &Flags, actions: &Actions) -> Done {
    match actions {
        Actions::List { tenant, json } => {
            at_desk(flags, async |scope| list(&in_tenant(&scope, tenant).await?, *json).await)
        }
        Actions::Disable(named) => switch(flags, named, false),
        Actions::Enable(named) => switch(flags, named, true),
    }
}

async fn list(scope: &Scope, as_json: bool) -> Result<ExitCode> {
    let all = events::all(scope).await?;
    if as_json {
        let shown = all.iter().map(|action| {
            json!({ "id": action.id, "name": action.name, "handler": action.handler, "listens": action.listens.0,
                "isEnabled": action.is_enabled })
        });
        json(&shown.collect::<Vec<_>>());
        return Ok(desk::OK);
    }
    let mut rows = vec![["NAME", "STATE", "DOES", "LISTENS"].map(str::to_owned).to_vec()];
    rows.extend(all.iter().map(|action| {
        let state = if action.is_enabled { "on" } else { "off" };
        vec![
            action.name.clone(),
            state.to_owned(),
            action.handler.word().to_owned(),
            action.listens.0.join(" "),
        ]
    }));
    say(&table(&rows));
    Ok(desk::OK)
}

fn switch(flags: &Flags, named: &Named, is_enabled: bool) -> Done {
    let Named { name, tenant } = named;
    at_desk(flags, async |scope| {
        let scope = in_tenant(&scope, tenant).await?;
        let (state, switched) =
            (if is_enabled { "on" } else { "off" }, events::switch(&scope, name.clone(), is_enabled).await?);
        say(&if switched { format!("{name} is {state}") } else { format!("{name} was {state} already") });
        Ok(desk::OK)
    })
}
