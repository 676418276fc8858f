//! What a refresh token does when it comes in: the whole rule, in one transaction.

use serde_json::json;

use super::refresh_token::Presented;
use super::{entity, notices, steps};
use crate::base::{HashedToken, Result};
use crate::components::metrics::names;
use crate::db::tx::{Audit, Tx};
use crate::identity::{Client, House, Live, Session};

pub enum Rotation {
    /// The generation moved: this session's token is new.
    Next(Box<Session>),
    /// Nothing moved: the token of the current generation once more.
    Same(Box<Session>),
    /// No effect on anybody.
    Refused(&'static str),
    Ended(&'static str),
}

/// Decides by generation. The current one moves on, or answers itself while it is fresh; the one before it gives the
/// same successor to whoever lost the answer; any older one with a good MAC is in two hands, and ends the family.
pub fn rotate(
    tx: &mut Tx,
    house: &House,
    client: &Client,
    presented: &Presented,
    key: Option<&HashedToken>,
) -> Result<Rotation> {
    let Some(session) = genuine(tx, house, client, presented)? else {
        return Ok(Rotation::Refused("notOurs"));
    };
    if session.revoked_at.is_some() {
        return Ok(Rotation::Ended("revoked"));
    }
    if Live::find(tx.conn, session.id, tx.now)?.is_none() {
        return Ok(Rotation::Ended("notLive"));
    }
    let age = tx.now.since(session.rotated_at);
    let lifetimes = &house.config.lifetimes;
    match session.generation - presented.generation {
        ..0 => ahead(tx, &session),
        0 if age < lifetimes.refresh_grace => Ok(Rotation::Same(Box::new(session))),
        0 => advance(tx, &session, key),
        1 if age < lifetimes.refresh_grace => Ok(Rotation::Same(Box::new(session))),
        1 if age < lifetimes.idempotent_recovery
            && key.is_some()
            && key == session.rotation_key_hash.as_ref() =>
        {
            Ok(Rotation::Same(Box::new(session)))
        }
        _ => reused(tx, house, &session),
    }
}

/// The session that a token truly belongs to. A token of another client or tenant is nobody's here (REF-5).
fn genuine(tx: &mut Tx, house: &House, client: &Client, presented: &Presented) -> Result<Option<Session>> {
    let Some(session) = entity::find(tx.conn, presented.session)? else { return Ok(None) };
    if session.client_id != client.id || session.tenant_id != client.tenant_id {
        return Ok(None);
    }
    let seed = steps::seed(&house.vault, &session)?;
    Ok(presented.is_of(&session, &seed).then_some(session))
}

fn advance(tx: &mut Tx, session: &Session, key: Option<&HashedToken>) -> Result<Rotation> {
    let moved = entity::rotate(tx.conn, session, key, tx.now)?;
    let Some(after) = entity::find(tx.conn, session.id)? else { return Ok(Rotation::Ended("gone")) };
    if after.revoked_at.is_some() {
        return Ok(Rotation::Ended("revoked"));
    }
    // Whoever lost the race came within a moment of the winner: the same successor.
    Ok(if moved { Rotation::Next(Box::new(after)) } else { Rotation::Same(Box::new(after)) })
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
    if let Some(session) = genuine(tx, house, client, presented)? {
        steps::end_one(tx, session.tenant_id, session.id, (session.user_id, "logout"))?;
    }
    Ok(())
}
