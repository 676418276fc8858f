//! A trigger that is thrown after a while: by a job, and as what followed from the run that asked for it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::acting::throw;
use super::entity::{Action, Run};
use crate::base::{ActionRunId, Error, Result, TenantId, Timestamp};
use crate::db::tx::{Tx, Work};
use crate::identity::job::Outcome;
use crate::identity::{Claimed, Failure, Handler, Scope};
use crate::triggers::envelope::person;

const NAME: &str = "actions.throw";

#[derive(Clone, Serialize, Deserialize)]
pub struct Later {
    pub run: ActionRunId,
    pub trigger: String,
    pub data: Value,
}

pub fn enqueue(tx: &mut Tx, at: Timestamp, later: Later) -> Result<()> {
    let data = serde_json::to_value(later).map_err(Error::internal)?;
    tx.enqueue(Work { scheduled_at: Some(at), ..Work::job(NAME, data) })?;
    Ok(())
}

pub fn handler() -> Handler {
    Handler::new(NAME, carry)
}

async fn carry(scope: Scope, job: Claimed) -> Outcome {
    let Some(tenant) = job.tenant else { return Err(Failure::Never("a trigger without a tenant".into())) };
    let later: Later = serde_json::from_value(job.data.clone())
        .map_err(|_| Failure::Never("this version does not understand it".into()))?;
    let write = scope.write(move |tx| {
        if let Some(run) = wanted(tx, tenant, &later)? {
            let person = person(&run.envelope.0);
            tx.because_of(later.run.0, |tx| throw(tx, &later.trigger, &later.data, person))?;
        }
        job.done_with(tx)
    });
    Ok(write.await?)
}

/// Whoever took the action away or switched it off wants nothing more of it. Without its run nobody knows what may follow, nor
/// how much did already: nothing does.
fn wanted(tx: &mut Tx, tenant: TenantId, later: &Later) -> Result<Option<Run>> {
    let Some(run) = Run::find(tx.conn, tenant, later.run)? else { return Ok(None) };
    let action = Action::find(tx.conn, tenant, run.action_id)?.filter(|action| action.is_enabled);
    Ok(action.map(|_| run))
}
