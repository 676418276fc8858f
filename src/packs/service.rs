//! `/packs`: what was put into a tenant as one, as a service.

use diesel::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::entity::Pack;
use super::events::{
    self, CHANGED_BY_HAND, CONFLICT, INSTALLED, MAY_NOT, OTHER_NAME, TOO_MANY_PACKS, UNKNOWN_PACK, Wanted,
};
use super::file::{Inputs, PackFile};
use super::plan::Owned;
use crate::actions::events::{MAY_NOT_ADD_CLAIMS, MAY_NOT_RUN_AS, TOO_MANY_ACTIONS};
use crate::base::error::Refusal;
use crate::base::{PackId, Result, TenantId, Timestamp};
use crate::cronjobs::events::TOO_MANY_CRON_JOBS;
use crate::db::schema::packs;
use crate::db::{DbConn, columns};
use crate::identity::asking::{DENIED, UNANSWERED};
use crate::identity::{Access, Route, Scope};
use crate::permissions::events::{MAY_NOT_GRANT, TOO_MANY_ROLES, UNKNOWN_PERMISSION};
use crate::permissions::known::PACK_MANAGE;
use crate::services::{Condition, Field, Resource, Service, View};

const MANAGES: Access = Access::Permission(PACK_MANAGE);
/// What making the parts may be refused with.
const OF_PARTS: [&Refusal; 11] = [
    &CONFLICT,
    &MAY_NOT,
    &MAY_NOT_ADD_CLAIMS,
    &MAY_NOT_GRANT,
    &MAY_NOT_RUN_AS,
    &TOO_MANY_ACTIONS,
    &TOO_MANY_CRON_JOBS,
    &TOO_MANY_ROLES,
    &UNKNOWN_PERMISSION,
    &DENIED,
    &UNANSWERED,
];
/// And taking them away.
const OF_REMOVAL: [&Refusal; 7] =
    [&UNKNOWN_PACK, &MAY_NOT, &MAY_NOT_ADD_CLAIMS, &MAY_NOT_GRANT, &MAY_NOT_RUN_AS, &DENIED, &UNANSWERED];

pub fn routes() -> Vec<Route> {
    Service::<Packs>::new()
        .read(MANAGES)
        .create(MANAGES, create)
        .refuses(&OF_PARTS)
        .refuses(&[&INSTALLED, &TOO_MANY_PACKS])
        .update(MANAGES, update)
        .refuses(&OF_PARTS)
        .refuses(&[&UNKNOWN_PACK, &OTHER_NAME, &CHANGED_BY_HAND])
        .remove(MANAGES, remove)
        .refuses(&OF_REMOVAL)
        .routes()
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Pack")]
struct PackShown {
    id: PackId,
    name: String,
    version: String,
    /// As it was sent.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pack: PackFile,
    inputs: Inputs,
    /// What it put here.
    parts: Vec<Owned>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Pack> for PackShown {
    fn from(row: Pack) -> Self {
        Self {
            id: row.id,
            name: row.name,
            version: row.version,
            pack: row.content.0,
            inputs: row.inputs.0,
            parts: row.parts.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

struct Packs;

impl Resource for Packs {
    type Row = PackShown;
    const PATH: &'static str = "/packs";
    const ONE: &'static str = "pack";
    const SUBJECT: Option<&'static str> = Some("pack");
    const FIELDS: &'static [Field] = &[
        Field::of("id", &packs::id).filters().sorts(),
        Field::of("name", &packs::name).filters().sorts(),
        Field::of("version", &packs::version).filters(),
        Field::of("createdAt", &packs::created_at).filters().sorts(),
        Field::of("updatedAt", &packs::updated_at).filters().sorts(),
    ];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<PackShown>> {
        let found = packs::table
            .filter(packs::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<Pack>())
            .load::<Pack>(conn)?;
        Ok(found.into_iter().map(PackShown::from).collect())
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = packs::table.filter(packs::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

async fn create(scope: Scope, wanted: Wanted) -> Result<PackId> {
    events::install(&scope, wanted).await
}

async fn update(scope: Scope, id: PackId, wanted: Wanted) -> Result<()> {
    events::upgrade(&scope, id, wanted).await
}

async fn remove(scope: Scope, id: PackId) -> Result<()> {
    events::remove(&scope, id).await
}
