//! What operators do, one file for each sort of thing that it is done to.

pub mod copies;
pub mod keys;
pub mod people;
pub mod tenants;
pub mod verify;

use std::sync::Arc;

use crate::base::Result;
use crate::identity::{Scope, Tenant};

crate::refusals! {
    UNKNOWN_TENANT = 404 "management.tenant.unknown" "There is no such tenant. `doorward tenants list` names them.";
}

/// The same operator, in one tenant.
#[tracing::instrument(name = "management.in_tenant", skip_all)]
pub async fn in_tenant(scope: &Scope, name: &str) -> Result<Scope> {
    let asked = name.to_owned();
    let tenant = scope.read(move |conn| Ok(Tenant::named(conn, &asked)?)).await?;
    let tenant = tenant.filter(|tenant| tenant.deleted_at.is_none());
    let tenant = tenant.ok_or_else(|| {
        UNKNOWN_TENANT
            .saying(format!("There is no tenant called {name:?}. `doorward tenants list` names them."))
    })?;
    Ok(scope.within(Arc::new(tenant), None))
}
