//! What followed from a request: what happened by it, what heard that, what was done about it, and what happened by that.

use std::collections::BTreeSet;

use diesel::prelude::*;
use serde::Serialize;

use crate::base::{RecordId, RequestId, Timestamp};
use crate::db::DbConn;
use crate::db::schema::{action_runs, deliveries, domain_events, jobs, webhooks};

/// One request may shake a whole tenant: an operator looks at the beginning of it.
const MOST: usize = 500;
/// Steps from the request to the last that is looked for.
const DEEPEST: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Event,
    Run,
    Job,
    Delivery,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    pub kind: Kind,
    pub id: RecordId,
    /// A trigger, an action's or a job's name, or an address.
    pub name: String,
    pub state: Option<String>,
    /// Why it came to nothing.
    pub reason: Option<String>,
    pub at: Timestamp,
    /// What it follows from; the request itself where it is that.
    pub from: RecordId,
    pub depth: usize,
}

/// Each stands behind what it follows from, one deeper; `id` may also be that of anything in between.
pub fn from(conn: &mut DbConn, id: RequestId) -> QueryResult<Vec<Followed>> {
    let root = RecordId::of(id.0);
    let mut found: Vec<Followed> = Vec::new();
    let mut causes = vec![root];
    let mut seen: BTreeSet<RecordId> = BTreeSet::new();
    for step in 0..DEEPEST {
        let mut events = happened(conn, (&causes, root))?;
        let mut more = worked(conn, (&causes, root))?;
        if step == 0 {
            events.extend(begun(conn, (id, root))?);
            more.extend(begun_work(conn, (id, root))?);
        }
        let heard: Vec<RecordId> = events.iter().map(|event| event.id).collect();
        // What is said in a chat is told of by the run that says it.
        let told: Vec<RecordId> = heard.iter().chain(&causes).copied().collect();
        let runs = ran(conn, &heard)?;
        let sent = sent(conn, &told)?;
        let of_runs: BTreeSet<RecordId> = runs.iter().map(|run| run.id).collect();
        // A run is a job too.
        more.retain(|job| !of_runs.contains(&job.id));
        let all = events.into_iter().chain(runs).chain(more).chain(sent);
        let new: Vec<Followed> = all.filter(|one| seen.insert(one.id)).collect();
        causes =
            new.iter().filter(|one| matches!(one.kind, Kind::Run | Kind::Job)).map(|one| one.id).collect();
        found.extend(new);
        if causes.is_empty() || found.len() >= MOST {
            break;
        }
    }
    found.truncate(MOST);
    found.sort_by_key(|one| (one.at, one.id));
    Ok(in_order(&found))
}

fn in_order(found: &[Followed]) -> Vec<Followed> {
    let known: BTreeSet<RecordId> = found.iter().map(|one| one.id).collect();
    let mut order = Vec::with_capacity(found.len());
    // What follows from nothing that is shown stands at the root; so does what was asked for.
    let tops = found.iter().filter(|one| one.from == one.id || !known.contains(&one.from));
    let mut open: Vec<(&Followed, usize)> = tops.map(|one| (one, 0)).collect();
    open.reverse();
    while let Some((one, depth)) = open.pop() {
        order.push(Followed { depth, ..one.clone() });
        let below = found.iter().filter(|other| other.from == one.id && other.id != one.id);
        open.extend(below.rev().map(|other| (other, depth + 1)));
        // A circle would be somebody's forgery; it ends.
        if order.len() > found.len() {
            break;
        }
    }
    order
}

type Event = (RecordId, String, Timestamp, Option<RecordId>);

fn event((id, name, at, cause): Event, root: RecordId) -> Followed {
    let from = cause.unwrap_or(root);
    Followed { kind: Kind::Event, id, name, state: None, reason: None, at, from, depth: 0 }
}

fn happened(conn: &mut DbConn, (causes, root): (&[RecordId], RecordId)) -> QueryResult<Vec<Followed>> {
    use domain_events as e;
    let found = e::table.filter(e::causation_id.eq_any(causes)).limit(MOST as i64);
    let found = found.select((e::id, e::trigger_name, e::created_at, e::causation_id)).load::<Event>(conn)?;
    Ok(found.into_iter().map(|one| event(one, root)).collect())
}

