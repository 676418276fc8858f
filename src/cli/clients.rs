//! `doorward clients`: the apps of tenants.

use super::Done;
use super::desk::{self, at_desk};
use super::settings::Flags;
use crate::components::terminal::say;
use crate::management::events::tenants;

#[derive(Debug, clap::Subcommand)]
pub enum Clients {
    /// Give a server client a new secret. It is shown once; the old one is worth nothing from then on.
    #[command(after_help = "Example:\n  doorward clients secret library-backend > /run/secrets/doorward")]
    Secret {
        /// The client's public id.
        client: String,
    },
}

pub fn run(flags: &Flags, clients: &Clients) -> Done {
    match clients {
        Clients::Secret { client } => at_desk(flags, async |scope| {
            let secret = tenants::new_secret(&scope, client.clone()).await?;
            eprintln!("doorward: this secret of {client} is shown once and kept nowhere");
            say(secret.expose());
            Ok(desk::OK)
        }),
    }
}
