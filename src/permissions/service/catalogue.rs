//! `/permissions`: every permission that this server knows, for whoever fills roles with them.

use diesel::prelude::*;

use super::MANAGES;
use crate::base::{PermissionId, Result, TenantId};
use crate::db::DbConn;
use crate::db::schema::permissions;
use crate::identity::Route;
use crate::permissions::answers::PermissionShown;
use crate::services::{Condition, Field, Resource, Service, View};

pub fn routes() -> Vec<Route> {
    Service::<Permissions>::new().read(MANAGES).routes()
}

struct Permissions;

const IDENTIFIER: Field = Field::of("identifier", &permissions::identifier).filters().sorts();

impl Resource for Permissions {
    type Row = PermissionShown;
    const PATH: &'static str = "/permissions";
    const ONE: &'static str = "permission";
    const FIELDS: &'static [Field] = &[Field::of("id", &permissions::id).filters().sorts(), IDENTIFIER];
    const SORT: &'static [(Field, bool)] = &[(IDENTIFIER, false)];

    /// The same in every tenant.
    fn page(conn: &mut DbConn, _: TenantId, view: &View) -> Result<Vec<PermissionShown>> {
        let found = permissions::table
            .filter(view.condition())
            .order(view.order())
            .limit(view.limit)
            .offset(view.skip)
            .select((permissions::id, permissions::identifier));
        let found: Vec<(PermissionId, String)> = found.load(conn)?;
        Ok(found.into_iter().map(|(id, identifier)| PermissionShown { id, identifier }).collect())
    }

    fn count(conn: &mut DbConn, _: TenantId, condition: Condition<'_>) -> Result<i64> {
        Ok(permissions::table.filter(condition).count().get_result(conn)?)
    }
}
