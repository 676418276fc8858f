//! What happened, as it is handed on: in the order of commits, from a place that is kept.

use diesel::prelude::*;

use crate::base::{DomainEventId, RecordId, TenantId, Timestamp};
use crate::db::schema::{domain_events, outbox_places};
use crate::db::tx::{ActorKind, OUTBOX, newest, settled};
use crate::db::{BothDsl, DbConn, Json};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    pub xact: i64,
    pub sequence: i64,
}

#[derive(Debug, Clone, Queryable)]
pub struct Event {
    pub xact: i64,
    pub sequence: i64,
    pub id: DomainEventId,
    pub tenant: Option<TenantId>,
    pub trigger: String,
    pub subject: (String, Option<RecordId>),
    pub actor: (ActorKind, Option<RecordId>),
    pub data: Json<serde_json::Value>,
    pub causation: Option<RecordId>,
    pub at: Timestamp,
}

impl Event {
    pub fn place(&self) -> Place {
        Place { xact: self.xact, sequence: self.sequence }
    }
}

/// Where the last one to hand on left off, or the beginning: whoever listens says since when. Where the database is a copy of
/// another one, whose order was another, now: nobody could tell what comes before what.
pub fn begin(conn: &mut DbConn, now: Timestamp) -> QueryResult<Place> {
    use outbox_places as o;
    let (xact, sequence) = newest(conn)?;
    let newest = Place { xact, sequence };
    let kept = o::table.find(OUTBOX).select((o::xact, o::sequence)).first::<(i64, i64)>(conn).optional()?;
    match kept.map(|(xact, sequence)| Place { xact, sequence }) {
        Some(kept) if kept <= newest => return Ok(kept),
        Some(_) => drop(diesel::delete(o::table.find(OUTBOX)).execute(conn)?),
        None => return Ok(Place::default()),
    }
    keep(conn, newest, now)?;
    Ok(newest)
}

/// Never back: of several who hand on, each may be behind another.
pub fn keep(conn: &mut DbConn, place: Place, now: Timestamp) -> QueryResult<usize> {
    use outbox_places as o;
    let at = (o::xact.eq(place.xact), o::sequence.eq(place.sequence), o::updated_at.eq(now));
    let made = diesel::insert_into(o::table).values((o::name.eq(OUTBOX), at)).on_conflict_do_nothing().both();
    if made.execute(conn)? == 1 {
        return Ok(1);
    }
    let is_behind = o::xact.lt(place.xact).or(o::xact.eq(place.xact).and(o::sequence.lt(place.sequence)));
    diesel::update(o::table.find(OUTBOX)).filter(is_behind).set(at).execute(conn)
}

/// The next in the order of commits, as far as nothing can come before them any more.
pub fn behind(conn: &mut DbConn, place: Place, at_most: i64) -> QueryResult<Vec<Event>> {
    use domain_events as e;
    let later = e::xact.gt(place.xact).or(e::xact.eq(place.xact).and(e::sequence.gt(place.sequence)));
    e::table
        .filter(e::xact.ge(place.xact))
        .filter(later)
        .filter(settled(conn))
        .order((e::xact, e::sequence))
        .limit(at_most)
        .select((
            e::xact,
            e::sequence,
            e::id,
            e::tenant_id,
            e::trigger_name,
            (e::subject_kind, e::subject_id),
            (e::actor_kind, e::actor_id),
            e::data,
            e::causation_id,
            e::created_at,
        ))
        .load(conn)
}
