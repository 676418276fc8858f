//! Refused requests on their way to the audit: gathered in memory, written once a second in one transaction.
//!
//! A durable write for each would let a stranger fill the disk and slow down everybody. So refusals of credentials and
//! permissions have a budget by address, tenant and node for records of their own; what is beyond it, and whatever a
//! limit or a conflict refused, is summed by minute.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::prelude::*;
use serde_json::json;

use crate::base::{RequestId, Result, TenantId, Timestamp};
use crate::components::metrics::names;
use crate::db::schema::tenants;
use crate::db::tx::{Audit, Cause, Outcome, Tx};
use crate::db::{Above, Db, DbConn};

/// Records of their own in a minute: from one network at one tenant, at one tenant, and on this node.
const EACH: u32 = 20;
const TENANT: u32 = 120;
const NODE: u32 = 600;
/// Sums of one minute that tell networks apart; the others do without.
const SUMS: usize = 256;
/// What may wait while the database does not answer.
const WAITING: usize = 2_048;

/// One request that was refused.
#[derive(Debug, Clone)]
pub struct Denied {
    pub at: Timestamp,
    pub cause: Cause,
    /// Of the caller's address, as the limiter counts.
    pub network: [u8; 9],
    /// The event that was asked for.
    pub action: &'static str,
    pub status: u16,
    pub key: &'static str,
    pub reason: &'static str,
}

#[derive(Debug, Clone)]
pub struct Record {
    pub denied: Denied,
    pub count: i64,
}

#[derive(Clone, Default)]
pub struct Denials(Arc<Shared>);

#[derive(Default)]
struct Shared {
    book: Mutex<Book>,
    /// One at a time: whoever has written down knows that nothing older is still on its way.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Book {
    minute: i64,
    spent: HashMap<Purse, u32>,
    sums: HashMap<Alike, Record>,
    waiting: Vec<Record>,
    /// Requests under way whose event has written its refusal down itself.
    told: HashSet<RequestId>,
}

#[derive(PartialEq, Eq, Hash)]
enum Purse {
    Each(Option<TenantId>, [u8; 9]),
    Tenant(Option<TenantId>),
    Node,
}

#[derive(PartialEq, Eq, Hash)]
struct Alike {
    tenant: Option<TenantId>,
    key: &'static str,
    reason: &'static str,
    network: Option<[u8; 9]>,
}

/// Which refusals are kept at all.
pub fn matters(status: u16) -> bool {
    matches!(status, 401 | 403 | 409 | 412 | 429)
}

impl Denials {
    /// The event of this request has told of its refusal, in its own transaction: the edge need not do so again.
    pub fn told(&self, request: RequestId) {
        let mut book = self.book();
        // Each is taken away when its request ends; this is for those that end well after all.
        if book.told.len() >= WAITING {
            book.told.clear();
        }
        book.told.insert(request);
    }

    pub fn note(&self, denied: Denied) {
        let mut book = self.book();
        book.turn(denied.at);
        if denied.cause.request.is_some_and(|request| book.told.remove(&RequestId::of(request))) {
            return;
        }
        if matches!(denied.status, 401 | 403) && book.affords(&denied) {
            book.waiting.push(Record { denied, count: 1 });
        } else {
            book.sum(denied);
        }
    }

    /// Writes what is due: records at once, sums when their minute is over, or everything at the end.
    pub async fn write_down(&self, db: &Db, now: Timestamp, all: bool) -> Result<usize> {
        let _alone = self.0.writing.lock().await;
        let due = Arc::new(self.due(now, all));
        if due.is_empty() {
            return Ok(0);
        }
        let records = due.clone();
        let written = db.above(Above::Housekeeping).write(move |conn| write(conn, &records)).await;
        if written.is_err() {
            self.put_back(due.to_vec());
        }
        written
    }

    fn due(&self, now: Timestamp, all: bool) -> Vec<Record> {
        let mut book = self.book();
        if all {
            book.close();
        } else {
            book.turn(now);
        }
        std::mem::take(&mut book.waiting)
    }

