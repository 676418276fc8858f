//! Guess counters in the database.

use diesel::prelude::*;
use diesel::sql_types::{Binary, Integer};

use crate::base::{HashedToken, Result, TenantId, Timestamp, UserId};
use crate::db::DbConn;
use crate::db::schema::{guess_counters, login_identifiers};
use crate::db::types::sql;
use crate::each_backend;

/// A row's key. What it is of, only the vault can tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter {
    pub tenant: TenantId,
    pub key: HashedToken,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    key_mac: HashedToken,
    #[diesel(sql_type = Integer)]
    failures: i32,
}

/// What counting one guess came to.
pub enum Tried {
    /// Every counter was open; the highest of them stands at this many guesses in a row.
    Open(u32),
    /// These were closed, and until when.
    Closed(Vec<(Counter, Timestamp)>),
}

/// Counts one guess on every counter that is open, in one statement: of fifty guesses at once each is counted, and
/// those that come after the block find nothing to update.
///
/// The counters come sorted, so that two guesses at the same pair lock them in the same order.
pub fn count(
    conn: &mut DbConn,
    counters: &[Counter],
    now: Timestamp,
    steps: &[(i32, Timestamp)],
) -> Result<Tried> {
    if let DbConn::Pg(pg) = conn {
        // A crash may forget a guess; waiting for the disk at each would make guessing a way to stop the server.
        diesel::sql_query("SET LOCAL synchronous_commit = off").execute(pg)?;
    }
    let open = each_backend!(conn, c => {
        let mut query = diesel::sql_query(statement(counters.len(), steps.len())).into_boxed();
        query = query.bind::<sql::Instant, _>(now).bind::<sql::Instant, _>(until(1, steps));
        for counter in counters {
            query = query.bind::<sql::Uuid, _>(counter.tenant).bind::<Binary, _>(counter.key.clone());
        }
        for (failures, until) in steps {
            query = query.bind::<Integer, _>(*failures).bind::<sql::Instant, _>(*until);
        }
        query.get_results::<Row>(c)
    })?;
    if open.len() == counters.len() {
        let most = open.iter().map(|row| row.failures).max();
        return Ok(Tried::Open(most.and_then(|most| u32::try_from(most).ok()).unwrap_or_default()));
    }
    let closed = counters.iter().filter(|counter| !open.iter().any(|row| row.key_mac == counter.key));
    let until = |counter: &Counter| Ok((counter.clone(), closed_until(conn, counter)?.unwrap_or(now)));
    Ok(Tried::Closed(closed.map(until).collect::<Result<_>>()?))
}

/// Parameters are numbered in the order of their first appearance, which both databases read alike.
fn statement(counters: usize, steps: usize) -> String {
    let row = |at: usize| {
        let (tenant, key) = (3 + 2 * at, 4 + 2 * at);
        // The first row names the two times first: SQLite numbers names as it meets them.
        format!("($1, $2, ${tenant}, ${key}, 1)")
    };
    let rows: Vec<String> = (0..counters).map(row).collect();
    let case = |at: usize| {
        let (failures, until) = (3 + 2 * counters + 2 * at, 4 + 2 * counters + 2 * at);
        format!("WHEN guess_counters.failures + 1 >= ${failures} THEN ${until}")
    };
    let cases: Vec<String> = (0..steps).map(case).collect();
    format!(
        "INSERT INTO guess_counters (last_at, blocked_until, tenant_id, key_mac, failures) VALUES {} \
         ON CONFLICT (tenant_id, key_mac) DO UPDATE SET failures = guess_counters.failures + 1, \
         last_at = excluded.last_at, blocked_until = CASE {} ELSE guess_counters.blocked_until END \
         WHERE guess_counters.blocked_until <= excluded.last_at RETURNING key_mac, failures",
        rows.join(", "),
        cases.join(" ")
    )
}

/// An open counter was closed until the beginning of time, and not until its newest guess: one that was asked for a
/// moment earlier, or by a node whose clock is behind, would find it closed.
fn until(failures: i32, steps: &[(i32, Timestamp)]) -> Timestamp {
    steps.iter().find(|(from, _)| failures >= *from).map_or(Timestamp::EPOCH, |(_, until)| *until)
}

/// When a counter opens again, or did.
pub fn closed_until(conn: &mut DbConn, counter: &Counter) -> QueryResult<Option<Timestamp>> {
    guess_counters::table
        .find((counter.tenant, &counter.key))
        .select(guess_counters::blocked_until)
        .get_result(conn)
        .optional()
}

/// Takes one counted guess back. Where it was right, a block that it brought about goes with it.
pub fn give_back(conn: &mut DbConn, counter: &Counter, lift: bool) -> QueryResult<()> {
    use guess_counters as g;
    let row = || diesel::update(g::table.find((counter.tenant, &counter.key))).filter(g::failures.gt(0));
    let fewer = g::failures.eq(g::failures - 1);
    if lift {
        row().set((fewer, g::blocked_until.eq(Timestamp::EPOCH))).execute(conn)?;
    } else {
        row().set(fewer).execute(conn)?;
    }
    Ok(())
}

/// The latest of what a person's counters say, if one of them is closed now.
pub fn held_until(conn: &mut DbConn, counters: &[Counter], now: Timestamp) -> QueryResult<Option<Timestamp>> {
    let mut latest = None;
    for counter in counters {
        latest = latest.max(closed_until(conn, counter)?.filter(|until| *until > now));
    }
    Ok(latest)
}

pub fn clear(conn: &mut DbConn, counter: &Counter) -> QueryResult<usize> {
    diesel::delete(guess_counters::table.find((counter.tenant, &counter.key))).execute(conn)
}

/// What a person is called by when they log in, in each tenant.
pub fn names_of(conn: &mut DbConn, user: UserId) -> QueryResult<Vec<(TenantId, String)>> {
    login_identifiers::table
        .filter(login_identifiers::user_id.eq(user))
        .select((login_identifiers::tenant_id, login_identifiers::value))
        .load(conn)
}

/// Rows that nobody touched since `than`, but for those closed for good: waiting gives no second hundred.
pub fn clean(conn: &mut DbConn, than: Timestamp, at_most: i64) -> QueryResult<usize> {
    use guess_counters as g;
    let old = g::table.filter(g::last_at.lt(than)).filter(g::blocked_until.lt(than));
    let old: Vec<(TenantId, HashedToken)> =
        old.order(g::last_at).select((g::tenant_id, g::key_mac)).limit(at_most).load(conn)?;
    for (tenant, key) in &old {
        let row = g::table.find((tenant, key)).filter(g::last_at.lt(than));
        diesel::delete(row).execute(conn)?;
    }
    Ok(old.len())
}