/// By the request itself; or the event of this id.
fn begun(conn: &mut DbConn, (id, root): (RequestId, RecordId)) -> QueryResult<Vec<Followed>> {
    use domain_events as e;
    let found = e::table.filter(e::request_id.eq(id).or(e::id.eq(root))).limit(MOST as i64);
    let found = found.select((e::id, e::trigger_name, e::created_at, e::causation_id)).load::<Event>(conn)?;
    Ok(found.into_iter().map(|one| event(one, root)).collect())
}

type Job = (RecordId, String, String, Option<String>, Timestamp, Option<RecordId>);

fn job((id, name, state, reason, at, cause): Job, root: RecordId) -> Followed {
    let from = cause.unwrap_or(root);
    Followed { kind: Kind::Job, id, name, state: Some(state), reason, at, from, depth: 0 }
}

fn worked(conn: &mut DbConn, (causes, root): (&[RecordId], RecordId)) -> QueryResult<Vec<Followed>> {
    use jobs as j;
    let found = j::table.filter(j::causation_id.eq_any(causes)).limit(MOST as i64);
    let columns = (j::id, j::name, j::state, j::last_error, j::created_at, j::causation_id);
    Ok(found.select(columns).load::<Job>(conn)?.into_iter().map(|one| job(one, root)).collect())
}

fn begun_work(conn: &mut DbConn, (id, root): (RequestId, RecordId)) -> QueryResult<Vec<Followed>> {
    use jobs as j;
    let found = j::table.filter(j::request_id.eq(id).or(j::id.eq(root))).limit(MOST as i64);
    let columns = (j::id, j::name, j::state, j::last_error, j::created_at, j::causation_id);
    Ok(found.select(columns).load::<Job>(conn)?.into_iter().map(|one| job(one, root)).collect())
}

fn ran(conn: &mut DbConn, events: &[RecordId]) -> QueryResult<Vec<Followed>> {
    use action_runs as r;
    let found = r::table.filter(r::event_id.eq_any(events)).limit(MOST as i64);
    let columns = (r::id, r::action_name, r::state, r::last_error, r::created_at, r::event_id);
    let found = found
        .select(columns)
        .load::<(RecordId, String, String, Option<String>, Timestamp, RecordId)>(conn)?;
    let run = |(id, name, state, reason, at, event)| Followed {
        kind: Kind::Run,
        id,
        name,
        state: Some(state),
        reason,
        at,
        from: event,
        depth: 0,
    };
    Ok(found.into_iter().map(run).collect())
}

type Delivery = (RecordId, String, String, Option<i32>, Option<String>, Timestamp, RecordId);

fn sent(conn: &mut DbConn, causes: &[RecordId]) -> QueryResult<Vec<Followed>> {
    use deliveries as d;
    let found = d::table
        .inner_join(webhooks::table.on(webhooks::id.eq(d::webhook_id)))
        .filter(d::event_id.eq_any(causes))
        .limit(MOST as i64)
        .select((d::id, webhooks::url, d::state, d::last_status, d::last_error, d::created_at, d::event_id))
        .load::<Delivery>(conn)?;
    let delivery = |(id, name, state, status, error, at, event): Delivery| Followed {
        kind: Kind::Delivery,
        id,
        name: host(&name),
        reason: error.or(status.map(|status| format!("answered {status}"))),
        state: Some(state),
        at,
        from: event,
        depth: 0,
    };
    Ok(found.into_iter().map(delivery).collect())
}

/// A chat's address is a secret in itself: where it leads is enough.
fn host(address: &str) -> String {
    let host = address.parse::<url::Url>().ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stands_behind_what_it_follows_from() {
        let ids: Vec<RecordId> = (0..5).map(|_| RecordId::new()).collect();
        let one = |id: usize, from: usize| Followed {
            kind: Kind::Event,
            id: ids[id],
            name: id.to_string(),
            state: None,
            reason: None,
            at: Timestamp::EPOCH,
            from: ids[from],
            depth: 0,
        };

        let order = in_order(&[one(1, 0), one(2, 0), one(3, 1), one(4, 3)]);

        let told: Vec<_> = order.iter().map(|one| (one.name.as_str(), one.depth)).collect();
        assert_eq!(told, [("1", 0), ("3", 1), ("4", 2), ("2", 0)]);
    }
}
