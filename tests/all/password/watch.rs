//! Which tables a request asked for, in what order: the same work is the same list.

use std::collections::HashMap;
use std::sync::{Mutex, Once, OnceLock};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use crate::ground::Ground;

static ASKED: OnceLock<Mutex<HashMap<String, Vec<&'static str>>>> = OnceLock::new();
static WATCHING: Once = Once::new();

/// What logins and people's routes ask for; a worker's own questions are not among them.
const TABLES: &[&str] =
    &["guess_counters", "login_identifiers", "audit_records", "role_permissions", "password_logins"];

#[derive(Default)]
struct Watch(String);

impl Instrumentation for Watch {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => self.0 = short(url),
            InstrumentationEvent::StartQuery { query, .. } => {
                let text = query.to_string();
                let asked = TABLES.iter().find(|table| text.contains(**table));
                let mut all = ASKED.get_or_init(Mutex::default).lock().unwrap();
                all.entry(self.0.clone()).or_default().extend(asked);
            }
            _ => {}
        }
    }
}

/// Before the app starts: connections that are open already are not watched.
pub fn begin() {
    WATCHING.call_once(|| {
        set_default_instrumentation(|| Some(Box::new(Watch::default()))).unwrap();
    });
}

/// What was asked since the last call.
pub fn take(ground: &Ground) -> Vec<&'static str> {
    let mut all = ASKED.get_or_init(Mutex::default).lock().unwrap();
    all.remove(&short(&ground.url())).unwrap_or_default()
}

fn short(url: &str) -> String {
    // Behind the question mark stand the bounds that the server sets itself.
    url.trim_start_matches("sqlite://").split('?').next().unwrap_or_default().to_owned()
}
