//! Signing keys of all tenants: they take turns by themselves, and an operator may hurry or revoke one.

use std::time::Duration;

use tracing::instrument;

use super::entity::turns as entity;
use crate::base::{Error, Result, SigningKeyId, TenantId};
use crate::components::keys::SigningKey;
use crate::components::rotation::{self, Step, Turn};
use crate::identity::job::Outcome;
use crate::identity::{Claimed, Handler, Scope};

pub fn handlers() -> Vec<Handler> {
    vec![Handler::new("keys.rotate", rotate_all).at("*/5 * * * *").within(Duration::from_secs(600))]
}

/// One tenant after the other, each in a transaction of its own: one that fails keeps no other waiting.
async fn rotate_all(scope: Scope, _: Claimed) -> Outcome {
    let tenants = scope.read(|conn| Ok(rotation::tenants(conn)?)).await?;
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
    let house = scope.house.clone();
    there
        .write(move |tx| {
            let lifetimes = &house.config.lifetimes;
            let Some(active) = SigningKey::active(tx.conn, tenant)? else { return Ok(Step::Nothing) };
            let used = entity::has_signed(tx.conn, tenant, active.activated_at.unwrap_or(active.created_at))?;
            let own = Duration::from_secs(entity::longest_access(tx.conn, tenant)?);
            let longest = own.max(lifetimes.access).max(lifetimes.pending);
            let jitter = longest / 100 * u32::from(lifetimes.jitter_percent);
            let shown = lifetimes.jwks * 2;
            let turn = Turn { active: house.config.keys.rotate, shown, token: longest + jitter };
            rotation::rotate(tx, &house.keys, tenant, (turn, used))
        })
        .await
}

/// Shows the next key of a tenant now, so that it takes over at the first turn after everybody can have seen it.
#[instrument(name = "keys.hurry", skip_all)]
pub async fn hurry(scope: &Scope, tenant: TenantId) -> Result<Step> {
    let (there, house) = (within(scope, tenant).await?, scope.house.clone());
    there.write(move |tx| rotation::hurry(tx, &house.keys, tenant)).await
}

/// Ends a key and all it signed, at once here and within two seconds elsewhere. False of one that is not there.
#[instrument(name = "keys.revoke", skip_all)]
pub async fn revoke(scope: &Scope, tenant: TenantId, id: SigningKeyId) -> Result<bool> {
    within(scope, tenant).await?.write(move |tx| rotation::revoke(tx, tenant, id)).await
}

async fn within(scope: &Scope, tenant: TenantId) -> Result<Scope> {
    let tenant = scope.house.tenant(tenant).await?;
    let tenant = tenant.ok_or_else(|| Error::internal("a key of a tenant that is gone"))?;
    Ok(scope.within(tenant, None))
}
