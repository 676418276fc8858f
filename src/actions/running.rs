//! One run of one action: its conditions are asked, its handler acts, and what came of it is written down in the same
//! transaction as what it did.

use std::time::Instant;

use serde_json::{Value, json};
use tracing::instrument;

use super::acting::{About, act, seen, throw};
use super::conditions;
use super::entity::{Action, Ended, Run, RunState};
use crate::base::{ActionRunId, Error, Result, TenantId};
use crate::db::tx::{Audit, Happened, Tx};
use crate::identity::job::Outcome;
use crate::identity::{Claimed, Failure, Handler, Scope};
use crate::triggers::envelope::{completed, person};

pub const NAME: &str = "actions.run";
/// What tells of a failure causes no other: an action that listens to failures and fails would never end.
const FAILED: &str = "doorward.action.post.fail";

pub fn handler() -> Handler {
    Handler::new(NAME, carry)
}

async fn carry(scope: Scope, job: Claimed) -> Outcome {
    let Some(tenant) = job.tenant else { return Err(Failure::Never("a run without a tenant".into())) };
    let begun = Instant::now();
    let Some(trial) = prepared(&scope, tenant, ActionRunId::of(job.id.0)).await? else { return Ok(()) };
    let attempt = Attempt { number: job.attempt, begun };
    match once(&scope, &job, (&trial, &attempt)).await {
        Ok(()) => Ok(()),
        Err(error) => came_to_nothing(&scope, &job, (trial, attempt), error).await,
    }
}

struct Attempt {
    number: i32,
    begun: Instant,
}

#[derive(Clone)]
struct Trial {
    run: Run,
    /// None: it is gone.
    action: Option<Action>,
    envelope: Value,
}

async fn prepared(scope: &Scope, tenant: TenantId, id: ActionRunId) -> Result<Option<Trial>> {
    let known = scope.tenant()?.clone();
    let read = scope.read(move |conn| {
        let Some(run) = Run::find(conn, tenant, id)?.filter(|run| run.state == RunState::Queued) else {
            return Ok(None);
        };
        let action = Action::find(conn, tenant, run.action_id)?.filter(|action| action.is_enabled);
        let envelope = seen(completed(conn, &known, run.envelope.0.clone())?, &run.bounds.0);
        Ok(Some(Trial { run, action, envelope }))
    });
    read.await
}

#[instrument(name = "actions.act", skip_all, fields(action = %trial.run.action_name, trigger = %trial.run.trigger_name))]
async fn once(scope: &Scope, job: &Claimed, (trial, attempt): (&Trial, &Attempt)) -> Result<()> {
    let skipped = match &trial.action {
        None => Some("it is gone or switched off"),
        Some(action) => {
            let holds = conditions::holds(&action.conditions.0, &trial.envelope);
            let holds = holds.map_err(|why| super::events::BROKEN_RULE.saying(why))?;
            (!holds).then_some("its conditions did not hold")
        }
    };
    let (trial, job, house) = (trial.clone(), job.clone(), scope.house.clone());
    let (number, begun) = (attempt.number, attempt.begun);
    let write = scope.write(move |tx| {
        let mut ended = Ended {
            state: RunState::Skipped,
            attempt: number,
            detail: &json!({ "skipped": skipped }),
            error: None,
            duration_ms: 0,
            now: tx.now,
        };
        let detail;
        if let (None, Some(action)) = (skipped, &trial.action) {
            let person = person(&trial.envelope);
            let about = About {
                house: &house,
                tenant: action.tenant_id,
                runs_as: action.runs_as,
                bounds: &trial.run.bounds.0,
                person,
                envelope: &trial.envelope,
                run: Some(trial.run.id),
            };
            let doing = action.handler.read(&action.configuration.0);
            let doing = doing.map_err(|why| super::events::BROKEN_CONFIGURATION.saying(why))?;
            detail = act(tx, &doing, &about)?;
            ended.detail = &detail;
            ended.state = RunState::Done;
            for trigger in &action.throws_on_success.0 {
                throw(tx, trigger, &json!({ "action": action.name }), person)?;
            }
            tx.audit(
                Audit::success("actions.run").of("action", action.id).with(json!({ "run": trial.run.id })),
            )?;
        }
        ended.duration_ms = elapsed(begun);
        trial.run.end(tx.conn, &ended)?;
        job.done_with(tx)
    });
    write.await
}

/// Nothing of it was kept. What was refused is refused again tomorrow; the rest is tried again.
async fn came_to_nothing(
    scope: &Scope,
    job: &Claimed,
    (trial, attempt): (Trial, Attempt),
    error: Error,
) -> Outcome {
    let is_over = error.status() < 500 || is_last(&trial, &attempt);
    let (key, words) = (error.key(), error.words());
    let (number, begun) = (attempt.number, attempt.begun);
    // What went wrong in the house is no tenant's to read: the log has it.
    let reason =
        if error.status() < 500 { words.clone() } else { "Something went wrong on our side.".to_owned() };
    let ending = job.clone();
    let write = scope.write(move |tx| {
        let detail = json!({ "key": key });
        let ended = Ended {
            state: if is_over { RunState::Failed } else { RunState::Queued },
            attempt: number,
            detail: &detail,
            error: Some(&reason),
            duration_ms: elapsed(begun),
            now: tx.now,
        };
        trial.run.end(tx.conn, &ended)?;
        if is_over {
            tell_failure(tx, &trial, key)?;
            // Its end is known here: the queue has nothing left to try.
            ending.done_with(tx)?;
        }
        Ok(())
    });
    write.await?;
    if is_over { Ok(()) } else { Err(Failure::Again(words)) }
}

fn is_last(trial: &Trial, attempt: &Attempt) -> bool {
    trial.action.as_ref().is_none_or(|action| attempt.number >= action.max_attempts)
}

fn tell_failure(tx: &mut Tx, trial: &Trial, key: &'static str) -> Result<()> {
    let run = &trial.run;
    tx.audit(Audit::refused("actions.run", key).of("action", run.action_id).with(json!({ "run": run.id })))?;
    for trigger in trial.action.iter().flat_map(|action| &action.throws_on_failure.0) {
        let data = json!({ "action": run.action_name, "key": key });
        throw(tx, trigger, &data, person(&trial.envelope))?;
    }
    if run.trigger_name == FAILED {
        return Ok(());
    }
    tx.throw(Happened::new(FAILED, "action", run.action_id).with(json!({ "run": run.id, "key": key })))
}

fn elapsed(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX)
}
