//! What happens to packs: they are compared, installed, brought up to date and removed, each as a whole or not at all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::instrument;

use super::applying::apply;
use super::entity::Pack;
use super::file::{Contents, Inputs, PackFile};
use super::plan::{self, Before, Change, Kind, Line, Plan};
use crate::base::{Error, FieldError, PackId, Result, TenantId, Timestamp};
use crate::db::tx::{Audit, Happened, Tx};
use crate::db::{DbConn, Json};
use crate::identity::asking::Question;
use crate::identity::{Live, Scope};
use crate::permissions::known::PACK_MANAGE;
use crate::permissions::steps::{RIGHTS, held};

crate::refusals! {
    UNKNOWN_PACK = 404 "packs.unknown" "This tenant has no such pack.";
    INSTALLED = 409 "packs.installed" "A pack of this name is installed. Bring it up to date with PUT.";
    OTHER_NAME = 422 "packs.otherName" "The pack that is installed has another name. Install this one beside it.";
    CONFLICT = 409 "packs.conflict" "What this tenant has already is called as the pack calls its own; see `errors`.";
    CHANGED_BY_HAND = 409 "packs.changedByHand" "Somebody changed what the pack put here; see `errors`. Send `overwrite` to undo that.";
    MAY_NOT = 403 "packs.mayNot" "Whoever installs a pack holds what it takes to make all that is in it by hand.";
    TOO_MANY_PACKS = 409 "packs.tooMany" "A tenant has at most 20 packs. Remove one that nobody needs.";
}

