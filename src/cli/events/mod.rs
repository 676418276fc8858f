//! `doorward events`: what requests did, as they come or one by its id, and why they were refused.

mod feed;
mod show;
mod tail;
mod told;
mod tree;

use super::Done;
use super::settings::Flags;

#[derive(Debug, clap::Subcommand)]
pub enum Events {
    /// Follow the requests of a running development server, a line each.
    Tail(tail::Tail),
    /// All that is known of one request: its steps, and what the audit says of it.
    Show(show::Show),
}

pub fn run(flags: &Flags, events: &Events) -> Done {
    match events {
        Events::Tail(tail) => tail::run(flags, tail),
        Events::Show(show) => show::run(flags, show),
    }
}
