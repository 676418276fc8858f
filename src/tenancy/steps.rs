//! Tenants and clients are made here, whoever asks for them.

use serde_json::json;

use super::entity;
use crate::base::error::INVALID;
use crate::base::{ClientId, FieldError, HashedToken, Result, TenantId};
use crate::components::tenants_file::is_public_id;
use crate::db::Json;
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::identity::client::ClientSettings;
use crate::identity::tenant::TenantSettings;
use crate::identity::{Client, ClientKind, Tenant};

#[derive(Debug, Clone)]
pub struct NewTenant {
    pub name: String,
    pub display_name: String,
    pub issuer: String,
    pub public_url: String,
    pub hosts: Vec<String>,
    pub data: serde_json::Value,
    pub settings: TenantSettings,
}

#[derive(Debug, Clone)]
pub struct NewClient {
    pub public_id: String,
    pub name: String,
    pub kind: ClientKind,
    pub is_default: bool,
    pub secret_hash: Option<HashedToken>,
    pub origins: Vec<String>,
    pub continue_urls: Vec<String>,
    pub audiences: Vec<String>,
    pub settings: ClientSettings,
}

impl NewClient {
    pub fn of(kind: ClientKind, public_id: &str, name: &str) -> Self {
        Self {
            public_id: public_id.into(),
            name: name.into(),
            kind,
            is_default: false,
            secret_hash: None,
            origins: Vec::new(),
            continue_urls: Vec::new(),
            audiences: Vec::new(),
            settings: ClientSettings::default(),
        }
    }
}

/// A tenant with its hosts. Its roles are given by the room above.
pub fn create(tx: &mut Tx, new: &NewTenant) -> Result<Tenant> {
    let tenant = Tenant {
        id: TenantId::new(),
        name: new.name.clone(),
        display_name: new.display_name.clone(),
        issuer: new.issuer.clone(),
        public_url: new.public_url.clone(),
        data: Json(new.data.clone()),
        settings: Json(new.settings.clone()),
        epoch: 0,
        created_at: tx.now,
        updated_at: tx.now,
        suspended_at: None,
        deleted_at: None,
    };
    entity::insert(tx.conn, &tenant)?;
    for host in &new.hosts {
        entity::claim_host(tx.conn, tenant.id, host, tx.now)?;
    }
    tx.audit(Audit::success("tenant.create").of("tenant", tenant.id).with(json!({ "name": new.name })))?;
    tx.throw(
        Happened::new("doorward.tenant.post.create", "tenant", tenant.id).with(json!({ "name": new.name })),
    )?;
    tx.forget(Forget::Tenant(tenant.id))?;
    Ok(tenant)
}

pub fn create_client(tx: &mut Tx, tenant: TenantId, new: &NewClient) -> Result<Client> {
    if !is_public_id(&new.public_id) {
        let why = "Lower-case letters, digits, `-` and `_`; at most 64.";
        return Err(INVALID.with(vec![FieldError::new("$.publicId", "validator.pattern", why)]));
    }
    let client = Client {
        id: ClientId::new(),
        tenant_id: tenant,
        public_id: new.public_id.clone(),
        name: new.name.clone(),
        kind: new.kind,
        is_default: new.is_default,
        secret_hash: new.secret_hash.clone(),
        audiences: Json(new.audiences.clone()),
        continue_urls: Json(new.continue_urls.clone()),
        settings: Json(new.settings.clone()),
        created_at: tx.now,
        updated_at: tx.now,
        disabled_at: None,
    };
    entity::insert_client(tx.conn, &client)?;
    for origin in &new.origins {
        entity::list_origin(tx.conn, tenant, client.id, origin)?;
    }
    tx.audit(
        Audit::success("client.create").of("client", client.id).with(json!({ "publicId": new.public_id })),
    )?;
    tx.forget(Forget::Tenant(tenant))?;
    Ok(client)
}
