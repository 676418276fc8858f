//! What happens to actions: they are made, changed, taken away, tried and run.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tracing::instrument;

use super::acting::{About, act, seen};
use super::answers::{Begun, Tried, WouldDo};
use super::changes::{ActionChange, NewAction, checked};
use super::conditions;
use super::entity::{Action, Rights, Run, RunState};
use super::running;
use super::steps::{self, found, may_run_as, told};
use crate::base::{ActionId, ActionRunId, DomainEventId, Error, JobId, Result, TenantId, Timestamp, UserId};
use crate::db::Json;
use crate::db::tx::{Actor, Audit, Work};
use crate::identity::Scope;
use crate::identity::asking::Question;
use crate::permissions::known::USER_LIST;
use crate::permissions::steps::RIGHTS;
use crate::triggers::catalogue;
use crate::triggers::envelope::{completed, person};

crate::refusals! {
    UNKNOWN_ACTION = 404 "actions.unknown" "This tenant has no such action.";
    DUPLICATE_NAME = 409 "actions.duplicateName" "This tenant has an action of this name.";
    TOO_MANY_ACTIONS = 409 "actions.tooMany" "A tenant has at most 100 actions. Remove one that nobody needs.";
    MAY_NOT_ADD_CLAIMS = 403 "actions.mayNotAddClaims" "What stands in a token is a right for whoever reads it: whoever adds claims needs auth:permission:manage.";
    MAY_NOT_RUN_AS = 403 "actions.mayNotRunAs" "The role that this action runs as holds permissions that you do not.";
    UNKNOWN_ROLE = 422 "actions.unknownRole" "This tenant has no such role.";
    /// In a run, not in an answer.
    NOT_ALLOWED = 403 "actions.run.notAllowed" "The role that the action runs as (`runsAs`) may not do this, or not to this person; or whoever wrote the action, or one that it follows from, might not.";
    NOBODY = 409 "actions.run.nobody" "What happened concerns no member of this tenant.";
    BROKEN_RULE = 422 "actions.run.brokenRule" "The conditions cannot be asked of what happened.";
    BROKEN_CONFIGURATION = 422 "actions.run.brokenConfiguration" "The configuration is not what the handler takes.";
}

/// What a run by hand is told of, in the place of a trigger.
const BY_HAND: &str = "x.byHand";

/// A tenant's own reaction.
///
/// Refuses with `actions.duplicateName`, `.tooMany`, `.mayNotRunAs`, `.mayNotAddClaims`, `.unknownRole`, `.denied` and `.unanswered`.
#[instrument(name = "actions.create", skip_all)]
pub async fn create(scope: &Scope, new: NewAction) -> Result<ActionId> {
    let by = scope.live()?.clone();
    let action = new.of(by.tenant, scope.now());
    checked(&action)?;
    let data = json!({ "name": action.name, "handler": action.handler });
    scope.ask(Question::of_new("doorward.action.pre.create", "action", data)).await?;
    scope.write(move |tx| steps::make(tx, &by, action.clone())).await
}

/// Changes what is given and leaves what is absent. Whoever changes an action holds what it may do, before and after.
///
/// Refuses with `actions.unknown`, and like [`create`].
#[instrument(name = "actions.change", skip_all)]
pub async fn change(scope: &Scope, id: ActionId, change: ActionChange) -> Result<()> {
    let by = scope.live()?.clone();
    let data = json!({ "members": change.members() });
    scope.ask(Question::of("doorward.action.pre.patch", ("action", id), data)).await?;
    let write = scope.write(move |tx| {
        let now = tx.now;
        steps::set(tx, &by, id, |was| change.clone().of(was, now))
    });
    write.await
}

/// Takes it away. What it did stays to be read.
///
/// Refuses with `actions.unknown`, `actions.mayNotRunAs`, `actions.mayNotAddClaims`, `actions.denied` and `actions.unanswered`.
#[instrument(name = "actions.remove", skip_all)]
pub async fn remove(scope: &Scope, id: ActionId) -> Result<()> {
    let by = scope.live()?.clone();
    scope.ask(Question::of("doorward.action.pre.delete", ("action", id), json!({}))).await?;
    scope.write(move |tx| steps::unmake(tx, &by, id)).await
}

/// Off or on, by an operator: where an action keeps everybody out, nobody is left within who could. False when it was so.
///
/// Refuses with `actions.unknown`.
#[instrument(name = "actions.switch", skip_all)]
pub async fn switch(scope: &Scope, name: String, is_enabled: bool) -> Result<bool> {
    let tenant = scope.tenant_id()?;
    let write = scope.write(move |tx| {
        tx.lock(RIGHTS, tenant)?;
        let was = Action::named(tx.conn, tenant, &name)?.ok_or_else(|| UNKNOWN_ACTION.error())?;
        if was.is_enabled == is_enabled {
            return Ok(false);
        }
        let action = Action { is_enabled, updated_at: tx.now, ..was };
        action.update(tx.conn)?;
        told(tx, &action, ("actions.switch", "doorward.action.post.patch"))?;
        Ok(true)
    });
    write.await
}

/// All of a tenant's, by their names; for an operator.
#[instrument(name = "actions.all", skip_all)]
pub async fn all(scope: &Scope) -> Result<Vec<Action>> {
    let tenant = scope.tenant_id()?;
    scope.read(move |conn| Ok(Action::all(conn, tenant)?)).await
}

