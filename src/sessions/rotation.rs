//! What a refresh token does when it comes in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::refresh_token::Presented;
use super::{entity, notices, steps, token_claims};
use crate::base::{HashedToken, Result, SessionId, Timestamp};
use crate::components::metrics::names;
use crate::db::tx::{Audit, Tx};
use crate::db::{Above, DbConn};
use crate::identity::asking::Added;
use crate::identity::gather::{reading, writing};
use crate::identity::session::{Spent, Standing};
use crate::identity::{Client, House, Scope, Session};

pub enum Rotation {
    /// The token of this session's generation, which moved just now or a moment ago.
    Given(Box<Session>),
    /// No effect on anybody.
    Refused(&'static str),
    Ended(&'static str),
}

/// What is to be done with a token.
enum Verdict {
    Advance,
    Same,
    Refused(&'static str),
    Ended(&'static str),
    Ahead,
    Reused,
}

/// A token as it came in, with the key that its caller may recover a lost answer by.
#[derive(Clone)]
pub struct Asked {
    pub presented: Arc<Presented>,
    pub key: Option<HashedToken>,
}

/// Decides by generation. The current one moves on, or answers itself while it is fresh; the one before it gives the
/// same successor to whoever lost the answer; any older one with a good MAC is in two hands, and ends the family.
fn judge(
    house: &House,
    client: &Client,
    asked: &Asked,
    (standing, now): (Option<&Standing>, Timestamp),
) -> Result<Verdict> {
    let Some(Standing { session, lives }) = standing else { return Ok(Verdict::Refused("notOurs")) };
    if !is_genuine(house, client, &asked.presented, session)? {
        return Ok(Verdict::Refused("notOurs"));
    }
    if session.revoked_at.is_some() {
        return Ok(Verdict::Ended("revoked"));
    }
    if !lives {
        return Ok(Verdict::Ended("notLive"));
    }
    let (age, lifetimes) = (now.since(session.rotated_at), &house.config.lifetimes);
    let is_fresh = age < lifetimes.refresh_grace;
    let recovers = asked.key.is_some() && asked.key == session.rotation_key_hash;
    Ok(match session.generation - asked.presented.generation {
        ..0 => Verdict::Ahead,
        0 | 1 if is_fresh => Verdict::Same,
        0 => Verdict::Advance,
        1 if recovers && age < lifetimes.idempotent_recovery => Verdict::Same,
        _ => Verdict::Reused,
    })
}

/// A token of another client or tenant is nobody's here (REF-5).
fn is_genuine(house: &House, client: &Client, presented: &Presented, session: &Session) -> Result<bool> {
    if session.client_id != client.id || session.tenant_id != client.tenant_id {
        return Ok(false);
    }
    Ok(presented.is_of(session, &steps::seed(&house.vault, session)?))
}

/// By one read and one write, each of them shared with whoever comes at the same time. None where that does not decide:
/// what ends a family, and who lost a race, is looked at once more in a transaction of its own.
///
/// What the tenant adds is asked before the token is spent: whoever is refused comes again with the same one, and that must
/// not look like theft (REF-2). Refuses with `actions.denied` and `actions.unanswered`.
pub async fn together(
    scope: &Scope,
    client: &Client,
    asked: &Asked,
    added: &mut Option<Added>,
) -> Result<Option<Rotation>> {
    let house = &scope.house;
    let (id, clock) = (asked.presented.session, house.clock.clone());
    let find =
        move |conn: &mut DbConn, ids: &BTreeMap<SessionId, ()>| Ok(entity::standing(conn, ids, clock.now())?);
    let standing = house.asked_standing.ask(id, (), reading(&house.db, Above::Refresh, find)).await?;
    let verdict = judge(house, client, asked, (standing.as_deref(), house.clock.now()))?;
    if let (Verdict::Same | Verdict::Advance, Some(standing)) = (&verdict, &standing) {
        let of = (standing.session.user_id, Some(standing.session.id));
        *added = Some(token_claims::added(scope, of, "refresh").await?);
    }
    match verdict {
        Verdict::Refused(reason) => Ok(Some(Rotation::Refused(reason))),
        Verdict::Ended(reason) => Ok(Some(Rotation::Ended(reason))),
        Verdict::Same => Ok(standing.map(|standing| Rotation::Given(Box::new(standing.session.clone())))),
        Verdict::Advance => {
            let Some(standing) = standing else { return Ok(None) };
            let (spent, clock) = (Spent { standing, key: asked.key.clone() }, house.clock.clone());
            let spend = move |conn: &mut DbConn, spent: &BTreeMap<SessionId, Spent>| {
                Ok(entity::spend(conn, spent, clock.now())?)
            };
            let moved =
                house.asked_rotations.ask(id, spent, writing(&house.db, Above::Refresh, spend)).await?;
            Ok(moved.map(|after| Rotation::Given(Box::new((*after).clone()))))
        }
        Verdict::Ahead | Verdict::Reused => Ok(None),
    }
}

/// The whole rule in one transaction.
pub fn rotate(tx: &mut Tx, house: &House, client: &Client, asked: &Asked) -> Result<Rotation> {
    let only = BTreeMap::from([(asked.presented.session, ())]);
    let standing = entity::standing(tx.conn, &only, tx.now)?.into_values().next();
    let verdict = judge(house, client, asked, (standing.as_deref(), tx.now))?;
    let Some(Standing { session, .. }) = standing.as_deref() else { return Ok(Rotation::Refused("notOurs")) };
    match verdict {
        Verdict::Refused(reason) => Ok(Rotation::Refused(reason)),
        Verdict::Ended(reason) => Ok(Rotation::Ended(reason)),
        Verdict::Same => Ok(Rotation::Given(Box::new(session.clone()))),
        Verdict::Advance => advance(tx, session, asked.key.as_ref()),
        Verdict::Ahead => ahead(tx, session),
        Verdict::Reused => reused(tx, house, session),
    }
}

fn advance(tx: &mut Tx, session: &Session, key: Option<&HashedToken>) -> Result<Rotation> {
    if let Some(after) = entity::rotate(tx.conn, &[(session, key)], tx.now)?.pop() {
        return Ok(Rotation::Given(Box::new(after)));
    }
    // Whoever lost the race came within a moment of the winner: the same successor.
    let Some(after) = entity::find(tx.conn, session.id)? else { return Ok(Rotation::Ended("gone")) };
    Ok(if after.revoked_at.is_some() { Rotation::Ended("revoked") } else { Rotation::Given(Box::new(after)) })
}

/// A good MAC over a generation that never was: the database is older than its own tokens.
fn ahead(tx: &mut Tx, session: &Session) -> Result<Rotation> {
    tracing::error!(session = %session.id, "a refresh token is ahead of its session: was an old database restored?");
    metrics::counter!(names::REFRESH_AHEAD).increment(1);
    tx.audit(Audit::refused("session.refresh", "ahead").of("session", session.id))?;
    Ok(Rotation::Ended("ahead"))
}

/// REF-2: a spent token came back. One of its two holders is not the one it was given to, and nobody can tell which.
fn reused(tx: &mut Tx, house: &House, session: &Session) -> Result<Rotation> {
    metrics::counter!(names::REFRESH_REUSE).increment(1);
    tx.audit(
        Audit::refused("session.refresh", "reused")
            .of("session", session.id)
            .with(json!({ "user": session.user_id })),
    )?;
    if steps::end_one(tx, session.tenant_id, session.id, (session.user_id, "refreshTokenReused"))? {
        notices::refresh_token_reused(tx, house, session)?;
    }
    Ok(Rotation::Ended("reused"))
}

/// A logout that brings only its refresh token.
pub fn end_by_token(tx: &mut Tx, house: &House, client: &Client, presented: &Presented) -> Result<()> {
    let session = entity::find(tx.conn, presented.session)?;
    if let Some(session) = session
        && is_genuine(house, client, presented, &session)?
    {
        steps::end_one(tx, session.tenant_id, session.id, (session.user_id, "logout"))?;
    }
    Ok(())
}
