//! What happened, told to those who may see it: domain events are read in the order of their commits, and of each row that one
//! of them is about everybody is told who may get it. Every node reads them all, so it does not matter where somebody is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytestring::ByteString;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, timeout};

use super::engine;
use super::entity::{Event, Place, behind, missed, newest};
use super::hub::Hub;
use super::news;
use super::offers::Seen;
use super::packet::Packet;
use super::socket::{Carrier, Socket};
use crate::base::{RecordId, Result, SessionId, TenantId, UserId};
use crate::db::Above;
use crate::db::tx::Forget;
use crate::identity::Access;

/// Read at once.
const BATCH: i64 = 500;
/// What happens within it is told together.
const BREATH: Duration = Duration::from_millis(15);
/// Between looks for what rang and was not to be seen yet: longer each time.
const SOON: Duration = Duration::from_millis(15);
/// A notice may be lost.
const GLANCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(1);
/// Events that somebody is told afterwards. Who missed more reads afresh.
const MISSED: i64 = 1_000;
/// Seconds. What is about to be cleaned away counts as gone.
const SOON_GONE: i64 = 3_600;
/// Sockets that are asked together whether they may still see.
const TOGETHER: usize = 256;

/// Reads and tells for as long as this process lives. After a failure it goes on where it was: what happened meanwhile is told
/// late, and what was told may be told twice.
pub async fn run(hub: Hub, mut joining: UnboundedReceiver<Arc<Socket>>) {
    let mut place = None;
    loop {
        match follow(&hub, &mut joining, &mut place).await {
            Ok(()) => place = None,
            Err(error) => {
                tracing::warn!(error = error.words(), "what happened cannot be told; trying again");
                sleep(PAUSE).await;
            }
        }
    }
}

/// While there is anybody to tell.
async fn follow(
    hub: &Hub,
    joining: &mut UnboundedReceiver<Arc<Socket>>,
    known: &mut Option<Place>,
) -> Result<()> {
    while hub.is_empty() {
        hub.stirred.notified().await;
    }
    let mut place = match *known {
        Some(place) => place,
        None => hub.house.db.above(Above::Happened).read(newest).await?,
    };
    let mut patience = GLANCE;
    while !hub.is_empty() {
        hub.has_read(place);
        *known = Some(place);
        while let Ok(socket) = joining.try_recv() {
            welcome(hub, &socket, place).await?;
        }
        let mut more = std::pin::pin!(hub.house.happened.notified());
        more.as_mut().enable();
        let events = hub.house.db.above(Above::Happened).read(move |conn| behind(conn, place, BATCH)).await?;
        if let Some(last) = events.last() {
            let next = Place { xact: last.xact, sequence: last.sequence, ..place };
            tell(hub, events).await?;
            place = next;
            patience = GLANCE;
            sleep(BREATH).await;
        } else {
            tokio::select! {
                rung = timeout(patience, more) => {
                    // What rang may stand behind a transaction that is about to end: nobody rings again for it.
                    patience = if rung.is_ok() { SOON } else { (patience * 2).min(GLANCE) };
                    sleep(BREATH).await;
                }
                Some(socket) = joining.recv() => hub.join(&socket),
            }
        }
    }
    Ok(())
}

/// Tells what a socket missed; from then on it is told with the others.
async fn welcome(hub: &Hub, socket: &Arc<Socket>, place: Place) -> Result<()> {
    if let Some(missed) = socket.missed()
        && let Err(error) = tell_missed(hub, socket, missed, place).await
    {
        hub.join(socket);
        return Err(error);
    }
    socket.listen();
    if socket.carrier() == Carrier::Stream {
        let here = Place { at: hub.house.clock.now().seconds(), ..place };
        socket.say_text(news::written(Some(here), "ready", &json!({})));
    }
    Ok(())
}

/// Everybody who may see what these are about.
async fn tell(hub: &Hub, events: Vec<Event>) -> Result<()> {
    let mut by_tenant: BTreeMap<TenantId, Vec<Event>> = BTreeMap::new();
    events.iter().filter_map(made_old).for_each(|what| hub.house.forget(what));
    for event in events {
        if let Some(tenant) = event.tenant {
            by_tenant.entry(tenant).or_default().push(event);
        }
    }
    for (tenant, events) in by_tenant {
        let sockets: Vec<Arc<Socket>> =
            hub.of(tenant).into_iter().filter(|socket| socket.is_listening()).collect();
        if !sockets.is_empty() {
            let told = told(hub, tenant, &events).await?;
            hand_out(hub, &sockets, &told).await;
        }
    }
    Ok(())
}

/// Whose rights changed, perhaps on another node that has not told us yet: whatever was committed after somebody lost a right
/// they are not told (WS-1).
fn made_old(event: &Event) -> Option<Forget> {
    let id = event.id?.0;
    match (event.subject.as_str(), event.trigger.rsplit('.').next()) {
        (_, Some("create")) => None,
        ("session", _) => Some(Forget::Session(SessionId::of(id))),
        ("user", _) => Some(Forget::User(UserId::of(id))),
        ("role", _) => event.tenant.map(Forget::Tenant),
        _ => None,
    }
}

/// One message, and who may have it.
struct Told {
    access: Access,
    service: String,
    what: &'static str,
    row: Value,
    place: Place,
    packet: OnceLock<ByteString>,
    event: OnceLock<ByteString>,
}

