//! Signing keys: one active per tenant, made at first signing, sealed at rest, public to whoever verifies.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use jsonwebtoken::{DecodingKey, EncodingKey};
use schemars::JsonSchema;
use serde::Serialize;

use super::cache::Cache;
use super::clock::Clock;
use super::vault::{Place, Vault};
use crate::base::{Error, Result, SigningKeyId, TenantId, Timestamp};
use crate::db::schema::signing_keys;
use crate::db::{Above, BothDsl, Db, DbConn, columns};

crate::choice! {
    KeyState { Next = "next", Active = "active", Retiring = "retiring", Revoked = "revoked" }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys, treat_none_as_default_value = false)]
pub struct SigningKey {
    pub id: SigningKeyId,
    pub tenant_id: TenantId,
    pub state: KeyState,
    pub public_key: Vec<u8>,
    pub private_sealed: Vec<u8>,
    pub created_at: Timestamp,
    pub published_at: Timestamp,
    pub activated_at: Option<Timestamp>,
    pub retiring_at: Option<Timestamp>,
    pub dies_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// Signs for one tenant.
pub struct Signer {
    pub id: SigningKeyId,
    pub key: EncodingKey,
}

/// Verifies for one tenant.
pub struct Verifier {
    pub tenant: TenantId,
    pub key: DecodingKey,
}

#[derive(Clone)]
pub struct Keys {
    db: Db,
    vault: Vault,
    clock: Clock,
    signers: Cache<TenantId, Arc<Signer>>,
    verifiers: Cache<SigningKeyId, Option<Arc<Verifier>>>,
    published: Cache<TenantId, Arc<Vec<SigningKey>>>,
}

/// A revoked key fails everywhere within this.
const TRUSTED: Duration = Duration::from_secs(2);

impl Keys {
    pub fn new(db: Db, vault: Vault, clock: Clock) -> Self {
        let (signers, verifiers) = (Cache::new(4096, TRUSTED), Cache::new(8192, TRUSTED));
        Self { db, vault, clock, signers, verifiers, published: Cache::new(4096, TRUSTED) }
    }

    /// The tenant's active key; the first signing makes it, in a transaction of its own.
    pub async fn signer(&self, tenant: TenantId) -> Result<Arc<Signer>> {
        let now = self.clock.now();
        if let Some(signer) = self.signers.get(&tenant, now) {
            return Ok(signer);
        }
        let ticket = self.signers.ticket(&tenant, now);
        let row = match self.db.within(tenant).read(move |conn| Ok(SigningKey::active(conn, tenant)?)).await?
        {
            Some(row) => row,
            None => self.first(tenant, now).await?,
        };
        let private = self.vault.open(&place(&row), &row.private_sealed)?;
        let signer = Arc::new(Signer { id: row.id, key: EncodingKey::from_ec_der(&private) });
        self.signers.fill(tenant, signer.clone(), ticket);
        Ok(signer)
    }

    /// None for a key that is unknown, revoked or dead.
    pub async fn verifier(&self, id: SigningKeyId) -> Result<Option<Arc<Verifier>>> {
        let now = self.clock.now();
        if let Some(known) = self.verifiers.get(&id, now) {
            return Ok(known);
        }
        let ticket = self.verifiers.ticket(&id, now);
        let row =
            self.db.above(Above::Key).read(move |conn| Ok(SigningKey::verifying(conn, id, now)?)).await?;
        let verifier = row.map(|row| {
            // An uncompressed point is what `from_ec_der` takes for a public key.
            Arc::new(Verifier { tenant: row.tenant_id, key: DecodingKey::from_ec_der(&row.public_key) })
        });
        self.verifiers.fill(id, verifier.clone(), ticket);
        Ok(verifier)
    }

    /// The public keys of a tenant, newest first. Never writes.
    pub async fn published(&self, tenant: TenantId) -> Result<Arc<Vec<SigningKey>>> {
        let now = self.clock.now();
        if let Some(known) = self.published.get(&tenant, now) {
            return Ok(known);
        }
        let ticket = self.published.ticket(&tenant, now);
        let find = move |conn: &mut DbConn| Ok(Arc::new(SigningKey::published(conn, tenant, now)?));
        let keys = self.db.within(tenant).read(find).await?;
        // The first key signs at once, and another node may have made it.
        if keys.iter().any(|key| key.state == KeyState::Active) {
            self.published.fill(tenant, keys.clone(), ticket);
        }
        Ok(keys)
    }

