//! `ETag` and `If-Match` (RFC 9110, section 13): a record is changed only while it is what the caller saw of it.

use std::sync::Arc;

use serde_json::Value;

use super::resource::Table;
use super::{CHANGED, UNKNOWN};
use crate::base::{RecordId, Result};
use crate::http::cached;
use crate::identity::Scope;
use crate::identity::scope::{Around, Proviso};

/// Of a row as everybody sees it who may see it.
pub fn tag(row: &Value) -> String {
    cached::tag(row.to_string().as_bytes())
}

/// The same call, whose write begins by looking whether the record is still what `If-Match` says, and none of what
/// `If-None-Match` says: of two calls that saw the same record one changes it (RACE-4).
pub fn if_match(scope: &Scope, table: Table, id: RecordId) -> Result<Scope> {
    let (known, not) = (scope.incoming.if_match.clone(), scope.incoming.if_none_match.clone());
    if known.is_none() && not.is_none() {
        return Ok(scope.clone());
    }
    let tenant = scope.tenant_id()?;
    let before: Proviso = Arc::new(move |tx| {
        tx.lock_record(table.path, id)?;
        let rows = table.rows(tx.conn, tenant, &[id])?;
        let row = rows.first().ok_or_else(|| UNKNOWN.error())?;
        let tag = tag(row);
        let is_known = known.as_ref().is_none_or(|known| cached::lists(known, &tag));
        let is_another = not.as_ref().is_none_or(|not| !cached::lists(not, &tag));
        if is_known && is_another { Ok(()) } else { Err(CHANGED.error()) }
    });
    Ok(scope.around(Around { before: Some(before), ..scope.around.clone() }))
}
