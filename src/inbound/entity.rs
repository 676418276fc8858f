//! Inbound webhooks in the database.

use std::collections::BTreeSet;

use diesel::prelude::*;

use crate::base::{InboundWebhookId, Result, TenantId, Timestamp};
use crate::components::vault::{Place, Vault};
use crate::db::schema::inbound_webhooks;
use crate::db::{BothDsl, DbConn, Json, columns};

crate::choice! {
    /// How the sender signs.
    #[derive(Default)]
    Scheme {
        /// standardwebhooks.com: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
        #[default]
        StandardWebhooks = "standardWebhooks",
        /// GitHub: `X-Hub-Signature-256`, over the body alone.
        GitHub = "gitHub",
        /// Stripe: `Stripe-Signature`.
        Stripe = "stripe",
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = inbound_webhooks, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct Inbound {
    pub id: InboundWebhookId,
    pub tenant_id: TenantId,
    pub name: String,
    pub description: String,
    pub scheme: Scheme,
    pub trigger_name: String,
    pub secret_sealed: Vec<u8>,
    /// What whoever wrote it held then: nothing that follows from a message does more.
    pub bounds: Json<BTreeSet<String>>,
    pub is_enabled: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Inbound {
    pub fn find(conn: &mut DbConn, tenant: TenantId, id: InboundWebhookId) -> QueryResult<Option<Self>> {
        let this = inbound_webhooks::table.find(id).filter(inbound_webhooks::tenant_id.eq(tenant));
        this.select(columns::<Self>()).get_result(conn).optional()
    }

    pub fn count(conn: &mut DbConn, tenant: TenantId) -> QueryResult<i64> {
        inbound_webhooks::table.filter(inbound_webhooks::tenant_id.eq(tenant)).count().get_result(conn)
    }

    pub fn is_named(
        conn: &mut DbConn,
        tenant: TenantId,
        name: &str,
        but: InboundWebhookId,
    ) -> QueryResult<bool> {
        use inbound_webhooks as i;
        let named = i::table.filter(i::tenant_id.eq(tenant).and(i::name.eq(name)).and(i::id.ne(but)));
        Ok(named.count().get_result::<i64>(conn)? > 0)
    }

    /// False when the tenant has one of this name.
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<bool> {
        let insert = diesel::insert_into(inbound_webhooks::table).values(self).on_conflict_do_nothing();
        Ok(insert.both().execute(conn)? == 1)
    }

    pub fn update(&self, conn: &mut DbConn) -> QueryResult<usize> {
        let this = inbound_webhooks::table.find(self.id);
        diesel::update(this.filter(inbound_webhooks::tenant_id.eq(self.tenant_id))).set(self).execute(conn)
    }

    pub fn delete(&self, conn: &mut DbConn) -> QueryResult<usize> {
        let this = inbound_webhooks::table.find(self.id);
        diesel::delete(this.filter(inbound_webhooks::tenant_id.eq(self.tenant_id))).execute(conn)
    }

    pub fn seal(vault: &Vault, place: (TenantId, InboundWebhookId), secret: &str) -> Result<Vec<u8>> {
        vault.seal(&sealed_at(place), secret.as_bytes())
    }

    pub fn secret(&self, vault: &Vault) -> Result<String> {
        let opened = vault.open(&sealed_at((self.tenant_id, self.id)), &self.secret_sealed)?;
        Ok(String::from_utf8_lossy(&opened).into_owned())
    }
}

fn sealed_at((tenant, inbound): (TenantId, InboundWebhookId)) -> Place {
    Place { tenant: Some(tenant), table: "inbound_webhooks", column: "secret_sealed", row: inbound.0 }
}
