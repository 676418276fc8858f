//! `doorward openapi`, `errors` and `routes`: what the API is, told without a server.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use crate::app;
use crate::components::terminal::{Ink, folded, paint};
use crate::identity::{Access, serve};
use crate::openapi;

pub fn document() -> ExitCode {
    told(&format!("{:#}\n", openapi::document(&app::routes())))
}

/// The page for a file or a pipe; in a terminal its tables would be torn, so there the refusals follow one another.
pub fn errors() -> ExitCode {
    if !io::stdout().is_terminal() {
        return told(&openapi::errors::page(&app::routes()));
    }
    let declared = openapi::errors::declared().into_iter().flat_map(|(_, all)| all);
    let all: BTreeMap<_, _> = declared.map(|one| ((one.key, one.status), one.detail)).collect();
    let lines = all.into_iter().map(|((key, status), detail)| {
        format!("{status}  {}\n{}\n", paint(Ink::Bold, key), folded(detail, "     "))
    });
    told(&lines.collect::<String>())
}

/// Tabs between for a program, two lines each in a terminal.
pub fn routes() -> ExitCode {
    let routes: Vec<_> = app::routes().into_iter().map(Arc::new).collect();
    let mut rows: Vec<[String; 4]> = Vec::new();
    for (path, there) in serve::table(&routes) {
        let row = |route: &Arc<crate::identity::Route>| {
            [path.as_str(), route.method.word(), who(route.access), route.name].map(String::from)
        };
        rows.extend(there.iter().map(row));
    }
    rows.sort();
    let is_terminal = io::stdout().is_terminal();
    let line = |row: &[String; 4]| match row {
        [path, method, who, name] if is_terminal => {
            format!(
                "{} {path}\n        {}\n",
                paint(Ink::Bold, &format!("{method:<7}")),
                paint(Ink::Dim, &format!("{name}, {who}"))
            )
        }
        row => row.join("\t") + "\n",
    };
    told(&rows.iter().map(line).collect::<String>())
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
