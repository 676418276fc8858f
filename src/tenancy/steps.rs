//! Tenants and clients are made here, whoever asks for them.

use serde_json::json;

use super::description::{ClientDescription, TenantDescription};
use super::entity;
use crate::base::error::INVALID;
use crate::base::{ClientId, FieldError, HashedToken, Result, TenantId, Timestamp};
use crate::components::tenants_file::is_public_id;
use crate::db::Json;
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::identity::client::ClientSettings;
use crate::identity::tenant::{FormerIssuer, TenantSettings};
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

/// Brings what may be edited of a tenant to what a description says. Issuer, hosts and clients are others' matter.
pub fn edit(tx: &mut Tx, tenant: &Tenant, wanted: &TenantDescription) -> Result<()> {
    let former_issuers = tenant.settings.0.former_issuers.clone();
    let settings = TenantSettings { former_issuers, ..wanted.settings.clone() };
    entity::edit(tx.conn, tenant.id, wanted, settings, tx.now)?;
    changed(tx, tenant, "tenant.edit", json!({ "name": tenant.name }))
}

/// The old issuer stays good until the last token that names it has died.
pub fn move_issuer(tx: &mut Tx, tenant: &Tenant, issuer: &str, until: Timestamp) -> Result<()> {
    let mut settings = tenant.settings.0.clone();
    let now = tx.now;
    settings.former_issuers.retain(|former| former.issuer != issuer && now < former.until);
    settings.former_issuers.push(FormerIssuer { issuer: tenant.issuer.clone(), until });
    entity::set_issuer(tx.conn, tenant, issuer, settings, tx.now)?;
    changed(tx, tenant, "tenant.moveIssuer", json!({ "from": tenant.issuer, "to": issuer }))
}

/// Nothing is deleted and no session row is touched: the door is shut, here at once and elsewhere within two seconds.
pub fn suspend(tx: &mut Tx, tenant: &Tenant) -> Result<()> {
    entity::suspend(tx.conn, tenant.id, Some(tx.now), tx.now)?;
    changed(tx, tenant, "tenant.suspend", json!({ "name": tenant.name }))
}

pub fn resume(tx: &mut Tx, tenant: &Tenant) -> Result<()> {
    entity::suspend(tx.conn, tenant.id, None, tx.now)?;
    changed(tx, tenant, "tenant.resume", json!({ "name": tenant.name }))
}

pub fn claim_host(tx: &mut Tx, tenant: &Tenant, host: &str) -> Result<()> {
    entity::claim_host(tx.conn, tenant.id, host, tx.now)?;
    changed(tx, tenant, "tenant.claimHost", json!({ "host": host }))
}

pub fn leave_host(tx: &mut Tx, tenant: &Tenant, host: &str) -> Result<()> {
    entity::leave_host(tx.conn, tenant.id, host)?;
    changed(tx, tenant, "tenant.leaveHost", json!({ "host": host }))
}

pub fn edit_client(tx: &mut Tx, client: &Client, wanted: &ClientDescription) -> Result<()> {
    entity::edit_client(tx.conn, client, wanted, tx.now)?;
    client_changed(tx, client, "client.edit", json!({ "publicId": client.public_id }))
}

pub fn list_origin(tx: &mut Tx, client: &Client, origin: &str) -> Result<()> {
    entity::list_origin(tx.conn, client.tenant_id, client.id, origin)?;
    client_changed(tx, client, "client.listOrigin", json!({ "origin": origin }))
}

pub fn drop_origin(tx: &mut Tx, client: &Client, origin: &str) -> Result<()> {
    entity::drop_origin(tx.conn, client.tenant_id, client.id, origin)?;
    client_changed(tx, client, "client.dropOrigin", json!({ "origin": origin }))
}

/// The old secret is worth nothing from now on.
pub fn set_secret(tx: &mut Tx, client: &Client, secret: &HashedToken) -> Result<()> {
    entity::set_secret(tx.conn, client, secret, tx.now)?;
    client_changed(tx, client, "client.newSecret", json!({ "publicId": client.public_id }))
}

fn client_changed(tx: &mut Tx, client: &Client, action: &'static str, data: serde_json::Value) -> Result<()> {
    Tenant::raise_epoch(tx.conn, client.tenant_id, tx.now)?;
    let id = client.id;
    tx.within(client.tenant_id, |tx| tx.audit(Audit::success(action).of("client", id).with(data)))?;
    tx.forget(Forget::Tenant(client.tenant_id))
}

/// In the tenant's own records, whoever did it.
fn changed(tx: &mut Tx, tenant: &Tenant, action: &'static str, data: serde_json::Value) -> Result<()> {
    tx.within(tenant.id, |tx| {
        tx.audit(Audit::success(action).of("tenant", tenant.id).with(data.clone()))?;
        tx.throw(Happened::new("doorward.tenant.post.update", "tenant", tenant.id).with(data))
    })?;
    tx.forget(Forget::Tenant(tenant.id))
}
