//! The listener: hears what other nodes changed, and forgets it here. Started by the roof with every role.
//!
//! Deaf it may be: what is remembered is trusted for two seconds only, and the worker looks by itself. It makes both
//! sooner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::house::House;
use super::sharing;
use crate::base::RecordId;
use crate::components::metrics::names;
use crate::components::platform::{Cause, Component};
use crate::db::DbConn;
use crate::db::tx::Forget;

/// How long a notice may lie unread.
const GLANCE: Duration = Duration::from_millis(20);
/// A connection that died without a word is found by asking.
const ASK: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub struct Listener {
    house: Option<House>,
    ended: Arc<AtomicBool>,
    watching: Option<JoinHandle<()>>,
    telling: Option<JoinHandle<()>>,
}

impl Component for Listener {
    type Consumes = (House,);
    type Provides = ();

    fn name(&self) -> &'static str {
        "listener"
    }

    async fn init(&mut self, (house,): (House,)) -> Result<(), Cause> {
        self.house = Some(house);
        Ok(())
    }

    async fn start(&mut self) -> Result<(), Cause> {
        let Some(house) = self.house.take() else { return Ok(()) };
        match house.db.strangers() {
            Some(strangers) => self.watching = Some(tokio::spawn(watch_file(house, strangers))),
            None => {
                let (ended, node) = (self.ended.clone(), RecordId::new());
                self.telling = Some(tokio::spawn(sharing::tell(house.clone(), node)));
                let named = thread::Builder::new().name("doorward-listener".into());
                named.spawn(move || listen(&house, node, &ended))?;
            }
        }
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Cause> {
        self.ended.store(true, Ordering::SeqCst);
        for task in [self.watching.take(), self.telling.take()].into_iter().flatten() {
            task.abort();
        }
        Ok(())
    }
}

/// Whoever drops the parts without stopping them does not leave a thread that holds the house for ever.
impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(task) = self.telling.take() {
            task.abort();
        }
    }
}

/// SQLite says that somebody wrote and not what.
async fn watch_file(house: House, mut strangers: watch::Receiver<u64>) {
    while strangers.changed().await.is_ok() {
        house.forget_all();
        house.work.notify_waiters();
        house.happened.notify_waiters();
    }
}

/// Until it is told to end: connected, or on the way to it.
fn listen(house: &House, node: RecordId, ended: &AtomicBool) {
    let mut pause = FIRST_PAUSE;
    while !ended.load(Ordering::SeqCst) {
        if let Err(error) = hear(house, node, ended, &mut pause) {
            tracing::warn!(%error, "notices of other nodes are not heard; trying again");
        }
        metrics::gauge!(names::LISTENING).set(0.0);
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn hear(house: &House, node: RecordId, ended: &AtomicBool, pause: &mut Duration) -> Result<(), Cause> {
    let DbConn::Pg(mut conn) = DbConn::open(house.config.database.url.expose_secret())? else {
        return Ok(());
    };
    conn.batch_execute("LISTEN doorward")?;
    // What was said before we listened nobody will say again.
    house.forget_all();
    house.work.notify_waiters();
    house.happened.notify_waiters();
    *pause = FIRST_PAUSE;
    metrics::gauge!(names::LISTENING).set(1.0);
    let mut asked = Instant::now();
    while !ended.load(Ordering::SeqCst) {
        take_notice(house, node, &mut conn)?;
        if asked.elapsed() >= ASK {
            conn.batch_execute("SELECT 1")?;
            asked = Instant::now();
        }
        thread::sleep(GLANCE);
    }
    Ok(())
}

fn take_notice(house: &House, node: RecordId, conn: &mut PgConnection) -> Result<(), Cause> {
    for notice in conn.notifications_iter() {
        heed(house, node, &notice?.payload);
    }
    Ok(())
}

/// A word of a newer version, which we do not know, may mean anything.
fn heed(house: &House, node: RecordId, said: &str) {
    match said {
        "work" => house.work.notify_waiters(),
        "happened" => house.happened.notify_waiters(),
        said if said.starts_with(sharing::PREFIX) => {
            sharing::heard(node, said).iter().for_each(|spent| house.limiter.owe(spent));
        }
        _ => match meant(said) {
            Some(what) => house.forget(what),
            None => house.forget_all(),
        },
    }
}

fn meant(said: &str) -> Option<Forget> {
    let (kind, id) = said.split_once(':')?;
    match kind {
        "session" => id.parse().ok().map(Forget::Session),
        "user" => id.parse().ok().map(Forget::User),
        "tenant" => id.parse().ok().map(Forget::Tenant),
        "keys" => id.parse().ok().map(Forget::Keys),
        "guesses" => id.parse().ok().map(Forget::Guesses),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SessionId, TenantId};

    #[test]
    fn a_notice_names_what_is_old() {
        let (session, tenant) = (SessionId::new(), TenantId::new());

        assert_eq!(meant(&format!("session:{session}")), Some(Forget::Session(session)));
        assert_eq!(meant(&format!("keys:{tenant}")), Some(Forget::Keys(tenant)));
        assert_eq!(meant(&format!("guesses:{tenant}")), Some(Forget::Guesses(tenant)));
        assert_eq!(meant("session:everybody"), None);
        assert_eq!(meant("planet:1"), None);
    }
}
