//! The outbox: reads what happened in the order of commits, and hands it to whoever listens. Started by the roof where the role
//! `work` is set.
//!
//! Several nodes may read the same, and after a crash it is read again from the place that was kept last: whoever is handed an
//! event must know whether they had it already.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::catalogue::hears;
use super::entity::{self, Event, Place};
use crate::base::{RecordId, Result, TenantId, Timestamp};
use crate::components::platform::{Cause, Component};
use crate::db::tx::Tx;
use crate::db::{Above, DbConn};
use crate::identity::{House, Scope};

/// Events of one look.
const BATCH: i64 = 500;
/// Between a ring and the look: what happens together is read together.
const BREATH: Duration = Duration::from_millis(20);
/// Between two looks while things happen of which nobody hears.
const UNHEARD: Duration = Duration::from_millis(250);
/// Between two looks when nobody says that anything happened.
const GLANCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(1);
/// How often the place is kept while nobody listens: what is read again then makes nothing.
const KEEP: Duration = Duration::from_secs(60);
/// Between the clocks of two nodes.
const SKEW: Duration = Duration::from_secs(5);

/// A room that does something about what happened.
#[derive(Clone, Copy)]
pub struct Listener {
    /// Who listens in these tenants, in the order in which they hear.
    pub enabled: fn(&mut DbConn, &[TenantId]) -> Result<Vec<Listening>>,
    /// Writes down, in the tenant's name, what is to be done for those who heard it, in the order in which it happened. They may
    /// have heard it before.
    pub begin: fn(&mut Tx, &[HeardBy<'_>]) -> Result<()>,
}

/// An event, and those of one kind who heard it.
pub type HeardBy<'a> = (&'a Event, &'a [RecordId]);

/// Somebody of a tenant's who listens.
#[derive(Debug, Clone)]
pub struct Listening {
    pub id: RecordId,
    pub tenant: TenantId,
    pub listens: Vec<String>,
    /// What happened before is none of theirs.
    pub since: Timestamp,
}

pub struct Outbox {
    listeners: Vec<Listener>,
    house: Option<House>,
    task: Option<JoinHandle<()>>,
}

impl Outbox {
    pub fn to(listeners: Vec<Listener>) -> Self {
        Self { listeners, house: None, task: None }
    }
}

impl Component for Outbox {
    type Consumes = (House,);
    type Provides = ();

    fn name(&self) -> &'static str {
        "outbox"
    }

    async fn init(&mut self, (house,): (House,)) -> Result<(), Cause> {
        self.house = Some(house);
        Ok(())
    }

    async fn start(&mut self) -> Result<(), Cause> {
        let listeners = self.listeners.clone();
        self.task = self.house.take().map(|house| tokio::spawn(read_on(house, listeners)));
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Cause> {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        Ok(())
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

async fn read_on(house: House, listeners: Vec<Listener>) {
    let mut patience = GLANCE;
    let mut reader =
        Reader { house, listeners, at: None, kept: Instant::now(), heard: Instant::now(), found: false };
    loop {
        let begun = Instant::now();
        // Listening begins before the look: what happens in between rings all the same.
        let house = reader.house.clone();
        let mut more = std::pin::pin!(house.happened.notified());
        more.as_mut().enable();
        match reader.look().await {
            Ok(true) => {}
            Ok(false) => {
                if reader.found {
                    patience = GLANCE;
                }
                // What rang may stand behind a transaction that is about to end: nobody rings again for it.
                let rung = timeout(patience, more).await.is_ok();
                patience = if rung { BREATH } else { (patience * 2).min(GLANCE) };
                let apart = if reader.heard < begun { UNHEARD } else { BREATH };
                sleep(BREATH.max(apart.saturating_sub(begun.elapsed()))).await;
            }
            Err(error) => {
                tracing::warn!(error = error.words(), "what happened cannot be handed on; trying again");
                sleep(PAUSE).await;
            }
        }
    }
}

struct Reader {
    house: House,
    listeners: Vec<Listener>,
    at: Option<Place>,
    kept: Instant,
    /// By anybody, last.
    heard: Instant,
    /// Whether the last look found anything.
    found: bool,
}

impl Reader {
    /// Hands on what has happened since the last look; true when there may be more.
    async fn look(&mut self) -> Result<bool> {
        let at = match self.at {
            Some(at) => at,
            None => {
                let now = self.house.clock.now();
                let begin = move |conn: &mut DbConn| Ok(entity::begin(conn, now)?);
                self.house.db.above(Above::Work).write(begin).await?
            }
        };
        let listeners = self.listeners.clone();
        let read = self.house.db.above(Above::Work).read(move |conn| {
            let events = entity::behind(conn, at, BATCH)?;
            let tenants: BTreeSet<TenantId> = events.iter().filter_map(|event| event.tenant).collect();
            let tenants: Vec<TenantId> = tenants.into_iter().collect();
            let listening = listeners.iter().map(|listener| (listener.enabled)(conn, &tenants));
            Ok((events, listening.collect::<Result<Vec<_>>>()?))
        });
        let (events, listening) = read.await?;
        self.found = !events.is_empty();
        let Some(last) = events.last().map(Event::place) else {
            self.at = Some(at);
            return Ok(false);
        };
        let is_full = i64::try_from(events.len()).is_ok_and(|count| count >= BATCH);
        let heard = heard(events, &listening);
        if !heard.is_empty() {
            self.heard = Instant::now();
        }
        if !heard.is_empty() || self.kept.elapsed() >= KEEP {
            let (scope, listeners) = (Scope::of_house(self.house.clone(), None), self.listeners.clone());
            scope.write_above(Above::Work, move |tx| hand_on(tx, (&listeners, &heard), last)).await?;
            self.kept = Instant::now();
        }
        self.at = Some(last);
        Ok(is_full)
    }
}

/// An event, and of each listener those who hear it.
type Heard = (Event, Vec<Vec<RecordId>>);

fn heard(events: Vec<Event>, listening: &[Vec<Listening>]) -> Vec<Heard> {
    // Whoever was made among these hears nothing of what came before.
    let made: HashMap<RecordId, Place> = events
        .iter()
        .filter(|event| event.trigger.ends_with(".post.create"))
        .filter_map(|event| Some((event.subject.1?, event.place())))
        .collect();
    let hears = |event: &Event, one: &Listening| {
        event.tenant == Some(one.tenant)
            && made.get(&one.id).is_none_or(|place| *place <= event.place())
            // What is read again after a crash happened before some of them were there.
            && one.since <= event.at + SKEW
            && one.listens.iter().any(|pattern| hears(pattern, &event.trigger))
    };
    let with = |event: Event| {
        let of_each = listening
            .iter()
            .map(|all| all.iter().filter(|one| hears(&event, one)).map(|one| one.id).collect::<Vec<_>>());
        let of_each: Vec<Vec<RecordId>> = of_each.collect();
        of_each.iter().any(|ids| !ids.is_empty()).then_some((event, of_each))
    };
    events.into_iter().filter_map(with).collect()
}

fn hand_on(tx: &mut Tx, (listeners, heard): (&[Listener], &[Heard]), last: Place) -> Result<()> {
    let mut of_tenants: BTreeMap<TenantId, Vec<&Heard>> = BTreeMap::new();
    for one in heard {
        if let Some(tenant) = one.0.tenant {
            of_tenants.entry(tenant).or_default().push(one);
        }
    }
    for (tenant, heard) in of_tenants {
        for (number, listener) in listeners.iter().enumerate() {
            let theirs =
                heard.iter().filter_map(|(event, of_each)| Some((event, of_each.get(number)?.as_slice())));
            let theirs: Vec<HeardBy<'_>> = theirs.filter(|(_, ids)| !ids.is_empty()).collect();
            if !theirs.is_empty() {
                tx.within(tenant, |tx| (listener.begin)(tx, &theirs))?;
            }
        }
    }
    entity::keep(tx.conn, last, tx.now)?;
    Ok(())
}
