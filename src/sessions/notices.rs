//! What people are told of their sessions.

use crate::base::Result;
use crate::db::tx::Tx;
use crate::identity::{House, Session};

pub fn refresh_token_reused(_tx: &mut Tx, _house: &House, _session: &Session) -> Result<()> {
    Ok(())
}
