//! Domain events as they are followed: in the order of their commits.

use std::fmt;
use std::str::FromStr;

use diesel::prelude::*;

use crate::base::{RecordId, Result, TenantId, Timestamp};
use crate::db::DbConn;
use crate::db::schema::{domain_events, installation};
use crate::db::tx::{self, settled};

/// A point in the order of all events, which clients keep without knowing what it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Of the database: a restored one has another past.
    pub epoch: i64,
    pub xact: i64,
    pub sequence: i64,
    /// Seconds: what happened before is cleaned away one day.
    pub at: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.epoch, self.xact, self.sequence, self.at)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let mut parts = text.splitn(4, '.').map(|part| part.parse::<i64>().map_err(|_| ()));
        let mut next = || parts.next().unwrap_or(Err(()));
        Ok(Self { epoch: next()?, xact: next()?, sequence: next()?, at: next()? })
    }
}

#[derive(Debug, Queryable)]
pub struct Event {
    pub xact: i64,
    pub sequence: i64,
    pub tenant: Option<TenantId>,
    pub trigger: String,
    pub subject: String,
    pub id: Option<RecordId>,
    pub at: Timestamp,
}

/// Whatever commits from now on comes behind it.
pub fn newest(conn: &mut DbConn) -> Result<Place> {
    let epoch = installation::table.select(installation::restore_epoch).first::<i64>(conn)?;
    let (xact, sequence) = tx::newest(conn)?;
    Ok(Place { epoch, xact, sequence, at: 0 })
}

/// The next in the order of commits. On PostgreSQL a number may be drawn long before it is seen: what an open
/// transaction might still come before is not read yet.
pub fn behind(conn: &mut DbConn, place: Place, at_most: i64) -> Result<Vec<Event>> {
    use domain_events as e;
    let later = e::xact.gt(place.xact).or(e::xact.eq(place.xact).and(e::sequence.gt(place.sequence)));
    let found = e::table
        .filter(e::xact.ge(place.xact))
        .filter(later)
        .filter(settled(conn))
        .order((e::xact, e::sequence))
        .limit(at_most)
        .select((
            e::xact,
            e::sequence,
            e::tenant_id,
            e::trigger_name,
            e::subject_kind,
            e::subject_id,
            e::created_at,
        ));
    Ok(found.load(conn)?)
}

/// What a tenant has between two places.
pub fn missed(
    conn: &mut DbConn,
    tenant: TenantId,
    (from, to): (Place, Place),
    at_most: i64,
) -> Result<Vec<Event>> {
    use domain_events as e;
    let later = e::xact.gt(from.xact).or(e::xact.eq(from.xact).and(e::sequence.gt(from.sequence)));
    let told = e::xact.lt(to.xact).or(e::xact.eq(to.xact).and(e::sequence.le(to.sequence)));
    let found = e::table
        .filter(e::tenant_id.eq(tenant))
        .filter(later.and(told))
        .order((e::xact, e::sequence))
        .limit(at_most)
        .select((
            e::xact,
            e::sequence,
            e::tenant_id,
            e::trigger_name,
            e::subject_kind,
            e::subject_id,
            e::created_at,
        ));
    Ok(found.load(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_as_it_was_written() {
        let place = Place { epoch: 1, xact: 734, sequence: i64::MAX, at: 1_795_000_000 };

        assert_eq!(place.to_string().parse(), Ok(place));
        for text in ["", "1", "1.2", "1.2.3", "1.2.x.4", "1.2.3.4.5", "1.2.99999999999999999999.4"] {
            assert_eq!(text.parse::<Place>(), Err(()), "{text}");
        }
    }
}
