//! Tenants, hosts, clients and origins in the database.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;

use super::description::{ClientDescription, TenantDescription};
use crate::base::identifier::ADMIN;
use crate::base::{ClientId, HashedToken, TenantId, Timestamp};
use crate::db::schema::{
    client_origins, clients, permissions, role_permissions, roles, tenant_hosts, tenants,
};
use crate::db::{DbConn, Json, columns};
use crate::identity::tenant::TenantSettings;
use crate::identity::{Client, Tenant};

pub fn insert(conn: &mut DbConn, tenant: &Tenant) -> QueryResult<usize> {
    diesel::insert_into(tenants::table).values(tenant).execute(conn)
}

/// A host is one tenant's; a second claim is a unique violation.
pub fn claim_host(conn: &mut DbConn, tenant: TenantId, host: &str, now: Timestamp) -> QueryResult<usize> {
    use tenant_hosts as h;
    let row = (h::host.eq(host), h::tenant_id.eq(tenant), h::created_at.eq(now));
    diesel::insert_into(h::table).values(row).execute(conn)
}

pub fn leave_host(conn: &mut DbConn, tenant: TenantId, host: &str) -> QueryResult<usize> {
    let held = tenant_hosts::table.find(host).filter(tenant_hosts::tenant_id.eq(tenant));
    diesel::delete(held).execute(conn)
}

pub fn insert_client(conn: &mut DbConn, client: &Client) -> QueryResult<usize> {
    diesel::insert_into(clients::table).values(client).execute(conn)
}

pub fn list_origin(
    conn: &mut DbConn,
    tenant: TenantId,
    client: ClientId,
    origin: &str,
) -> QueryResult<usize> {
    use client_origins as o;
    let row = (o::client_id.eq(client), o::origin.eq(origin), o::tenant_id.eq(tenant));
    diesel::insert_into(o::table).values(row).execute(conn)
}

pub fn drop_origin(
    conn: &mut DbConn,
    tenant: TenantId,
    client: ClientId,
    origin: &str,
) -> QueryResult<usize> {
    let listed = client_origins::table.find((client, origin)).filter(client_origins::tenant_id.eq(tenant));
    diesel::delete(listed).execute(conn)
}

/// Every tenant that is not deleted, by name.
pub fn all(conn: &mut DbConn) -> QueryResult<Vec<Tenant>> {
    tenants::table
        .filter(tenants::deleted_at.is_null())
        .order(tenants::name)
        .select(columns::<Tenant>())
        .load(conn)
}

pub fn clients_of(conn: &mut DbConn, tenant: TenantId) -> QueryResult<Vec<Client>> {
    clients::table
        .filter(clients::tenant_id.eq(tenant))
        .order(clients::public_id)
        .select(columns::<Client>())
        .load(conn)
}

/// The tenants as a file would tell them.
pub fn described(conn: &mut DbConn) -> QueryResult<BTreeMap<String, TenantDescription>> {
    let mut described = BTreeMap::new();
    for tenant in all(conn)? {
        let hosts = tenant_hosts::table.filter(tenant_hosts::tenant_id.eq(tenant.id));
        let hosts: Vec<String> = hosts.select(tenant_hosts::host).load(conn)?;
        let mut own = BTreeMap::new();
        for client in clients_of(conn, tenant.id)? {
            own.insert(client.public_id.clone(), describe_client(conn, client)?);
        }
        let settings = TenantSettings { former_issuers: Vec::new(), ..tenant.settings.0 };
        let description = TenantDescription {
            name: tenant.name.clone(),
            display_name: tenant.display_name,
            issuer: tenant.issuer,
            public_url: tenant.public_url,
            hosts: hosts.into_iter().collect(),
            data: tenant.data.0,
            settings,
            roles: mandatory_roles(conn, tenant.id)?,
            clients: own,
        };
        described.insert(tenant.name, description);
    }
    Ok(described)
}