/// What it would do about something that did not happen: all of it is done and nothing is kept.
///
/// Refuses with `actions.unknown`, `actions.mayNotRunAs` and `actions.mayNotAddClaims`.
#[instrument(name = "actions.dry_run", skip_all)]
pub async fn dry_run(scope: &Scope, id: ActionId, about: Supposed) -> Result<Tried> {
    let (by, tenant, house) = (scope.live()?.clone(), scope.tenant()?.clone(), scope.house.clone());
    let trial = supposed(scope, id, &about).await?;
    // Here, and not below: whatever a rule costs, nobody's writes wait for it.
    let holds = conditions::holds(&trial.action.conditions.0, &trial.envelope);
    let tried: Arc<Mutex<Option<Tried>>> = Arc::default();
    let kept = tried.clone();
    let write = scope.write(move |tx| {
        let action = found(tx, by.tenant, id)?;
        let bounds = &may_run_as(tx, &by, &[&action])? & &action.bounds.0;
        let envelope = seen(completed(tx.conn, &tenant, trial.envelope.clone())?, &bounds);
        let about_it = About {
            house: &house,
            tenant: by.tenant,
            runs_as: action.runs_as,
            bounds: &bounds,
            person: person(&envelope),
            envelope: &envelope,
            run: None,
        };
        let doing = action.handler.read(&action.configuration.0);
        let done = doing
            .map_err(|why| BROKEN_CONFIGURATION.saying(why))
            .and_then(|doing| act(tx, &doing, &about_it));
        let found = Tried {
            listens: action.listens.0.iter().any(|pattern| catalogue::hears(pattern, &about.trigger)),
            holds: holds.clone().unwrap_or(false),
            broken: holds.clone().err(),
            unknown_variables: conditions::unknown(&action.conditions.0, &about.trigger)
                .into_iter()
                .collect(),
            would_do: WouldDo::of(done),
            envelope,
        };
        *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Err::<(), _>(Error::internal("a try is never kept"))
    });
    let ended = write.await;
    let tried = tried.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (tried, ended) {
        (Some(tried), _) => Ok(tried),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(Error::internal("a try ended well and left nothing")),
    }
}

struct Trial {
    action: Action,
    envelope: Value,
}

/// The action, and what it would see.
async fn supposed(scope: &Scope, id: ActionId, about: &Supposed) -> Result<Trial> {
    let (by, tenant) = (scope.live()?.clone(), scope.tenant()?.clone());
    let envelope = about.envelope(&scope.actor(), tenant.id, scope.now());
    let may_look = by.may(USER_LIST);
    let read = scope.read(move |conn| {
        let action = Action::find(conn, by.tenant, id)?.ok_or_else(|| UNKNOWN_ACTION.error())?;
        let mut envelope = completed(conn, &tenant, envelope.clone())?;
        if !may_look {
            envelope = seen(envelope, &Rights::new());
        }
        let envelope = seen(envelope, &action.bounds.0);
        Ok(Trial { action, envelope })
    });
    read.await
}

/// Runs it now, about somebody perhaps. Its conditions are asked as always.
///
/// Refuses with `actions.unknown`, `actions.mayNotRunAs` and `actions.mayNotAddClaims`.
#[instrument(name = "actions.run_now", skip_all)]
pub async fn run_now(scope: &Scope, id: ActionId, user: Option<UserId>) -> Result<Begun> {
    let by = scope.live()?.clone();
    let write = scope.write(move |tx| {
        let action = found(tx, by.tenant, id)?;
        let held = may_run_as(tx, &by, &[&action])?;
        let event = DomainEventId::new();
        let supposed = Supposed { trigger: BY_HAND.to_owned(), user, data: json!({}) };
        let run = Run {
            id: ActionRunId::new(),
            tenant_id: by.tenant,
            action_id: action.id,
            action_name: action.name.clone(),
            event_id: event,
            trigger_name: BY_HAND.to_owned(),
            chain_id: event,
            depth: 0,
            bounds: Json(&held & &action.bounds.0),
            envelope: Json(supposed.envelope(&tx.cause.actor, by.tenant, tx.now)),
            state: RunState::Queued,
            attempts: 0,
            detail: Json(json!({})),
            last_error: None,
            duration_ms: None,
            created_at: tx.now,
            updated_at: tx.now,
            ended_at: None,
        };
        run.insert(tx.conn)?;
        let mut work = Work::job(running::NAME, json!({}));
        (work.id, work.max_attempts) = (JobId::of(run.id.0), action.max_attempts);
        tx.enqueue(work)?;
        tx.audit(Audit::success("actions.run_now").of("action", action.id).with(json!({ "run": run.id })))?;
        Ok(Begun { run: run.id })
    });
    write.await
}

/// Something that might happen.
#[derive(Debug, Clone)]
pub struct Supposed {
    pub trigger: String,
    pub user: Option<UserId>,
    pub data: Value,
}

impl Supposed {
    fn envelope(&self, actor: &Actor, tenant: TenantId, now: Timestamp) -> Value {
        let subject = match self.user {
            Some(user) => json!({ "kind": "user", "id": user }),
            None => json!({ "kind": "tenant", "id": tenant }),
        };
        json!({
            "event": self.trigger,
            "id": DomainEventId::new(),
            "time": now,
            "actor": { "kind": actor.kind, "id": actor.id },
            "subject": subject,
            "data": self.data,
        })
    }
}
