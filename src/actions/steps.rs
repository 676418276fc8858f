//! What is done with actions inside a transaction, by this room and by others.

use serde_json::json;

use super::changes::checked;
use super::entity::{Action, Rights};
use super::events::{
    DUPLICATE_NAME, MAY_NOT_ADD_CLAIMS, MAY_NOT_RUN_AS, TOO_MANY_ACTIONS, UNKNOWN_ACTION, UNKNOWN_ROLE,
};
use super::handlers::Doing;
use crate::base::error::INVALID;
use crate::base::{ActionId, Error, FieldError, Result, TenantId};
use crate::db::Json;
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::identity::Live;
use crate::permissions::entity::Role;
use crate::permissions::known::{ACTION_MANAGE, PERMISSION_MANAGE};
use crate::permissions::steps::{RIGHTS, held, may_grant};
use crate::webhooks::entity::Webhook;

const MOST: i64 = 100;

pub fn make(tx: &mut Tx, by: &Live, action: Action) -> Result<ActionId> {
    checked(&action)?;
    let bounds = Json(may_run_as(tx, by, &[&action])?);
    let action = Action { bounds, created_at: tx.now, updated_at: tx.now, ..action };
    knows_its_webhook(tx, &action)?;
    if Action::count(tx.conn, by.tenant)? >= MOST {
        return Err(TOO_MANY_ACTIONS.error());
    }
    if !action.insert(tx.conn)? {
        return Err(DUPLICATE_NAME.error());
    }
    tx.made(action.id);
    told(tx, &action, ("actions.create", "doorward.action.post.create"))?;
    Ok(action.id)
}

/// Whoever changes an action holds what it may do, before and after.
pub fn set(tx: &mut Tx, by: &Live, id: ActionId, change: impl FnOnce(Action) -> Action) -> Result<()> {
    let was = found(tx, by.tenant, id)?;
    let action = change(was.clone());
    checked(&action)?;
    let bounds = Json(may_run_as(tx, by, &[&was, &action])?);
    let action = Action { bounds, updated_at: tx.now, ..action };
    knows_its_webhook(tx, &action)?;
    if Action::is_named(tx.conn, by.tenant, &action.name, id)? {
        return Err(DUPLICATE_NAME.error());
    }
    action.update(tx.conn)?;
    told(tx, &action, ("actions.change", "doorward.action.post.patch"))
}

pub fn unmake(tx: &mut Tx, by: &Live, id: ActionId) -> Result<()> {
    let action = found(tx, by.tenant, id)?;
    may_run_as(tx, by, &[&action])?;
    action.delete(tx.conn)?;
    told(tx, &action, ("actions.remove", "doorward.action.post.delete"))
}

/// Behind whoever else changes rights or actions of the tenant: a change writes the whole row.
pub fn found(tx: &mut Tx, tenant: TenantId, id: ActionId) -> Result<Action> {
    tx.lock(RIGHTS, tenant)?;
    Action::find(tx.conn, tenant, id)?.ok_or_else(|| UNKNOWN_ACTION.error())
}

pub fn told(tx: &mut Tx, action: &Action, (event, trigger): (&'static str, &'static str)) -> Result<()> {
    let data = json!({ "name": action.name });
    let kept = json!({
        "name": action.name, "handler": action.handler, "runsAs": action.runs_as, "listens": action.listens.0,
        "isEnabled": action.is_enabled,
    });
    tx.audit(Audit::success(event).of("action", action.id).with(kept))?;
    // Who is asked is remembered with the tenant.
    tx.forget(Forget::Tenant(action.tenant_id))?;
    tx.throw(Happened::new(trigger, "action", action.id).with(data))
}

fn knows_its_webhook(tx: &mut Tx, action: &Action) -> Result<()> {
    let doing = action.handler.read(&action.configuration.0).ok();
    let Some(webhook) = doing.as_ref().and_then(Doing::webhook) else { return Ok(()) };
    if Webhook::find(tx.conn, action.tenant_id, webhook)?.is_some() {
        return Ok(());
    }
    let detail = "This tenant has no such webhook.";
    Err(INVALID.with(vec![FieldError::new("$.configuration.webhook", "validator.oneOf", detail)]))
}

/// Nobody lets an action do what they may not do themselves, and nobody bends one that may do more (PRIV-1). What they hold
/// is asked again here, behind whoever changes rights.
pub fn may_run_as(tx: &mut Tx, by: &Live, actions: &[&Action]) -> Result<Rights> {
    tx.lock(RIGHTS, by.tenant)?;
    let held = held(tx, by.tenant, by.user)?;
    if !held.contains(ACTION_MANAGE) {
        return Err(Error::Stale);
    }
    let adds = |action: &&&Action| {
        action.handler.read(&action.configuration.0).is_ok_and(|doing| doing.adds_claims())
    };
    if actions.iter().any(|action| adds(&action)) && !held.contains(PERMISSION_MANAGE) {
        return Err(MAY_NOT_ADD_CLAIMS.error());
    }
    for id in actions.iter().filter_map(|action| action.runs_as) {
        let role = Role::find(tx.conn, by.tenant, id)?.ok_or_else(|| UNKNOWN_ROLE.error())?;
        if !may_grant(tx, &held, std::slice::from_ref(&role))? {
            return Err(MAY_NOT_RUN_AS.error());
        }
    }
    Ok(held)
}