/// What each role holds that came by a file.
fn mandatory_roles(conn: &mut DbConn, tenant: TenantId) -> QueryResult<BTreeMap<String, BTreeSet<String>>> {
    use role_permissions as rp;
    let held: Vec<(String, Option<String>)> = roles::table
        .left_join(rp::table.on(rp::role_id.eq(roles::id)))
        .left_join(permissions::table.on(permissions::id.eq(rp::permission_id)))
        .filter(roles::tenant_id.eq(tenant))
        .filter(roles::is_mandatory.eq(true))
        .filter(roles::identifier.ne(ADMIN))
        .select((roles::identifier, permissions::identifier.nullable()))
        .load(conn)?;
    let mut of_each: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (role, permission) in held {
        of_each.entry(role).or_default().extend(permission);
    }
    Ok(of_each)
}

fn describe_client(conn: &mut DbConn, client: Client) -> QueryResult<ClientDescription> {
    let origins = client_origins::table.filter(client_origins::client_id.eq(client.id));
    let origins: Vec<String> = origins.select(client_origins::origin).load(conn)?;
    Ok(ClientDescription {
        name: client.name,
        kind: client.kind,
        is_default: client.is_default,
        origins: origins.into_iter().collect(),
        continue_urls: client.continue_urls.0,
        audiences: client.audiences.0,
        settings: client.settings.0,
    })
}

/// What may be edited of a tenant. Its epoch moves, so that whoever decided from the old values decides again.
pub fn edit(
    conn: &mut DbConn,
    id: TenantId,
    wanted: &TenantDescription,
    settings: TenantSettings,
    now: Timestamp,
) -> QueryResult<usize> {
    use tenants as t;
    diesel::update(t::table.find(id))
        .set((
            t::display_name.eq(&wanted.display_name),
            t::public_url.eq(&wanted.public_url),
            t::data.eq(Json(wanted.data.clone())),
            t::settings.eq(Json(settings)),
            t::epoch.eq(t::epoch + 1),
            t::updated_at.eq(now),
        ))
        .execute(conn)
}

pub fn set_issuer(
    conn: &mut DbConn,
    tenant: &Tenant,
    issuer: &str,
    settings: TenantSettings,
    now: Timestamp,
) -> QueryResult<usize> {
    use tenants as t;
    diesel::update(t::table.find(tenant.id))
        .set((
            t::issuer.eq(issuer),
            t::settings.eq(Json(settings)),
            t::epoch.eq(t::epoch + 1),
            t::updated_at.eq(now),
        ))
        .execute(conn)
}

/// Suspends, or with none lets in again.
pub fn suspend(
    conn: &mut DbConn,
    id: TenantId,
    since: Option<Timestamp>,
    now: Timestamp,
) -> QueryResult<usize> {
    use tenants as t;
    diesel::update(t::table.find(id))
        .set((t::suspended_at.eq(since), t::epoch.eq(t::epoch + 1), t::updated_at.eq(now)))
        .execute(conn)
}

/// Everything but id, kind and secret.
pub fn edit_client(
    conn: &mut DbConn,
    client: &Client,
    wanted: &ClientDescription,
    now: Timestamp,
) -> QueryResult<usize> {
    use clients as c;
    diesel::update(c::table.find(client.id).filter(c::tenant_id.eq(client.tenant_id)))
        .set((
            c::name.eq(&wanted.name),
            c::is_default.eq(wanted.is_default),
            c::continue_urls.eq(Json(wanted.continue_urls.clone())),
            c::audiences.eq(Json(wanted.audiences.clone())),
            c::settings.eq(Json(wanted.settings.clone())),
            c::updated_at.eq(now),
        ))
        .execute(conn)
}

pub fn no_default(conn: &mut DbConn, tenant: TenantId) -> QueryResult<usize> {
    let mine = clients::table.filter(clients::tenant_id.eq(tenant)).filter(clients::is_default.eq(true));
    diesel::update(mine).set(clients::is_default.eq(false)).execute(conn)
}

pub fn set_secret(
    conn: &mut DbConn,
    client: &Client,
    secret: &HashedToken,
    now: Timestamp,
) -> QueryResult<usize> {
    use clients as c;
    diesel::update(c::table.find(client.id).filter(c::tenant_id.eq(client.tenant_id)))
        .set((c::secret_hash.eq(secret), c::updated_at.eq(now)))
        .execute(conn)
}
