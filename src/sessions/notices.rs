//! What people are told of their sessions.

use super::entity;
use crate::base::{Email, Result};
use crate::components::line::Line;
use crate::components::mail::messages::RefreshReused;
use crate::components::post::{Letter, post};
use crate::components::words::Locale;
use crate::db::tx::Tx;
use crate::identity::{House, Session, Tenant};

/// Tells the person that two had one token. Whoever has no address is told nothing; the audit record stands anyhow.
pub fn refresh_token_reused(tx: &mut Tx, house: &House, session: &Session) -> Result<()> {
    let Some(told) = entity::addressee(tx.conn, session.user_id)? else { return Ok(()) };
    let Ok(to) = Email::parse(&told.email) else { return Ok(()) };
    let tenant = Tenant::find(tx.conn, session.tenant_id)?;
    let languages = tenant.map(|tenant| tenant.settings.0.languages).unwrap_or_default();
    let locale = Locale::negotiate(told.locale.as_deref(), None, languages.first().map(String::as_str));
    let device = session.user_agent.as_deref().map(Line::new);
    let letter = Letter::new(to, locale, RefreshReused { at: tx.now, device });
    post(tx, &house.vault, &letter.named(told.name.as_deref()))?;
    Ok(())
}
