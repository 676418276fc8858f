//! A tenant's first people come by an operator's invitation: a link that is shown once, and mailed where mail leaves.

use tracing::instrument;

use crate::auth::account::steps;
use crate::base::{Email, Result};
use crate::identity::Scope;
use crate::management::events::people::role_of;
use crate::permissions::entity::{Role, holders};
use crate::permissions::known;

/// Invites an address to the scope's tenant, and to a role of it, and gives the link.
///
/// Refuses with `management.role.unknown`.
#[instrument(name = "app.invite", skip_all)]
pub async fn invite(scope: &Scope, email: Email, role: Option<String>) -> Result<String> {
    let (house, tenant) = (scope.house.clone(), scope.tenant()?.clone());
    scope
        .write(move |tx| {
            let role = role.as_deref().map(|role| role_of(tx, tenant.id, role)).transpose()?;
            let invited = steps::invite(tx, &house, (&tenant, &email), role.as_slice())?;
            Ok(invited.link.expose().to_owned())
        })
        .await
}

/// Whether anybody is admin of the scope's tenant.
#[instrument(name = "app.owner_is_there", skip_all)]
pub async fn is_there(scope: &Scope) -> Result<bool> {
    let tenant = scope.tenant_id()?;
    scope
        .read(move |conn| {
            let role = Role::named(conn, tenant, known::ADMIN)?;
            Ok(role.map(|role| holders(conn, &role)).transpose()?.is_some_and(|holders| holders > 0))
        })
        .await
}
