//! What happens to the audit: it is read, by auditors of a tenant and by operators.

use tracing::instrument;

use super::entity::followed::{self, Followed};
use super::entity::{self, AuditRecord};
use crate::base::{RequestId, Result};
use crate::db::Above;
use crate::identity::Scope;

/// All that a request left behind, on whichever node it ran: in the scope's tenant, or in all for the server itself.
#[instrument(name = "audit.by_request", skip_all)]
pub async fn by_request(scope: &Scope, request: RequestId) -> Result<Vec<AuditRecord>> {
    let tenant = scope.tenant.as_ref().map(|tenant| tenant.id);
    scope.read(move |conn| Ok(entity::of_request(conn, tenant, request)?)).await
}

/// What followed from a request, through every action and job; of all tenants. For operators, and for who develops.
#[instrument(name = "audit.followed", skip_all)]
pub async fn followed(scope: &Scope, request: RequestId) -> Result<Vec<Followed>> {
    let operator = scope.house.db.above(Above::Operator);
    operator.read(move |conn| Ok(followed::from(conn, request)?)).await
}
