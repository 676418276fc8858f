//! What handlers do, inside a run's one transaction and with the rights that the action's role has at that moment (JOB-2).

use serde_json::{Value, json};

use super::claims;
use super::entity::Rights;
use super::events::{BROKEN_RULE, NOBODY, NOT_ALLOWED, UNKNOWN_ROLE};
use super::handlers::Doing;
use super::later::{self, Later};
use super::mailing;
use crate::base::{ActionRunId, RecordId, Result, RoleId, TenantId, UserId};
use crate::db::tx::{Happened, Tx};
use crate::identity::{House, User};
use crate::permissions::entity::{self, Role};
use crate::permissions::events::LAST_ADMIN;
use crate::permissions::known::{self, PERMISSION_MANAGE, USER_LIST, USER_MANAGE};
use crate::permissions::steps::{self, RIGHTS, held, is_last, may_grant};
use crate::{sessions, users, webhooks};

/// In whose name, and about whom.
pub struct About<'a> {
    pub house: &'a House,
    pub tenant: TenantId,
    pub runs_as: Option<RoleId>,
    /// What those held who wrote it and what it follows from.
    pub bounds: &'a Rights,
    pub person: Option<UserId>,
    /// What is told of what happened.
    pub envelope: &'a Value,
    /// None: it is a try.
    pub run: Option<ActionRunId>,
}

/// Does it, and says what came of it. Doing it to somebody to whom it is done already is no failure.
pub fn act(tx: &mut Tx, doing: &Doing, about: &About<'_>) -> Result<Value> {
    if let Some(told) = told(tx, doing, about)? {
        return Ok(told);
    }
    if let Some(foreseen) = foreseen(doing, about.envelope) {
        return foreseen;
    }
    // Whoever decides by rights queues with those who change them.
    tx.lock(RIGHTS, about.tenant)?;
    if let Doing::Mail(notice) = doing {
        let rights = rights(tx, about)?;
        return mailing::mail(tx, about, (notice, &rights));
    }
    let user = about.person.ok_or_else(|| NOBODY.error())?;
    let person = User::member(tx.conn, about.tenant, user)?.filter(|person| person.deleted_at.is_none());
    let person = person.ok_or_else(|| NOBODY.error())?;
    let rights = rights(tx, about)?;
    match doing {
        Doing::AssignRole(identifier) => {
            let role = grantable(tx, &rights, (about.tenant, user), identifier)?;
            Ok(json!({ "given": steps::give(tx, &role, user)? }))
        }
        Doing::TakeRole(identifier) => {
            let role = grantable(tx, &rights, (about.tenant, user), identifier)?;
            if role.identifier == known::ADMIN && is_last(tx, &role, user)? {
                return Err(LAST_ADMIN.error());
            }
            Ok(json!({ "taken": steps::take(tx, &role, user)? }))
        }
        Doing::EndSessions => {
            may_act_on(tx, &rights, (about.tenant, user), USER_MANAGE)?;
            Ok(json!({ "ended": sessions::steps::end_all(tx, user, Some(about.tenant), None, "action")? }))
        }
        Doing::DisableUser => {
            may_act_on(tx, &rights, (about.tenant, user), USER_MANAGE)?;
            if person.tenant_id != about.tenant {
                return Err(users::events::NOT_AT_HOME.error());
            }
            let locked = User::lock(tx.conn, user)?.ok_or_else(|| NOBODY.error())?;
            users::steps::disable(tx, about.house, &locked)?;
            Ok(json!({ "disabled": person.is_active() }))
        }
        // Told, foreseen or mailed.
        _ => Ok(Value::Null),
    }
}

/// What only tells somebody takes no right: whoever may write an action may say what they know.
fn told(tx: &mut Tx, doing: &Doing, about: &About<'_>) -> Result<Option<Value>> {
    Ok(Some(match doing {
        Doing::Throw(trigger, data) => {
            throw(tx, trigger, data, about.person)?;
            json!({ "thrown": trigger })
        }
        Doing::ThrowLater(after, trigger, data) => {
            let at = tx.now + *after;
            if let Some(run) = about.run {
                later::enqueue(tx, at, Later { run, trigger: trigger.clone(), data: data.clone() })?;
            }
            json!({ "throws": trigger, "at": at })
        }
        Doing::Webhook(webhook) => {
            let is_new = webhooks::steps::tell(tx, *webhook, about.envelope)?;
            json!({ "sent": is_new })
        }
        Doing::Chat(webhook, text) => {
            let cause = about.run.map_or_else(RecordId::new, |run| RecordId::of(run.0));
            webhooks::steps::say(tx, *webhook, (cause, about.envelope, text))?;
            json!({ "said": true })
        }
        _ => return Ok(None),
    }))
}

/// By hand and in a try there is nothing to refuse and no token: it says what it would do.
fn foreseen(doing: &Doing, envelope: &Value) -> Option<Result<Value>> {
    Some(match doing {
        Doing::Deny(reason) => Ok(json!({ "denies": reason })),
        Doing::Ask(asked) => Ok(json!({ "asks": asked.webhook })),
        Doing::AddClaims(rules) => match claims::told(rules, envelope) {
            Ok(added) => Ok(json!({ "adds": added })),
            Err(why) => Err(BROKEN_RULE.saying(why)),
        },
        _ => return None,
    })
}

/// A trigger of the tenant's own, about the same person.
pub fn throw(tx: &mut Tx, trigger: &str, data: &Value, person: Option<UserId>) -> Result<()> {
    let happened = match (person, tx.tenant()) {
        (Some(user), _) => Happened::new(trigger.to_owned(), "user", user),
        (None, Some(tenant)) => Happened::new(trigger.to_owned(), "tenant", tenant),
        (None, None) => return Ok(()),
    };
    tx.throw(happened.with(data.clone()))
}

/// Of a role that was deleted, and of none, nothing. What a role was given since, nobody agreed to who wrote the action.
fn rights(tx: &mut Tx, about: &About<'_>) -> Result<Rights> {
    let Some(id) = about.runs_as else { return Ok(Rights::new()) };
    let role = Role::find(tx.conn, about.tenant, id)?;
    let ids: Vec<RoleId> = role.iter().map(|role| role.id).collect();
    let held: Rights = entity::held_by(tx.conn, &ids)?.into_iter().collect();
    Ok(&held & about.bounds)
}

/// An action does nothing that somebody with its role could not do themselves (PRIV-1, PRIV-2).
fn may_act_on(tx: &mut Tx, rights: &Rights, (tenant, user): (TenantId, UserId), needs: &str) -> Result<()> {
    let theirs = held(tx, tenant, user)?;
    if rights.contains(needs) && theirs.is_subset(rights) { Ok(()) } else { Err(NOT_ALLOWED.error()) }
}

fn grantable(
    tx: &mut Tx,
    rights: &Rights,
    (tenant, user): (TenantId, UserId),
    identifier: &str,
) -> Result<Role> {
    may_act_on(tx, rights, (tenant, user), PERMISSION_MANAGE)?;
    let role = Role::named(tx.conn, tenant, identifier)?.ok_or_else(|| UNKNOWN_ROLE.error())?;
    if may_grant(tx, rights, std::slice::from_ref(&role))? { Ok(role) } else { Err(NOT_ALLOWED.error()) }
}

/// What is known of people is told to whoever may look at people: an action of somebody who may not sees who it is about by their
/// id alone.
pub fn seen(mut envelope: Value, bounds: &Rights) -> Value {
    if let Some(user) = envelope.get_mut("user").filter(|_| !bounds.contains(USER_LIST)) {
        *user = Value::Null;
    }
    envelope
}
