//! A tenant with everything that it cannot be without.

use crate::base::Result;
use crate::db::tx::Tx;
use crate::identity::Tenant;
use crate::permissions;
use crate::tenancy::steps::{self, NewTenant};

/// The tenant, its hosts and its mandatory roles.
pub fn create_tenant(tx: &mut Tx, new: &NewTenant) -> Result<Tenant> {
    let tenant = steps::create(tx, new)?;
    permissions::steps::mandatory_roles(tx, tenant.id)?;
    Ok(tenant)
}
