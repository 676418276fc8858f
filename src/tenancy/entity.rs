//! Tenants, hosts, clients and origins in the database.

use diesel::prelude::*;

use crate::base::{ClientId, TenantId, Timestamp};
use crate::db::DbConn;
use crate::db::schema::{client_origins, clients, tenant_hosts, tenants};
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