    fn put_back(&self, mut records: Vec<Record>) {
        let mut book = self.book();
        records.append(&mut book.waiting);
        let lost = records.len().saturating_sub(WAITING);
        metrics::counter!(names::REFUSALS_LOST).increment(lost as u64);
        records.truncate(WAITING);
        book.waiting = records;
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// A new minute: the sums of the last one are due, and budgets are full again.
    fn turn(&mut self, now: Timestamp) {
        let minute = now.seconds().div_euclid(60);
        if minute != self.minute {
            self.close();
            self.minute = minute;
        }
    }

    fn close(&mut self) {
        self.waiting.extend(self.sums.drain().map(|(_, record)| record));
        self.spent.clear();
        let lost = self.waiting.len().saturating_sub(WAITING);
        metrics::counter!(names::REFUSALS_LOST).increment(lost as u64);
        self.waiting.truncate(WAITING);
    }

    fn affords(&mut self, denied: &Denied) -> bool {
        let tenant = denied.cause.tenant;
        let purses = [
            (Purse::Each(tenant, denied.network), EACH),
            (Purse::Tenant(tenant), TENANT),
            (Purse::Node, NODE),
        ];
        let spent = |purse: &Purse| self.spent.get(purse).copied().unwrap_or(0);
        if self.waiting.len() >= WAITING || purses.iter().any(|(purse, most)| spent(purse) >= *most) {
            return false;
        }
        for (purse, _) in purses {
            *self.spent.entry(purse).or_default() += 1;
        }
        true
    }

    fn sum(&mut self, denied: Denied) {
        let Denied { key, reason, .. } = denied;
        let mut alike = Alike { tenant: denied.cause.tenant, key, reason, network: Some(denied.network) };
        if self.sums.len() >= SUMS && !self.sums.contains_key(&alike) {
            alike.network = None;
        }
        // Keys and reasons are constants, but tenants are many.
        if self.sums.len() >= 2 * SUMS && !self.sums.contains_key(&alike) {
            alike.tenant = None;
        }
        let first = || Record { denied: of_many(denied, &alike), count: 0 };
        match self.sums.get_mut(&alike) {
            Some(record) => record.count += 1,
            None => {
                let record = Record { count: 1, ..first() };
                self.sums.insert(alike, record);
            }
        }
    }
}

/// A sum says of its requests only what they share; the first lends its id, so that it can be looked up.
fn of_many(denied: Denied, alike: &Alike) -> Denied {
    let address = denied.cause.address.clone().filter(|_| alike.network.is_some());
    let cause = Cause {
        request: denied.cause.request,
        address,
        ..Cause { actor: crate::db::tx::Actor::NOBODY, ..Cause::server(alike.tenant) }
    };
    Denied { cause, ..denied }
}

fn write(conn: &mut DbConn, records: &[Record]) -> Result<usize> {
    let known = known_tenants(conn, records)?;
    for Record { denied, count } in records {
        // Gone since: the record outlives its tenant, without naming it.
        let tenant = denied.cause.tenant.filter(|tenant| known.contains(tenant));
        let cause = Cause { tenant, ..denied.cause.clone() };
        let data = json!({ "key": denied.key, "status": denied.status });
        let audit = Audit { outcome: Outcome::Refused, ..Audit::refused(denied.action, denied.reason) };
        Tx::new(conn, &cause, denied.at).audit_summed(audit.with(data), *count)?;
    }
    Ok(records.len())
}

fn known_tenants(conn: &mut DbConn, records: &[Record]) -> Result<Vec<TenantId>> {
    let mut ids: Vec<TenantId> = records.iter().filter_map(|record| record.denied.cause.tenant).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(tenants::table.filter(tenants::id.eq_any(ids)).select(tenants::id).load(conn)?)
}

/// How often what is due is written.
pub const BEAT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::tx::Actor;

    fn denied(seconds: i64, status: u16, network: u8) -> Denied {
        let cause = Cause { actor: Actor::NOBODY, address: Some("192.0.2.1".into()), ..Cause::server(None) };
        let at = Timestamp::from_seconds(seconds);
        let network = [network, 0, 0, 0, 0, 0, 0, 0, 0];
        Denied { at, cause, network, action: "password.login", status, key: "k", reason: "r" }
    }

    fn due(denials: &Denials, seconds: i64) -> Vec<i64> {
        let records = denials.due(Timestamp::from_seconds(seconds), false);
        records.iter().map(|record| record.count).collect()
    }

    #[test]
    fn a_few_refusals_have_records_of_their_own_and_the_rest_is_summed() {
        let denials = Denials::default();

        (0..100).for_each(|_| denials.note(denied(0, 401, 1)));

        assert_eq!(due(&denials, 1), vec![1; 20]);
        assert_eq!(due(&denials, 61), [80]);
        assert!(due(&denials, 121).is_empty());
    }

    #[test]
    fn what_its_event_has_told_is_not_told_again() {
        let denials = Denials::default();
        let told = RequestId::new();

        denials.told(told);
        for request in [told, RequestId::new()] {
            let mut of = denied(0, 401, 1);
            of.cause.request = Some(request.0);
            denials.note(of);
        }

        assert_eq!(due(&denials, 1), [1]);
    }

    #[test]
    fn what_a_limit_refused_is_summed_from_the_first() {
        let denials = Denials::default();

        (0..100).for_each(|_| denials.note(denied(0, 429, 1)));

        assert!(due(&denials, 1).is_empty());
        assert_eq!(due(&denials, 60), [100]);
    }

    #[test]
    fn a_million_networks_make_no_more_records_than_a_minute_may_have() {
        let denials = Denials::default();

        for count in 0..1_000_000_u32 {
            let mut from = denied(0, 401, 0);
            from.network[1..5].copy_from_slice(&count.to_be_bytes());
            denials.note(from);
        }

        let records = due(&denials, 60);
        assert_eq!(records.iter().sum::<i64>(), 1_000_000);
        assert!(records.len() <= TENANT as usize + SUMS + 1, "{}", records.len());
    }

    #[test]
    fn what_could_not_be_written_is_tried_again_and_is_bounded() {
        let denials = Denials::default();
        (0..10).for_each(|_| denials.note(denied(0, 401, 1)));

        let taken = denials.due(Timestamp::from_seconds(1), false);
        denials.put_back(taken.iter().cycle().take(10_000).cloned().collect());

        assert_eq!(due(&denials, 2).len(), WAITING);
    }
}
