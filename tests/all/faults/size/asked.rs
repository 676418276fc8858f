//! What the product asks of a database, in its own words: heard where diesel sends it, not copied by hand.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use doorward::db::DbConn;

use crate::ground::Ground;

/// By the database that is listened to: each statement, and how long it took at the longest.
static HEARD: Mutex<BTreeMap<String, Statements>> = Mutex::new(BTreeMap::new());

thread_local! {
    static DEAF: Cell<bool> = const { Cell::new(false) };
}

pub type Statements = BTreeMap<String, Duration>;

/// To what every server in this process asks of this database from now on, on connections that it opens.
pub fn listen_to(ground: &Ground) {
    heard().insert(place(&ground.url()), Statements::new());
    set_default_instrumentation(|| Some(Box::new(Ear::default()))).unwrap();
}

/// A connection of the test's own, whose questions are nobody else's.
pub fn unheard(ground: &Ground) -> DbConn {
    DEAF.set(true);
    let conn = ground.connect();
    DEAF.set(false);
    conn
}

/// Each statement once, without what is no question.
pub fn of(ground: &Ground) -> Statements {
    let all = heard().remove(&place(&ground.url())).unwrap_or_default();
    let asks = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
    all.into_iter().filter(|(sql, _)| asks.iter().any(|word| sql.starts_with(word))).collect()
}

/// Of one connection.
#[derive(Default)]
struct Ear {
    place: Option<String>,
    asked: Option<(String, Instant)>,
}

impl Instrumentation for Ear {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => {
                self.place = Some(place(url)).filter(|place| !DEAF.get() && heard().contains_key(place));
            }
            InstrumentationEvent::StartQuery { query, .. } if self.place.is_some() => {
                let words = query.to_string();
                let sql = words.split(" -- binds: ").next().unwrap_or_default();
                self.asked = Some((sql.trim().to_owned(), Instant::now()));
            }
            InstrumentationEvent::FinishQuery { .. } => self.note(),
            _ => {}
        }
    }
}

impl Ear {
    fn note(&mut self) {
        let Some(((sql, since), place)) = self.asked.take().zip(self.place.as_ref()) else { return };
        if let Some(kept) = heard().get_mut(place) {
            let longest = kept.entry(sql).or_default();
            *longest = since.elapsed().max(*longest);
        }
    }
}

/// Without what the server adds to the address on its way.
fn place(url: &str) -> String {
    url.strip_prefix("sqlite://").unwrap_or(url).split('?').next().unwrap_or_default().to_owned()
}

fn heard() -> MutexGuard<'static, BTreeMap<String, Statements>> {
    HEARD.lock().unwrap()
}
