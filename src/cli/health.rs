//! `doorward health`: for containers, which have no curl.

use std::process::ExitCode;

use super::settings::Flags;
use super::{Done, NO, desk};
use crate::components::ask;
use crate::components::terminal::say;

pub fn run(flags: &Flags) -> Done {
    let at = flags.load()?.config.server.listen;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    match runtime.block_on(ask::status(at, "/health/ready")) {
        Ok(200) => {
            say("ready");
            Ok(desk::OK)
        }
        Ok(status) => {
            eprintln!("doorward: not ready ({status})");
            Ok(ExitCode::from(NO))
        }
        Err(error) => {
            eprintln!("doorward: nobody answers at {at}: {error}");
            Ok(ExitCode::from(NO))
        }
    }
}
