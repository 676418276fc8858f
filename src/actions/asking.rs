//! Before something is done: actions that listen to the moment may say no, or ask a webhook whether it may be.
//!
//! An error never allows anything: what cannot be found out is refused, unless the tenant said otherwise for a webhook that does
//! not answer (HOOK-4).

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tracing::instrument;

use super::acting::seen;
use super::entity::{Action, Run, RunState};
use super::handlers::{Asked as Whom, Doing, IfUnanswered, is_sentence};
use super::{claims, conditions};
use crate::base::{ActionRunId, DomainEventId, Error, Result, TenantId, WebhookId};
use crate::db::tx::Audit;
use crate::db::{Above, DbConn, Json};
use crate::identity::asking::{Added, DENIED, Question, UNANSWERED, WITHIN};
use crate::identity::scope::Around;
use crate::identity::{House, Scope, Tenant};
use crate::triggers::catalogue::hears as heard_as;
use crate::triggers::envelope::completed;
use crate::webhooks::asking::{Said, ask as ask_webhook};
use crate::webhooks::entity::Webhook;

/// Webhooks of one tenant that are being asked at once: one that is silent holds up callers, and not all of them.
const TOGETHER: usize = 32;

/// Who is asked in a tenant, as it is remembered.
struct Askers {
    actions: Vec<Action>,
}

/// Refuses with `actions.denied` and `actions.unanswered`.
pub fn ask(scope: Scope, question: Question) -> BoxFuture<'static, Result<Added>> {
    async move {
        let Some(tenant) = scope.tenant.clone() else { return Ok(Added::new()) };
        let askers = askers(&scope.house, tenant.id).await?;
        let hears = |action: &&Action| action.listens.0.iter().any(|heard| heard_as(heard, question.point));
        if askers.actions.iter().any(|action| hears(&action)) {
            let hearing: Vec<&Action> = askers.actions.iter().filter(hears).collect();
            return decide(&scope, &tenant, &hearing, &question).await;
        }
        Ok(Added::new())
    }
    .boxed()
}

async fn askers(house: &House, tenant: TenantId) -> Result<Arc<Askers>> {
    let find = move |conn: &mut DbConn| {
        let mut actions = Action::enabled(conn, &[tenant])?;
        actions.retain(|action| action.handler.is_before());
        let found: Arc<dyn Any + Send + Sync> = Arc::new(Askers { actions });
        Ok(found)
    };
    let found = house.askers(tenant, find).await?;
    found.downcast().map_err(|_| Error::internal("who is asked is remembered in another shape"))
}

#[instrument(name = "actions.decide", skip_all, fields(point = question.point))]
async fn decide(
    scope: &Scope,
    tenant: &Arc<Tenant>,
    hearing: &[&Action],
    question: &Question,
) -> Result<Added> {
    let mut added = Added::new();
    let (id, until) = (DomainEventId::new(), Instant::now() + WITHIN);
    let envelope = envelope(scope, tenant, (id, question)).await?;
    for action in hearing {
        let envelope = seen(envelope.clone(), &action.bounds.0);
        let asked = Asked { scope, tenant, envelope: &envelope, id, question, until };
        let verdict = match asked.verdict(action).await {
            Verdict::Allowed(more) => {
                claims::join(&mut added, more).map_or_else(Verdict::Unanswered, Verdict::allowed)
            }
            other => other,
        };
        let (state, error, reason) = match verdict {
            Verdict::Allowed(_) => continue,
            Verdict::Denied(reason) => {
                let told = reason.clone().map_or_else(|| DENIED.error(), |reason| DENIED.saying(reason));
                (RunState::Denied, told, reason)
            }
            Verdict::Unanswered(why) => {
                (RunState::Failed, UNANSWERED.retry_after(5).because("unanswered"), Some(why))
            }
        };
        asked.note(action, state, reason).await?;
        return Err(error);
    }
    Ok(added)
}

async fn envelope(
    scope: &Scope,
    tenant: &Arc<Tenant>,
    (id, question): (DomainEventId, &Question),
) -> Result<Value> {
    let actor = scope.actor();
    let envelope = json!({
        "event": question.point,
        "id": id,
        "time": scope.now(),
        "actor": { "kind": actor.kind, "id": actor.id },
        "subject": { "kind": question.subject.0, "id": question.subject.1 },
        "data": question.data,
    });
    let tenant = tenant.clone();
    let there = scope.house.db.within(tenant.id);
    there.read(move |conn| completed(conn, &tenant, envelope.clone())).await
}

enum Verdict {
    /// With what it adds.
    Allowed(Added),
    Denied(Option<String>),
    /// Why, in words for the tenant.
    Unanswered(String),
}

