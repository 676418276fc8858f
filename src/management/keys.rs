//! Signing keys of all tenants: they take turns by themselves. What operators do with one stands in `events/keys.rs`.

use std::time::Duration;

use tracing::instrument;

use super::entity::turns as entity;
use crate::base::{Error, Result, TenantId};
use crate::components::keys::SigningKey;
use crate::components::rotation::{self, Step, Turn};
use crate::identity::job::Outcome;
use crate::identity::{Claimed, Handler, Scope};

pub fn handlers() -> Vec<Handler> {
    vec![Handler::new("keys.rotate", rotate_all).at("*/5 * * * *").within(Duration::from_secs(600))]
}

/// One tenant after the other of those that are due, each in a transaction of its own: one that fails keeps no other
/// waiting.
async fn rotate_all(scope: Scope, _: Claimed) -> Outcome {
    let (ageing, forgotten) = (usual(&scope).ageing(scope.now()), rotation::forgotten(scope.now()));
    let tenants = scope.read(move |conn| Ok(entity::due(conn, ageing, forgotten)?)).await?;
    let mut failed = Ok(());
    for tenant in tenants {
        if let Err(error) = rotate(&scope, tenant).await {
            tracing::warn!(%tenant, %error, "a signing key could not be rotated");
            failed = Err(error);
        }
    }
    Ok(failed?)
}

/// What is due for one tenant, if anything.
#[instrument(name = "keys.rotate", skip_all)]
pub async fn rotate(scope: &Scope, tenant: TenantId) -> Result<Step> {
    let there = within(scope, tenant).await?;
    let (house, usual) = (scope.house.clone(), usual(scope));
    there
        .write(move |tx| {
            let Some(active) = SigningKey::active(tx.conn, tenant)? else { return Ok(Step::Nothing) };
            let used = entity::has_signed(tx.conn, tenant, active.activated_at.unwrap_or(active.created_at))?;
            let own = Duration::from_secs(entity::longest_access(tx.conn, tenant)?);
            let turn = Turn { token: usual.token.max(own), ..usual };
            rotation::rotate(tx, &house.keys, tenant, (turn, used))
        })
        .await
}

/// Of a tenant whose clients have no longer lives of their own.
fn usual(scope: &Scope) -> Turn {
    let (lifetimes, active) = (&scope.house.config.lifetimes, scope.house.config.keys.rotate);
    Turn { active, shown: lifetimes.jwks * 2, token: lifetimes.access.max(lifetimes.pending) }
}

async fn within(scope: &Scope, tenant: TenantId) -> Result<Scope> {
    let tenant = scope.house.tenant(tenant).await?;
    let tenant = tenant.ok_or_else(|| Error::internal("a key of a tenant that is gone"))?;
    Ok(scope.within(tenant, None))
}
