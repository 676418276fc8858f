//! `doorward keys`: the keys that sign a tenant's tokens.

use super::Done;
use super::desk::{self, at_desk, json};
use super::settings::Flags;
use crate::base::SigningKeyId;
use crate::components::terminal::{say, table};
use crate::management::events::in_tenant;
use crate::management::events::keys::{self as events, Turned};

#[derive(Debug, clap::Subcommand)]
pub enum Keys {
    /// A tenant's keys, newest first.
    #[command(after_help = "Example:\n  doorward keys list --tenant library")]
    List {
        /// Whose keys: the tenant's name.
        #[arg(long)]
        tenant: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Publish the next key; called again once everybody can know it, let it sign and retire the old one.
    #[command(
        after_help = "Example:\n  doorward keys rotate --tenant library     # and again in ten minutes"
    )]
    Rotate {
        /// Whose keys: the tenant's name.
        #[arg(long)]
        tenant: String,
    },
    /// Void a key that somebody may have seen, and all that it signed, within two seconds.
    #[command(
        after_help = "Example:\n  doorward keys revoke 0199f2c1-7a10-7bb3-9d5c-0a4be1d2c3f4 --tenant library"
    )]
    Revoke {
        /// Its id, as `keys list` shows it.
        key: SigningKeyId,
        /// Whose keys: the tenant's name.
        #[arg(long)]
        tenant: String,
    },
}

pub fn run(flags: &Flags, keys: &Keys) -> Done {
    match keys {
        Keys::List { tenant, json: as_json } => at_desk(flags, async |scope| {
            let listed = events::list_keys(&in_tenant(&scope, tenant).await?).await?;
            if *as_json {
                json(&listed);
            } else if listed.is_empty() {
                say("no key yet: the first login makes it");
            } else {
                say(&shown(&listed));
            }
            Ok(desk::OK)
        }),
        Keys::Rotate { tenant } => at_desk(flags, async |scope| {
            say(&told(&events::rotate_key(&in_tenant(&scope, tenant).await?).await?));
            Ok(desk::OK)
        }),
        Keys::Revoke { key, tenant } => at_desk(flags, async |scope| {
            events::revoke_key(&in_tenant(&scope, tenant).await?, *key).await?;
            say(&format!("{key} is revoked; the next login makes another if it was the active one"));
            Ok(desk::OK)
        }),
    }
}

fn shown(listed: &[events::Listed]) -> String {
    let mut rows = vec![["KEY", "STATE", "PUBLISHED", "SIGNS SINCE", "DIES"].map(String::from).to_vec()];
    rows.extend(listed.iter().map(|key| {
        let at =
            |time: Option<crate::base::Timestamp>| time.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let state = key.state.word().to_owned();
        let dies = at(key.revoked_at.or(key.dies_at));
        vec![key.id.to_string(), state, key.published_at.to_string(), at(key.activated_at), dies]
    }));
    table(&rows)
}

fn told(turned: &Turned) -> String {
    match turned {
        Turned::Published { key, ready_at } => {
            format!("{key} is published; from {ready_at} on, `keys rotate` lets it sign")
        }
        Turned::Activated { key, retired: Some(old), dies_at } => {
            format!("{key} signs now; {old} is believed until {dies_at}")
        }
        Turned::Activated { key, .. } => format!("{key} signs now"),
    }
}
