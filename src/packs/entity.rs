//! Packs of tenants, in the database.

use diesel::prelude::*;

use super::file::{Inputs, PackFile};
use super::plan::Owned;
use crate::base::{PackId, TenantId, Timestamp};
use crate::db::schema::packs;
use crate::db::{BothDsl, DbConn, Json, columns};

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = packs)]
pub struct Pack {
    pub id: PackId,
    pub tenant_id: TenantId,
    pub name: String,
    pub version: String,
    pub content: Json<PackFile>,
    pub inputs: Json<Inputs>,
    pub parts: Json<Vec<Owned>>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Pack {
    pub fn find(conn: &mut DbConn, tenant: TenantId, id: PackId) -> QueryResult<Option<Self>> {
        let this = packs::table.find(id).filter(packs::tenant_id.eq(tenant));
        this.select(columns::<Self>()).get_result(conn).optional()
    }

    pub fn named(conn: &mut DbConn, tenant: TenantId, name: &str) -> QueryResult<Option<Self>> {
        let this = packs::table.filter(packs::tenant_id.eq(tenant).and(packs::name.eq(name)));
        this.select(columns::<Self>()).get_result(conn).optional()
    }

    pub fn count(conn: &mut DbConn, tenant: TenantId) -> QueryResult<i64> {
        packs::table.filter(packs::tenant_id.eq(tenant)).count().get_result(conn)
    }

    /// False when the tenant has one of this name.
    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<bool> {
        let insert = diesel::insert_into(packs::table).values(self).on_conflict_do_nothing().both();
        Ok(insert.execute(conn)? == 1)
    }

    pub fn update(&self, conn: &mut DbConn) -> QueryResult<usize> {
        let this = packs::table.find(self.id).filter(packs::tenant_id.eq(self.tenant_id));
        diesel::update(this).set(self).execute(conn)
    }

    pub fn delete(&self, conn: &mut DbConn) -> QueryResult<usize> {
        diesel::delete(packs::table.find(self.id).filter(packs::tenant_id.eq(self.tenant_id))).execute(conn)
    }
}
