//! A plan carried out, inside a transaction: each part by the steps of its own room, which look at the rights of whoever does it.

use std::collections::BTreeSet;

use super::file::{Contents, PackRole};
use super::plan::{Change, Kind, Line, Owned, Plan};
use crate::actions::entity::Action;
use crate::actions::steps as actions;
use crate::base::error::INVALID;
use crate::base::{ActionId, CronJobId, Error, FieldError, RecordId, Result, RoleId};
use crate::cronjobs::entity::CronJob;
use crate::cronjobs::steps as cronjobs;
use crate::db::tx::Tx;
use crate::identity::Live;
use crate::permissions::entity::{Role, held_by};
use crate::permissions::steps as permissions;

/// What the pack has afterwards. Roles come first and go last: actions run as them.
pub fn apply(tx: &mut Tx, by: &Live, plan: &Plan, contents: &Contents) -> Result<Vec<Owned>> {
    let mut owned = Vec::new();
    for line in plan.lines.iter().filter(|line| line.change != Change::Remove) {
        let id = match (line.change, line.id) {
            (Change::Leave, Some(id)) => id,
            (_, id) => bring_about(tx, by, (line, id), contents)?,
        };
        owned.push(Owned { kind: line.kind, name: line.name.clone(), id });
    }
    let mut gone: Vec<&Line> = plan.lines.iter().filter(|line| line.change == Change::Remove).collect();
    gone.sort_by_key(|line| std::cmp::Reverse(line.kind));
    for line in gone {
        if let Some(id) = line.id {
            take_away(tx, by, line.kind, id)?;
        }
    }
    Ok(owned)
}

fn take_away(tx: &mut Tx, by: &Live, kind: Kind, id: RecordId) -> Result<()> {
    match kind {
        Kind::Role => permissions::unmake_role(tx, by, RoleId::of(id.0)),
        Kind::Action => actions::unmake(tx, by, ActionId::of(id.0)),
        Kind::CronJob => cronjobs::unmake(tx, by, CronJobId::of(id.0)),
    }
}

fn bring_about(
    tx: &mut Tx,
    by: &Live,
    (line, id): (&Line, Option<RecordId>),
    contents: &Contents,
) -> Result<RecordId> {
    let missing = || Error::internal("a plan of another pack");
    match line.kind {
        Kind::Role => {
            let role = contents.roles.iter().find(|role| role.identifier == line.name).ok_or_else(missing)?;
            settle_role(tx, by, id, role)
        }
        Kind::Action => {
            let at =
                contents.actions.iter().position(|one| one.action.name == line.name).ok_or_else(missing)?;
            settle_action(tx, by, id, (at, contents))
        }
        Kind::CronJob => {
            let job =
                contents.cron_jobs.iter().find(|job| job.name == line.name).ok_or_else(missing)?.clone();
            let Some(id) = id else { return Ok(RecordId::of(cronjobs::make(tx, by, job)?.0)) };
            let now = tx.now;
            cronjobs::set(tx, by, CronJobId::of(id.0), |was| {
                let (created_at, last_at) = (was.created_at, was.last_at);
                Ok(CronJob { id: was.id, created_at, last_at, updated_at: now, ..job })
            })?;
            Ok(id)
        }
    }
}

fn settle_role(tx: &mut Tx, by: &Live, id: Option<RecordId>, wanted: &PackRole) -> Result<RecordId> {
    let id = match id {
        Some(id) => RoleId::of(id.0),
        None => permissions::make_role(tx, by, &wanted.identifier)?.id,
    };
    let held: BTreeSet<String> = held_by(tx.conn, &[id])?.into_iter().collect();
    let wanted: BTreeSet<String> = wanted.permissions.iter().cloned().collect();
    let (more, less) = (&wanted - &held, &held - &wanted);
    if !more.is_empty() {
        permissions::fill_role(tx, by, id, &Vec::from_iter(more))?;
    }
    if !less.is_empty() {
        permissions::drain_role(tx, by, id, &Vec::from_iter(less))?;
    }
    Ok(RecordId::of(id.0))
}

fn settle_action(
    tx: &mut Tx,
    by: &Live,
    id: Option<RecordId>,
    (at, contents): (usize, &Contents),
) -> Result<RecordId> {
    let wanted = contents.actions.get(at).ok_or_else(|| Error::internal("an action beyond the last"))?;
    let runs_as = match &wanted.runs_as {
        None => None,
        Some(role) => {
            let detail = "Neither the pack nor this tenant has such a role.";
            let path = format!("$.pack.actions[{at}].runsAs");
            let unknown = || INVALID.with(vec![FieldError::new(path, "validator.oneOf", detail)]);
            Some(Role::named(tx.conn, by.tenant, role)?.ok_or_else(unknown)?.id)
        }
    };
    let action = Action { runs_as, ..wanted.action.clone() };
    let Some(id) = id else { return Ok(RecordId::of(actions::make(tx, by, action)?.0)) };
    actions::set(tx, by, ActionId::of(id.0), |was| Action {
        id: was.id,
        created_at: was.created_at,
        ..action
    })?;
    Ok(id)
}
