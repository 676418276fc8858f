//! What happened becomes runs: one for each action that heard it, unless the chain is too long.

use serde_json::json;

use super::entity::{Action, Rights, Run, RunState};
use super::running;
use crate::base::{ActionId, ActionRunId, DomainEventId, JobId, RecordId, Result, Timestamp};
use crate::db::Json;
use crate::db::tx::{Audit, Tx, Work};
use crate::triggers::entity::Event;
use crate::triggers::envelope;
use crate::triggers::outbox::{HeardBy, Listener, Listening};

/// Runs that may follow from each other, one after the other.
const DEEPEST: i32 = 8;
/// Runs that may follow from one event altogether.
const CHAIN: i64 = 100;

pub fn listener() -> Listener {
    let enabled = |conn: &mut _, tenants: &_| {
        let listening = |action: Action| Listening {
            id: RecordId::of(action.id.0),
            tenant: action.tenant_id,
            listens: action.listens.0,
            since: action.created_at,
        };
        Ok(Action::enabled(conn, tenants)?.into_iter().map(listening).collect())
    };
    Listener { enabled, begin }
}

/// Where a run stands in its chain.
struct Link {
    chain: DomainEventId,
    depth: i32,
    /// None: it is the first.
    bounds: Option<Rights>,
}

impl Link {
    /// Nobody does by another's action what they may not do themselves: of all who wrote one of the chain, each has to have
    /// held it (PRIV-1).
    fn bounds_of(&self, action: &Action) -> Rights {
        let own = &action.bounds.0;
        self.bounds.as_ref().map_or_else(|| own.clone(), |before| before & own)
    }
}

fn begin(tx: &mut Tx, heard: &[HeardBy<'_>]) -> Result<()> {
    heard.iter().try_for_each(|(event, ids)| begin_all(tx, event, ids))
}

fn begin_all(tx: &mut Tx, event: &Event, ids: &[RecordId]) -> Result<()> {
    let Some(tenant) = tx.tenant() else { return Ok(()) };
    // An event that no run caused begins a chain.
    let before = match event.causation {
        Some(cause) => Run::chain(tx.conn, ActionRunId::of(cause.0))?,
        None => None,
    };
    let link = match before {
        Some((chain, depth, bounds)) => Link { chain, depth: depth + 1, bounds: Some(bounds.0) },
        None => Link { chain: event.id, depth: 0, bounds: None },
    };
    for id in ids {
        // Switched off or changed meanwhile it is what it is now; gone it is nothing.
        if let Some(action) = Action::find(tx.conn, tenant, ActionId::of(id.0))? {
            begin_one(tx, (event, &action), &link)?;
        }
    }
    Ok(())
}

/// One run, unless its chain is too long: then that is written down once, and nothing more of the chain is begun.
fn begin_one(tx: &mut Tx, (event, action): (&Event, &Action), link: &Link) -> Result<()> {
    let (chain, depth) = (link.chain, link.depth);
    let runs = Run::of_chain(tx.conn, chain)?;
    if runs > CHAIN {
        return Ok(());
    }
    let is_too_long = depth >= DEEPEST || runs == CHAIN;
    let run = run_of((event, action), link, is_too_long, tx.now);
    if !run.insert(tx.conn)? {
        return Ok(());
    }
    if is_too_long {
        let data = json!({ "run": run.id, "chain": chain, "depth": depth, "runs": runs });
        return tx.audit(Audit::refused("actions.run", "loop").of("action", action.id).with(data));
    }
    let mut work = Work::job(running::NAME, json!({}));
    work.id = JobId::of(run.id.0);
    work.max_attempts = action.max_attempts;
    tx.enqueue(work)?;
    Ok(())
}

fn run_of((event, action): (&Event, &Action), link: &Link, is_too_long: bool, now: Timestamp) -> Run {
    Run {
        id: ActionRunId::new(),
        tenant_id: action.tenant_id,
        action_id: action.id,
        action_name: action.name.clone(),
        event_id: event.id,
        trigger_name: event.trigger.clone(),
        chain_id: link.chain,
        depth: link.depth,
        bounds: Json(link.bounds_of(action)),
        envelope: Json(envelope::of(event)),
        state: if is_too_long { RunState::Stopped } else { RunState::Queued },
        attempts: 0,
        detail: Json(json!({})),
        last_error: is_too_long.then(|| "Too many runs followed from one event.".to_owned()),
        duration_ms: None,
        created_at: now,
        updated_at: now,
        ended_at: is_too_long.then_some(now),
    }
}
