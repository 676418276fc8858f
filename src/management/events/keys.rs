//! Signing keys are listed, moved on by one, and taken away.

use serde::Serialize;
use serde_json::json;
use tracing::instrument;

use super::super::entity;
use super::tenants::longest_token;
use crate::base::{Result, SigningKeyId, Timestamp};
use crate::components::keys::{KeyState, SigningKey};
use crate::db::tx::{Audit, Forget, Tx};
use crate::identity::Scope;
use crate::tenancy;

crate::refusals! {
    UNKNOWN_KEY = 404 "management.key.unknown" "This tenant has no such key, or it is revoked already.";
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    pub id: SigningKeyId,
    pub state: KeyState,
    pub created_at: Timestamp,
    pub published_at: Timestamp,
    pub activated_at: Option<Timestamp>,
    pub dies_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// What a turn of the keys did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "did")]
pub enum Turned {
    /// A key is published and signs when everybody can know it.
    Published { key: SigningKeyId, ready_at: Timestamp },
    /// The next key signs now; the one before it is believed until its last token has died.
    Activated { key: SigningKeyId, retired: Option<SigningKeyId>, dies_at: Timestamp },
}

#[instrument(name = "management.list_keys", skip_all)]
pub async fn list_keys(scope: &Scope) -> Result<Vec<Listed>> {
    let tenant = scope.tenant_id()?;
    let keys = scope.read(move |conn| Ok(entity::keys(conn, Some(tenant))?)).await?;
    let listed = keys.into_iter().map(|key| Listed {
        id: key.id,
        state: key.state,
        created_at: key.created_at,
        published_at: key.published_at,
        activated_at: key.activated_at,
        dies_at: key.dies_at,
        revoked_at: key.revoked_at,
    });
    Ok(listed.collect())
}

/// Publishes the next key, or makes it the active one once everybody can know it: two lifetimes of the JWKS later.
#[instrument(name = "management.rotate_key", skip_all)]
pub async fn rotate_key(scope: &Scope) -> Result<Turned> {
    let (tenant, config) = (scope.tenant_id()?, scope.house.config.clone());
    let fresh = scope.house.keys.make(tenant, KeyState::Next, scope.now())?;
    scope
        .write(move |tx| {
            tx.lock("keys", tenant)?;
            let wait = config.lifetimes.jwks * 2;
            let next = SigningKey::in_state(tx.conn, tenant, KeyState::Next)?;
            let Some(next) = next else {
                entity::insert_key(tx.conn, &fresh)?;
                done(tx, &fresh, "key.publish")?;
                return Ok(Turned::Published { key: fresh.id, ready_at: fresh.published_at + wait });
            };
            let ready_at = next.published_at + wait;
            if tx.now < ready_at {
                return Ok(Turned::Published { key: next.id, ready_at });
            }
            let clients = tenancy::entity::clients_of(tx.conn, tenant)?;
            let dies_at = tx.now + longest_token(&clients, &config.lifetimes);
            activate(tx, &next, dies_at)
        })
        .await
}

/// The old one steps down first: the database bears one active key at a time.
fn activate(tx: &mut Tx, next: &SigningKey, dies_at: Timestamp) -> Result<Turned> {
    let active = SigningKey::active(tx.conn, next.tenant_id)?;
    if let Some(active) = &active {
        entity::retire_key(tx.conn, active, tx.now, dies_at)?;
    }
    entity::activate_key(tx.conn, next, tx.now)?;
    done(tx, next, "key.activate")?;
    Ok(Turned::Activated { key: next.id, retired: active.map(|key| key.id), dies_at })
}

/// For a key that somebody may have seen: all that it signed is void, everywhere within two seconds.
///
/// Refuses with `management.key.unknown`.
#[instrument(name = "management.revoke_key", skip_all)]
pub async fn revoke_key(scope: &Scope, id: SigningKeyId) -> Result<()> {
    let tenant = scope.tenant_id()?;
    scope
        .write(move |tx| {
            if !entity::revoke_key(tx.conn, tenant, id, tx.now)? {
                return Err(UNKNOWN_KEY.error());
            }
            tx.audit(Audit::success("key.revoke").of("key", id).with(json!({})))?;
            tx.forget(Forget::Keys(tenant))
        })
        .await
}

fn done(tx: &mut Tx, key: &SigningKey, action: &'static str) -> Result<()> {
    tx.audit(Audit::success(action).of("key", key.id).with(json!({})))?;
    tx.forget(Forget::Keys(key.tenant_id))
}