    pub fn forget(&self, tenant: TenantId) {
        self.signers.evict(&tenant);
        self.published.evict(&tenant);
        self.verifiers.evict_where(|_, known| known.as_ref().is_none_or(|known| known.tenant == tenant));
    }

    pub fn forget_all(&self) {
        self.signers.clear();
        self.verifiers.clear();
        self.published.clear();
    }

    /// A fresh key for a tenant, not yet in the database.
    pub fn make(&self, tenant: TenantId, state: KeyState, now: Timestamp) -> Result<SigningKey> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let private = made.map_err(|_| Error::internal("no signing key could be made"))?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref());
        let pair = pair.map_err(|_| Error::internal("a fresh signing key does not load"))?;
        let mut key = SigningKey {
            id: SigningKeyId::new(),
            tenant_id: tenant,
            state,
            public_key: pair.public_key().as_ref().to_vec(),
            private_sealed: Vec::new(),
            created_at: now,
            published_at: now,
            activated_at: (state == KeyState::Active).then_some(now),
            retiring_at: None,
            dies_at: None,
            revoked_at: None,
        };
        key.private_sealed = self.vault.seal(&place(&key), private.as_ref())?;
        Ok(key)
    }

    async fn first(&self, tenant: TenantId, now: Timestamp) -> Result<SigningKey> {
        let key = self.make(tenant, KeyState::Active, now)?;
        let insert = move |conn: &mut DbConn| {
            key.insert_unless_there(conn)?;
            let active = SigningKey::active(conn, tenant)?;
            active.ok_or_else(|| Error::internal("a tenant is left without a signing key"))
        };
        self.db.within(tenant).write(insert).await
    }
}

fn place(key: &SigningKey) -> Place {
    Place { tenant: Some(key.tenant_id), table: "signing_keys", column: "private_sealed", row: key.id.0 }
}

impl SigningKey {
    pub fn active(conn: &mut DbConn, tenant: TenantId) -> QueryResult<Option<Self>> {
        Self::in_state(conn, tenant, KeyState::Active)
    }

    pub fn in_state(conn: &mut DbConn, tenant: TenantId, state: KeyState) -> QueryResult<Option<Self>> {
        signing_keys::table
            .filter(signing_keys::tenant_id.eq(tenant))
            .filter(signing_keys::state.eq(state))
            .order(signing_keys::created_at.desc())
            .select(columns::<Self>())
            .first(conn)
            .optional()
    }

    /// Of two nodes that make a tenant's first key, one is kept.
    pub fn insert_unless_there(&self, conn: &mut DbConn) -> QueryResult<usize> {
        diesel::insert_into(signing_keys::table).values(self).on_conflict_do_nothing().both().execute(conn)
    }

    fn verifying(conn: &mut DbConn, id: SigningKeyId, now: Timestamp) -> QueryResult<Option<Self>> {
        signing_keys::table
            .find(id)
            .filter(signing_keys::revoked_at.is_null())
            .filter(signing_keys::dies_at.is_null().or(signing_keys::dies_at.gt(now)))
            .select(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    fn published(conn: &mut DbConn, tenant: TenantId, now: Timestamp) -> QueryResult<Vec<Self>> {
        signing_keys::table
            .filter(signing_keys::tenant_id.eq(tenant))
            .filter(signing_keys::revoked_at.is_null())
            .filter(signing_keys::dies_at.is_null().or(signing_keys::dies_at.gt(now)))
            .order((signing_keys::created_at.desc(), signing_keys::id))
            .select(columns::<Self>())
            .load(conn)
    }

    /// RFC 7517 and RFC 7518, section 6.2.1: a shape that has no room for a private member.
    pub fn jwk(&self) -> Jwk {
        let (x, y) = self.public_key.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        Jwk { kty: "EC", crv: "P-256", alg: "ES256", r#use: "sig", kid: self.id, x, y }
    }
}

/// A public key as verifiers read it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Jwk {
    pub kty: &'static str,
    pub crv: &'static str,
    pub alg: &'static str,
    pub r#use: &'static str,
    pub kid: SigningKeyId,
    pub x: String,
    pub y: String,
}
