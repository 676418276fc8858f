//! `doorward openapi`, `errors` and `routes`: what the API is, told without a server.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use crate::app;
use crate::identity::{Access, serve};
use crate::openapi;

pub fn document() -> ExitCode {
    told(&format!("{:#}\n", openapi::document(&app::routes())))
}

pub fn errors() -> ExitCode {
    told(&openapi::errors::page(&app::routes()))
}

pub fn routes() -> ExitCode {
    let routes: Vec<_> = app::routes().into_iter().map(Arc::new).collect();
    let mut lines: Vec<String> = Vec::new();
    for (path, there) in serve::table(&routes) {
        let line = |route: &Arc<crate::identity::Route>| {
            format!("{path}\t{}\t{}\t{}\n", route.method.word(), who(route.access), route.name)
        };
        lines.extend(there.iter().map(line));
    }
    lines.sort();
    told(&lines.concat())
}

fn who(access: Access) -> &'static str {
    match access {
        Access::Open => "open",
        Access::Tenant => "tenant",
        Access::Perhaps => "perhaps a session",
        Access::Session => "session",
        Access::Permission(permission) => permission,
        Access::Pending => "pending login",
        Access::SessionOrPending => "session or pending login",
        Access::Server => "server client",
    }
}

/// A reader that stops early, as `head` does, is no failure of ours.
fn told(text: &str) -> ExitCode {
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