impl Told {
    /// In the words of whoever listens; put together once for all of them.
    fn text(&self, carrier: Carrier) -> ByteString {
        let Self { service, what, row, place, .. } = self;
        let name = format!("{service} {what}");
        if carrier == Carrier::Stream {
            return self.event.get_or_init(|| news::written(Some(*place), &name, row)).clone();
        }
        let packet = || {
            let message = json!([name, row, place.to_string()]);
            engine::Packet::Message(Packet::Event(None, message).write("/")).write().into()
        };
        self.packet.get_or_init(packet).clone()
    }
}

async fn told(hub: &Hub, tenant: TenantId, events: &[Event]) -> Result<Vec<Told>> {
    let epoch = hub.place().epoch;
    let mut told = Vec::new();
    let mut rows: BTreeMap<&str, BTreeMap<RecordId, Value>> = BTreeMap::new();
    for event in events {
        let Some(id) = event.id else { continue };
        for seen in hub.offers.watching(&event.subject) {
            if !rows.contains_key(seen.service.as_str()) {
                rows.insert(&seen.service, shown(hub, tenant, seen, events).await?);
            }
            let row = rows.get(seen.service.as_str()).and_then(|rows| rows.get(&id)).cloned();
            let Some(what) = happening(&event.trigger) else { continue };
            // What is gone, or is not this tenant's to see, is told by its id alone, and only as gone.
            let Some(row) = row.or_else(|| (what == "removed").then(|| json!({ "id": id }))) else {
                continue;
            };
            let place = Place { epoch, xact: event.xact, sequence: event.sequence, at: event.at.seconds() };
            let (packet, event) = (OnceLock::new(), OnceLock::new());
            told.push(Told {
                access: seen.access,
                service: seen.service.clone(),
                what,
                row,
                place,
                packet,
                event,
            });
        }
    }
    Ok(told)
}

/// The rows that these events are about, as they are now.
async fn shown(
    hub: &Hub,
    tenant: TenantId,
    seen: &Seen,
    events: &[Event],
) -> Result<BTreeMap<RecordId, Value>> {
    let about = events.iter().filter(|event| event.subject == seen.watched.subject);
    let ids: BTreeSet<RecordId> = about.filter_map(|event| event.id).collect();
    let ids: Vec<RecordId> = ids.into_iter().collect();
    let rows = seen.watched.rows.clone();
    let found = hub.house.db.within(tenant).read(move |conn| rows(conn, tenant, &ids)).await?;
    let id = |row: &Value| row.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    Ok(found.into_iter().filter_map(|row| Some((id(&row)?, row))).collect())
}

/// As Feathers calls it. None: nothing of the row is another.
fn happening(trigger: &str) -> Option<&'static str> {
    match trigger.rsplit('.').next() {
        Some("create") => Some("created"),
        Some("delete") => Some("removed"),
        Some("fail") => None,
        _ => Some("patched"),
    }
}

/// Rights are looked at as they are now (WS-1).
async fn hand_out(hub: &Hub, sockets: &[Arc<Socket>], told: &[Told]) {
    stream::iter(sockets)
        .for_each_concurrent(TOGETHER, |socket| async move {
            let Some(bound) = socket.bound() else { return };
            let Ok(Some(live)) = hub.house.live(bound.session).await else { return };
            for told in told.iter().filter(|told| socket.wants(&told.service)) {
                let may = match told.access {
                    Access::Permission(permission) => live.may(permission),
                    Access::Session => true,
                    // Nothing that is told is anybody's.
                    _ => false,
                };
                if may {
                    socket.say_text(told.text(socket.carrier()));
                }
            }
        })
        .await;
}

/// What a socket missed while it was away, up to where everybody is. Who was away too long is told so.
async fn tell_missed(hub: &Hub, socket: &Arc<Socket>, from: Place, to: Place) -> Result<()> {
    let Some(bound) = socket.bound() else { return Ok(()) };
    let Some(events) = since(hub, bound.tenant, from, to).await? else {
        if socket.carrier() == Carrier::Stream {
            socket.say_text(news::written(None, "resync", &json!({})));
        } else {
            let text = Packet::Event(None, json!(["resync"])).write("/");
            socket.say(&engine::Packet::Message(text));
        }
        return Ok(());
    };
    let told = told(hub, bound.tenant, &events).await?;
    hand_out(hub, std::slice::from_ref(socket), &told).await;
    Ok(())
}

/// None: nobody can say any more what it was, or it is too much.
async fn since(hub: &Hub, tenant: TenantId, from: Place, to: Place) -> Result<Option<Vec<Event>>> {
    let now = hub.house.clock.now().seconds();
    let kept = i64::try_from(hub.house.config.events.keep.as_secs()).unwrap_or(i64::MAX);
    // Some of it may have been cleaned away.
    if from.epoch != to.epoch || now.saturating_sub(from.at) >= kept.saturating_sub(SOON_GONE) {
        return Ok(None);
    }
    let read = move |conn: &mut _| missed(conn, tenant, (from, to), MISSED + 1);
    let events = hub.house.db.within(tenant).read(read).await?;
    let is_too_much = events.len() > usize::try_from(MISSED).unwrap_or(usize::MAX);
    Ok((!is_too_much).then_some(events))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_called_as_feathers_calls_it() {
        let called = |trigger| happening(trigger);

        assert_eq!(called("doorward.role.post.create"), Some("created"));
        assert_eq!(called("doorward.role.post.delete"), Some("removed"));
        assert_eq!(called("doorward.user.post.disable"), Some("patched"));
        assert_eq!(called("doorward.action.post.fail"), None);
    }
}