impl Verdict {
    fn allowed<T>(_: T) -> Self {
        Self::Allowed(Added::new())
    }
}

struct Asked<'a> {
    scope: &'a Scope,
    tenant: &'a Arc<Tenant>,
    envelope: &'a Value,
    id: DomainEventId,
    question: &'a Question,
    until: Instant,
}

impl Asked<'_> {
    async fn verdict(&self, action: &Action) -> Verdict {
        match conditions::holds(&action.conditions.0, self.envelope) {
            Ok(true) => {}
            Ok(false) => return Verdict::allowed(()),
            Err(why) => return Verdict::Unanswered(why),
        }
        match action.handler.read(&action.configuration.0) {
            Ok(Doing::Deny(reason)) => Verdict::Denied(reason),
            Ok(Doing::Ask(whom)) => self.answer(&whom).await,
            Ok(Doing::AddClaims(rules)) => {
                claims::told(&rules, self.envelope).map_or_else(Verdict::Unanswered, Verdict::Allowed)
            }
            Ok(_) => Verdict::allowed(()),
            Err(why) => Verdict::Unanswered(why),
        }
    }

    async fn answer(&self, whom: &Whom) -> Verdict {
        let webhook = whom.webhook;
        let said = self.said(webhook).await.unwrap_or_else(|error| {
            tracing::error!(%error, %webhook, "a webhook could not be asked");
            Said::Nothing("It could not be asked.".into())
        });
        let added = match said {
            Said::Yes(claims) => claims::among(claims, &whom.claims),
            Said::No(reason) => return Verdict::Denied(reason.filter(|reason| is_sentence(reason))),
            Said::Nothing(why) => Err(why),
        };
        match (added, whom.if_unanswered) {
            (Ok(added), _) => Verdict::Allowed(added),
            (Err(_), IfUnanswered::Allow) => Verdict::allowed(()),
            (Err(why), IfUnanswered::Deny) => Verdict::Unanswered(why),
        }
    }

    async fn said(&self, webhook: WebhookId) -> Result<Said> {
        let places =
            self.scope.house.asked_places.get_with(self.tenant.id, || Arc::new(Semaphore::new(TOGETHER)));
        let Ok(_place) = places.try_acquire() else {
            return Ok(Said::Nothing("Too many wait for an answer already.".into()));
        };
        let (tenant, house) = (self.tenant.id, &self.scope.house);
        let found =
            house.db.within(tenant).read(move |conn| Ok(Webhook::find(conn, tenant, webhook)?)).await?;
        let Some(webhook) = found else {
            return Ok(Said::Nothing("There is no such webhook any more.".into()));
        };
        let left = self.until.saturating_duration_since(Instant::now());
        let about = (self.id, self.question.point, self.envelope.clone());
        let asking = ask_webhook(house, (&webhook, self.tenant), about, left);
        match tokio::time::timeout(left, asking).await {
            Ok(said) => said,
            Err(_) => Ok(Said::Nothing("There was no whole answer in time.".into())),
        }
    }

    /// A run to be read later. What was allowed leaves none: it would be a row for each login.
    async fn note(&self, action: &Action, state: RunState, reason: Option<String>) -> Result<()> {
        let run = Run {
            id: ActionRunId::new(),
            tenant_id: self.tenant.id,
            action_id: action.id,
            action_name: action.name.clone(),
            event_id: self.id,
            trigger_name: self.question.point.to_owned(),
            chain_id: self.id,
            depth: 0,
            bounds: action.bounds.clone(),
            envelope: Json(without_person(self.envelope)),
            state,
            attempts: 1,
            detail: Json(json!({})),
            last_error: reason,
            duration_ms: None,
            created_at: self.scope.now(),
            updated_at: self.scope.now(),
            ended_at: Some(self.scope.now()),
        };
        // Nothing of what was asked is done, so nothing is kept under its key.
        let (aside, tenant) = (self.scope.around(Around::default()), self.tenant.id);
        // Whoever comes from another tenant is not to be seen from within this one.
        let write = aside.write_above(Above::Housekeeping, move |tx| {
            tx.within(tenant, |tx| {
                run.insert(tx.conn)?;
                let data = json!({ "run": run.id, "trigger": run.trigger_name });
                let audit = Audit::refused("actions.decide", run.state.word());
                tx.audit(audit.of("action", run.action_id).with(data))
            })
        });
        write.await
    }
}

/// As it is kept with a run: who somebody is, is asked anew when it is read.
fn without_person(envelope: &Value) -> Value {
    let mut kept = envelope.clone();
    if let Value::Object(members) = &mut kept {
        members.remove("user");
        members.remove("tenant");
    }
    kept
}