const MOST: i64 = 20;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PackWanted")]
pub struct Wanted {
    pub pack: PackFile,
    /// What is said for the pack's inputs, by their names.
    #[serde(default)]
    pub inputs: Inputs,
    /// Whether what was changed by hand becomes as the pack says.
    #[serde(default)]
    pub overwrite: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PackDiff")]
pub struct Diff {
    /// The version that is installed.
    pub installed: Option<String>,
    #[serde(flatten)]
    pub plan: Plan,
}

/// What would be done, and what stands in the way. Nothing is changed.
#[instrument(name = "packs.diff", skip_all)]
pub async fn diff(scope: &Scope, wanted: Wanted) -> Result<Diff> {
    let (tenant, now) = (scope.tenant_id()?, scope.now());
    let contents = wanted.pack.contents(&wanted.inputs, tenant, now)?;
    let read = scope.read(move |conn| {
        let pack = Pack::named(conn, tenant, &wanted.pack.name)?;
        let plan = planned(conn, (tenant, now), pack.as_ref(), &contents)?;
        Ok(Diff { installed: pack.map(|pack| pack.version), plan })
    });
    read.await
}

/// Makes all that is in it, or nothing.
///
/// Refuses with `packs.installed`, `.conflict`, `.mayNot`, `.tooMany`, with what the rooms of its parts say no with, and with
/// `actions.denied` and `actions.unanswered`.
#[instrument(name = "packs.install", skip_all)]
pub async fn install(scope: &Scope, wanted: Wanted) -> Result<PackId> {
    let by = scope.live()?.clone();
    let contents = wanted.pack.contents(&wanted.inputs, by.tenant, scope.now())?;
    let told = json!({ "name": wanted.pack.name, "version": wanted.pack.version });
    let (name, parts) = (wanted.pack.name.clone(), contents.clone());
    let (tenant, now) = (by.tenant, scope.now());
    let read = scope.read(move |conn| {
        if Pack::named(conn, tenant, &name)?.is_some() {
            return Err(INSTALLED.error());
        }
        planned(conn, (tenant, now), None, &parts)
    });
    let plan = read.await?;
    may(scope, &plan, true)?;
    scope.ask(Question::of_new("doorward.pack.pre.create", "pack", told.clone())).await?;
    ask(scope, &plan).await?;
    let write = scope.write(move |tx| {
        alone(tx, &by)?;
        if Pack::count(tx.conn, by.tenant)? >= MOST {
            return Err(TOO_MANY_PACKS.error());
        }
        let parts = carry_out(tx, &by, None, (&plan, &contents))?;
        let pack = Pack {
            id: PackId::new(),
            tenant_id: by.tenant,
            name: wanted.pack.name.clone(),
            version: wanted.pack.version.clone(),
            content: Json(wanted.pack.clone()),
            inputs: Json(wanted.inputs.clone()),
            parts: Json(parts),
            created_at: tx.now,
            updated_at: tx.now,
        };
        if !pack.insert(tx.conn)? {
            return Err(INSTALLED.error());
        }
        tx.made(pack.id);
        told_of(tx, &pack, ("packs.install", "doorward.pack.post.create"))?;
        Ok(pack.id)
    });
    write.await
}

/// Makes, changes and removes until all is as the pack says. A part that somebody took away comes back.
///
/// Refuses with `packs.unknown`, `.otherName`, `.changedByHand`, and like [`install`].
#[instrument(name = "packs.upgrade", skip_all)]
pub async fn upgrade(scope: &Scope, id: PackId, wanted: Wanted) -> Result<()> {
    let by = scope.live()?.clone();
    let contents = wanted.pack.contents(&wanted.inputs, by.tenant, scope.now())?;
    let told = json!({ "name": wanted.pack.name, "version": wanted.pack.version });
    let (pack, plan) = found(scope, id, contents.clone()).await?;
    if pack.name != wanted.pack.name {
        return Err(OTHER_NAME.error());
    }
    may(scope, &plan, wanted.overwrite)?;
    scope.ask(Question::of("doorward.pack.pre.patch", ("pack", id), told)).await?;
    ask(scope, &plan).await?;
    let write = scope.write(move |tx| {
        alone(tx, &by)?;
        let was = Pack::find(tx.conn, by.tenant, id)?.ok_or_else(|| UNKNOWN_PACK.error())?;
        let parts = carry_out(tx, &by, Some(&was), (&plan, &contents))?;
        let pack = Pack {
            version: wanted.pack.version.clone(),
            content: Json(wanted.pack.clone()),
            inputs: Json(wanted.inputs.clone()),
            parts: Json(parts),
            updated_at: tx.now,
            ..was
        };
        pack.update(tx.conn)?;
        told_of(tx, &pack, ("packs.upgrade", "doorward.pack.post.patch"))
    });
    write.await
}

/// Takes away all that it put there, however it was changed since.
///
/// Refuses with `packs.unknown`, and like [`install`].
#[instrument(name = "packs.remove", skip_all)]
pub async fn remove(scope: &Scope, id: PackId) -> Result<()> {
    let by = scope.live()?.clone();
    let (_, plan) = found(scope, id, Contents::default()).await?;
    may(scope, &plan, true)?;
    scope.ask(Question::of("doorward.pack.pre.delete", ("pack", id), json!({}))).await?;
    ask(scope, &plan).await?;
    let write = scope.write(move |tx| {
        alone(tx, &by)?;
        let pack = Pack::find(tx.conn, by.tenant, id)?.ok_or_else(|| UNKNOWN_PACK.error())?;
        carry_out(tx, &by, Some(&pack), (&plan, &Contents::default()))?;
        pack.delete(tx.conn)?;
        told_of(tx, &pack, ("packs.remove", "doorward.pack.post.delete"))
    });
    write.await
}

async fn found(scope: &Scope, id: PackId, contents: Contents) -> Result<(Pack, Plan)> {
    let (tenant, now) = (scope.tenant_id()?, scope.now());
    let read = scope.read(move |conn| {
        let pack = Pack::find(conn, tenant, id)?.ok_or_else(|| UNKNOWN_PACK.error())?;
        let plan = planned(conn, (tenant, now), Some(&pack), &contents)?;
        Ok((pack, plan))
    });
    read.await
}

fn planned(
    conn: &mut DbConn,
    (tenant, now): (TenantId, Timestamp),
    pack: Option<&Pack>,
    contents: &Contents,
) -> Result<Plan> {
    let standing = plan::standing(conn, tenant)?;
    let (owned, parts) = match pack {
        // What an older program took and this one does not is taken for as it is.
        Some(pack) => {
            let before = pack.content.0.contents(&pack.inputs.0, tenant, now).unwrap_or_default();
            (pack.parts.0.as_slice(), before.parts())
        }
        None => (&[][..], Vec::new()),
    };
    Ok(plan::compare(&contents.parts(), Before { owned, parts: &parts }, &standing))
}

/// Before anybody is asked: what stands in the way, and what whoever does it lacks.
fn may(scope: &Scope, plan: &Plan, overwrite: bool) -> Result<()> {
    let live = scope.live()?;
    if let Some(line) = plan.changes().find(|line| !live.may(line.kind.needs())) {
        return Err(MAY_NOT.saying(format!("For what this pack does, you need {}.", line.kind.needs())));
    }
    let names = |kind: Kind, name: &str, detail: &'static str| {
        FieldError::new(format!("$.pack.{}.{name}", kind.place()), "validator.unique", detail)
    };
    if !plan.conflicts.is_empty() {
        let taken = "This tenant has one of this name, which is not the pack's.";
        let errors = plan.conflicts.iter().map(|conflict| names(conflict.kind, &conflict.name, taken));
        return Err(CONFLICT.with(errors.collect()));
    }
    let by_hand: Vec<&Line> = plan.changes().filter(|line| line.changed_by_hand).collect();
    if !overwrite && !by_hand.is_empty() {
        let changed = "Somebody changed this since the pack put it here.";
        let errors = by_hand.into_iter().map(|line| names(line.kind, &line.name, changed));
        return Err(CHANGED_BY_HAND.with(errors.collect()));
    }
    Ok(())
}

