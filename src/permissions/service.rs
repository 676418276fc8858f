//! `/roles`: a tenant's roles as a service.

pub mod catalogue;

use diesel::prelude::*;

use super::answers::ListedRole;
use super::controller::CreateRole;
use super::entity::{self, Role};
use super::events::{self, DUPLICATE_IDENTIFIER, MAY_NOT_GRANT, NOT_EDITABLE, TOO_MANY_ROLES, UNKNOWN_ROLE};
use super::known::PERMISSION_MANAGE;
use crate::base::{Result, RoleId, TenantId};
use crate::db::schema::roles;
use crate::db::{DbConn, columns};
use crate::identity::{Access, Route, Scope};
use crate::services::{Condition, Field, Resource, Service, View};

const MANAGES: Access = Access::Permission(PERMISSION_MANAGE);

pub fn routes() -> Vec<Route> {
    Service::<Roles>::new()
        .read(MANAGES)
        .create(MANAGES, create)
        .refuses(&[&DUPLICATE_IDENTIFIER, &TOO_MANY_ROLES])
        .remove(MANAGES, remove)
        .refuses(&[&UNKNOWN_ROLE, &NOT_EDITABLE, &MAY_NOT_GRANT])
        .routes()
}

struct Roles;

impl Resource for Roles {
    type Row = ListedRole;
    const PATH: &'static str = "/roles";
    const ONE: &'static str = "role";
    const SUBJECT: Option<&'static str> = Some("role");
    const FIELDS: &'static [Field] = &[
        Field::of("id", &roles::id).filters().sorts(),
        Field::of("identifier", &roles::identifier).filters().sorts(),
        Field::of("createdAt", &roles::created_at).filters().sorts(),
        Field::of("updatedAt", &roles::updated_at).filters().sorts(),
    ];

    fn page(conn: &mut DbConn, tenant: TenantId, view: &View) -> Result<Vec<ListedRole>> {
        let found = roles::table
            .filter(roles::tenant_id.eq(tenant))
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select(columns::<Role>())
            .load::<Role>(conn)?;
        Ok(entity::listed(conn, tenant, found)?)
    }

    fn count(conn: &mut DbConn, tenant: TenantId, condition: Condition<'_>) -> Result<i64> {
        let found = roles::table.filter(roles::tenant_id.eq(tenant)).filter(condition);
        Ok(found.count().get_result(conn)?)
    }
}

async fn create(scope: Scope, new: CreateRole) -> Result<RoleId> {
    Ok(events::create_role(&scope, new.identifier()?).await?.id)
}

async fn remove(scope: Scope, role: RoleId) -> Result<()> {
    events::delete_role(&scope, role).await
}
