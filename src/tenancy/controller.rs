//! `/` and `/multitenant/current`: what a frontend may know of the tenant it belongs to.

use schemars::JsonSchema;
use serde::Serialize;

use super::doorstep;
use crate::base::{Result, TenantId};
use crate::identity::gate::INVALID_TENANT;
use crate::identity::{Access, Method, Nothing, Route, Scope};

pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::Get, "/multitenant/current", Access::Tenant, current)
            .named("tenancy.current", "The tenant that this request addresses.")
            .refuses(&[&INVALID_TENANT])
            .original(),
        doorstep::route(),
    ]
}

#[derive(Serialize, JsonSchema)]
pub struct Current {
    tenant: Shown,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ShownTenant")]
pub struct Shown {
    id: TenantId,
    name: String,
    display_name: String,
    data: serde_json::Value,
}

async fn current(scope: Scope, _: Nothing) -> Result<Current> {
    let tenant = scope.tenant()?;
    Ok(Current {
        tenant: Shown {
            id: tenant.id,
            name: tenant.name.clone(),
            display_name: tenant.display_name.clone(),
            data: tenant.data.0.clone(),
        },
    })
}
