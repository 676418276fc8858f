//! A client: an app of a tenant, and where its browsers may come from.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::base::{ClientId, HashedToken, TenantId, Timestamp};
use crate::db::schema::{client_origins, clients};
use crate::db::{DbConn, Json, columns};

crate::choice! {
    ClientKind { Browser = "browser", Native = "native", Server = "server" }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = clients, treat_none_as_default_value = false)]
pub struct Client {
    pub id: ClientId,
    pub tenant_id: TenantId,
    pub public_id: String,
    pub name: String,
    pub kind: ClientKind,
    pub is_default: bool,
    pub secret_hash: Option<HashedToken>,
    /// Whom a token for this client is for, beside our own API.
    pub audiences: Json<Vec<String>>,
    /// Where a page may send a person on to; the first one is the default.
    pub continue_urls: Json<Vec<String>>,
    pub settings: Json<ClientSettings>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
}

/// Lifetimes in seconds; what is absent is the installation's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientSettings {
    pub access_seconds: Option<u64>,
    pub refresh_idle_seconds: Option<u64>,
    pub refresh_absolute_seconds: Option<u64>,
}

/// A client with its origins, as the gate needs it.
#[derive(Debug, Clone)]
pub struct App {
    pub client: Client,
    pub origins: Vec<String>,
}

impl App {
    pub fn lists(&self, origin: &str) -> bool {
        self.origins.iter().any(|listed| listed == origin)
    }

    fn with_origins(conn: &mut DbConn, client: Client) -> QueryResult<Self> {
        let origins = client_origins::table.filter(client_origins::client_id.eq(client.id));
        let origins = origins.select(client_origins::origin).load(conn)?;
        Ok(Self { client, origins })
    }

    pub fn public(conn: &mut DbConn, public_id: &str) -> QueryResult<Option<Self>> {
        let client = clients::table.filter(clients::public_id.eq(public_id)).select(columns::<Client>());
        let client: Option<Client> = client.get_result(conn).optional()?;
        client.map(|client| Self::with_origins(conn, client)).transpose()
    }

    pub fn default_of(conn: &mut DbConn, tenant: TenantId) -> QueryResult<Option<Self>> {
        let client =
            clients::table.filter(clients::tenant_id.eq(tenant)).filter(clients::is_default.eq(true));
        let client: Option<Client> = client.select(columns::<Client>()).get_result(conn).optional()?;
        client.map(|client| Self::with_origins(conn, client)).transpose()
    }

    /// The tenant's client of a kind; the default one first, else the first by its public id.
    pub fn of_kind(conn: &mut DbConn, tenant: TenantId, kind: ClientKind) -> QueryResult<Option<Self>> {
        let client = clients::table
            .filter(clients::tenant_id.eq(tenant))
            .filter(clients::kind.eq(kind))
            .filter(clients::disabled_at.is_null())
            .order((clients::is_default.desc(), clients::public_id));
        let client: Option<Client> = client.select(columns::<Client>()).first(conn).optional()?;
        client.map(|client| Self::with_origins(conn, client)).transpose()
    }

    pub fn find(conn: &mut DbConn, tenant: TenantId, id: ClientId) -> QueryResult<Option<Self>> {
        let client =
            clients::table.find(id).filter(clients::tenant_id.eq(tenant)).select(columns::<Client>());
        let client: Option<Client> = client.get_result(conn).optional()?;
        client.map(|client| Self::with_origins(conn, client)).transpose()
    }

    /// Public ids of the clients that list an origin, with their tenants. Two at most: one is an answer, two are none.
    pub fn listing(conn: &mut DbConn, origin: &str) -> QueryResult<Vec<(TenantId, String)>> {
        client_origins::table
            .inner_join(clients::table.on(clients::id.eq(client_origins::client_id)))
            .filter(client_origins::origin.eq(origin))
            .filter(clients::disabled_at.is_null())
            .select((client_origins::tenant_id, clients::public_id))
            .order((client_origins::tenant_id, clients::is_default.desc(), clients::public_id))
            .limit(20)
            .load(conn)
    }
}

impl Client {
    pub fn of_tenant(conn: &mut DbConn, tenant: TenantId) -> QueryResult<Vec<Self>> {
        let theirs = clients::table.filter(clients::tenant_id.eq(tenant)).order(clients::public_id);
        theirs.select(columns::<Self>()).limit(100).load(conn)
    }
}
