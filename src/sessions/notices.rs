//! What people are told of their sessions.

use super::entity;
use crate::base::{Email, Result};
use crate::components::line::Line;
use crate::components::mail::messages::RefreshReused;
use crate::components::post::{self, Letter};
use crate::components::words::Locale;
use crate::db::tx::Tx;
use crate::identity::{House, Session};

/// Somebody else had the person's refresh token, or has it: they must hear of it, wherever they have an address.
pub fn refresh_token_reused(tx: &mut Tx, house: &House, session: &Session) -> Result<()> {
    let Some(told) = entity::address_of(tx.conn, session.tenant_id, session.user_id)? else { return Ok(()) };
    // An address that was brought in from elsewhere may be none that we would send to.
    let Ok(to) = Email::parse(&told.email) else { return Ok(()) };
    let locale = told.locale.as_deref().and_then(Locale::parse).unwrap_or_default();
    let device = session.user_agent.as_deref().map(Line::new);
    let letter = Letter::new(to, locale, RefreshReused { at: tx.now, device }).named(told.name.as_deref());
    post::post(tx, &house.vault, &letter)?;
    Ok(())
}