/// A pack is no way around those who are asked before each part is made by hand.
async fn ask(scope: &Scope, plan: &Plan) -> Result<()> {
    for line in plan.changes() {
        let (kind, point) = match (line.kind, line.change) {
            (Kind::Role, Change::Make) => ("role", "doorward.role.pre.create"),
            (Kind::Role, Change::Remove) => ("role", "doorward.role.pre.delete"),
            (Kind::Role, _) => ("role", "doorward.role.pre.patch"),
            (Kind::Action, Change::Make) => ("action", "doorward.action.pre.create"),
            (Kind::Action, Change::Remove) => ("action", "doorward.action.pre.delete"),
            (Kind::Action, _) => ("action", "doorward.action.pre.patch"),
            (Kind::CronJob, Change::Make) => ("cronjob", "doorward.cronjob.pre.create"),
            (Kind::CronJob, Change::Remove) => ("cronjob", "doorward.cronjob.pre.delete"),
            (Kind::CronJob, _) => ("cronjob", "doorward.cronjob.pre.patch"),
        };
        let question = Question { point, subject: (kind, line.id), data: line.told.clone() };
        scope.ask(question).await?;
    }
    Ok(())
}

/// Behind whoever else changes rights of the tenant, or its packs.
fn alone(tx: &mut Tx, by: &Live) -> Result<()> {
    tx.lock(RIGHTS, by.tenant)?;
    if held(tx, by.tenant, by.user)?.contains(PACK_MANAGE) { Ok(()) } else { Err(Error::Stale) }
}

/// What was asked about is done, and nothing else: where something moved meanwhile it is looked at afresh.
fn carry_out(
    tx: &mut Tx,
    by: &Live,
    pack: Option<&Pack>,
    (asked, contents): (&Plan, &Contents),
) -> Result<Vec<plan::Owned>> {
    if planned(tx.conn, (by.tenant, tx.now), pack, contents)? != *asked {
        return Err(Error::Stale);
    }
    apply(tx, by, asked, contents)
}

fn told_of(tx: &mut Tx, pack: &Pack, (event, trigger): (&'static str, &'static str)) -> Result<()> {
    let told = json!({ "name": pack.name, "version": pack.version });
    tx.audit(Audit::success(event).of("pack", pack.id).with(told.clone()))?;
    tx.throw(Happened::new(trigger, "pack", pack.id).with(told))
}
