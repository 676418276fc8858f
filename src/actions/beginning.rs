//! What begins a chain with no event before it: a tenant's clock, a message from outside.

use serde_json::{Map, Value, json};

use super::entity::{Rights, Run, RunState};
use crate::base::{ActionId, ActionRunId, DomainEventId, RecordId, Result, TenantId};
use crate::db::Json;
use crate::db::tx::{Happened, Tx};

pub struct Beginning<'a> {
    pub tenant: TenantId,
    /// What kind of thing throws it, which, and its name.
    pub of: (&'static str, RecordId, &'a str),
    pub trigger: &'a str,
    /// The same twice is one beginning.
    pub event: DomainEventId,
    /// What whoever wrote it held.
    pub bounds: Rights,
    /// Kept with the run.
    pub known: Value,
    pub detail: Value,
    /// Told to whoever listens.
    pub data: Map<String, Value>,
}

/// A run stands for it among those of actions. What hears it follows from that run, and so does no more than whoever wrote it
/// could (PRIV-1), and not for ever. None: it began before.
pub fn begin(tx: &mut Tx, beginning: Beginning<'_>) -> Result<Option<ActionRunId>> {
    let Beginning { tenant, of: (kind, id, name), trigger, event, bounds, known, detail, data } = beginning;
    let actor = tx.cause.actor;
    let run = Run {
        id: ActionRunId::new(),
        tenant_id: tenant,
        action_id: ActionId::of(id.0),
        action_name: name.to_owned(),
        event_id: event,
        trigger_name: trigger.to_owned(),
        chain_id: event,
        depth: 0,
        bounds: Json(bounds),
        envelope: Json(json!({
            "event": trigger, "id": event, "time": tx.now, "actor": { "kind": actor.kind, "id": actor.id },
            "subject": { "kind": kind, "id": id }, "data": known,
        })),
        state: RunState::Done,
        attempts: 1,
        detail: Json(detail),
        last_error: None,
        duration_ms: None,
        created_at: tx.now,
        updated_at: tx.now,
        ended_at: Some(tx.now),
    };
    if !run.insert(tx.conn)? {
        return Ok(None);
    }
    let happened = Happened::new(trigger.to_owned(), "tenant", tenant).with(Value::Object(data));
    tx.because_of(run.id.0, |tx| tx.throw(happened))?;
    Ok(Some(run.id))
}
