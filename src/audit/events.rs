//! What happens to the audit: it is read, by auditors of a tenant and by operators.

use tracing::instrument;

use super::entity::{self, AuditRecord, Filter};
use crate::base::{RequestId, Result};
use crate::identity::Scope;

/// More than a person reads at once.
pub const MOST: i64 = 100;

/// One more record than was asked for tells whether there is a next page.
#[instrument(name = "audit.list", skip_all)]
pub async fn list(scope: &Scope, filter: Filter, limit: i64) -> Result<(Vec<AuditRecord>, bool)> {
    let (tenant, limit) = (scope.tenant_id()?, limit.clamp(1, MOST));
    let mut records = scope.read(move |conn| Ok(entity::page(conn, tenant, &filter, limit + 1)?)).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = records.len() > wanted;
    records.truncate(wanted);
    Ok((records, more))
}

/// All that a request left behind, on whichever node it ran: in the scope's tenant, or in all for the server itself.
#[instrument(name = "audit.by_request", skip_all)]
pub async fn by_request(scope: &Scope, request: RequestId) -> Result<Vec<AuditRecord>> {
    let tenant = scope.tenant.as_ref().map(|tenant| tenant.id);
    scope.read(move |conn| Ok(entity::of_request(conn, tenant, request)?)).await
}
