//! Tenants are planned, applied, told, suspended, let in again and moved.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use tracing::instrument;

use super::super::plan::{self, Described, Plan};
use super::super::{entity, steps};
use crate::base::{Error, PlainToken, Result, Timestamp};
use crate::components::tenants_file::site;
use crate::db::DbConn;
use crate::identity::{App, Client, ClientKind, Scope, Tenant};
use crate::{permissions, tenancy};

crate::refusals! {
    REFUSED = 409 "management.plan.refused" "The file asks for what cannot be done.";
    MOVED = 409 "management.apply.moved" "The tenants changed while you were looking at the plan. Plan again.";
    NOT_SERVER = 409 "management.client.notServer" "Only server clients have a secret; browsers and apps could not keep one.";
    UNKNOWN_CLIENT = 404 "management.client.unknown" "There is no client with this public id.";
    TAKEN_ISSUER = 409 "management.issuer.taken" "Another tenant has this issuer.";
    INVALID_ISSUER = 422 "management.issuer.invalid" "An issuer is an absolute URL without query and fragment.";
}

/// What applying the wanted tenants would do. Changes nothing.
#[instrument(name = "management.plan", skip_all)]
pub async fn plan(scope: &Scope, wanted: Described) -> Result<Plan> {
    let own = plan::own(scope.house.config.environment);
    scope.read(move |conn| planned(conn, &wanted, own)).await
}

fn planned(conn: &mut DbConn, wanted: &Described, own: &[&str]) -> Result<Plan> {
    let mut plan = plan::compare(&tenancy::entity::described(conn)?, wanted, own);
    let asked: BTreeSet<&String> =
        wanted.values().flat_map(|tenant| tenant.roles.values()).flatten().collect();
    let asked: Vec<String> = asked.into_iter().cloned().collect();
    let known = permissions::entity::named(conn, &asked)?;
    let unknown = asked.iter().filter(|asked| !known.iter().any(|(_, known)| known == *asked));
    plan.refused.extend(unknown.map(|permission| {
        format!(
            "No permission is called {permission}. Those of your applications stand in permissions.known."
        )
    }));
    Ok(plan)
}

/// Does what an operator agreed to, all of it or nothing.
///
/// Refuses with `management.plan.refused` what cannot be done, and with `management.apply.moved` what nobody agreed to.
#[instrument(name = "management.apply", skip_all)]
pub async fn apply(scope: &Scope, wanted: Described, agreed: Plan, prune: bool) -> Result<()> {
    if !agreed.refused.is_empty() {
        return Err(REFUSED.saying(agreed.refused.join("\n")));
    }
    let own = plan::own(scope.house.config.environment);
    scope
        .write(move |tx| {
            if planned(tx.conn, &wanted, own)? != agreed {
                return Err(MOVED.error());
            }
            steps::bring_about(tx, &wanted, prune)
        })
        .await
}

/// The tenants as a file would tell them.
#[instrument(name = "management.export", skip_all)]
pub async fn export(scope: &Scope) -> Result<BTreeMap<String, tenancy::description::TenantDescription>> {
    scope.read(|conn| Ok(tenancy::entity::described(conn)?)).await
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    pub name: String,
    pub display_name: String,
    pub state: &'static str,
    pub issuer: String,
    pub people: i64,
    pub clients: Vec<String>,
}

#[instrument(name = "management.list", skip_all)]
pub async fn list(scope: &Scope) -> Result<Vec<Listed>> {
    scope
        .read(|conn| {
            let mut listed = Vec::new();
            for tenant in tenancy::entity::all(conn)? {
                let clients = tenancy::entity::clients_of(conn, tenant.id)?;
                let state = if tenant.is_open() { "open" } else { "suspended" };
                let people = entity::members(conn, tenant.id)?;
                let clients = clients.into_iter().map(|client| client.public_id).collect();
                let Tenant { name, display_name, issuer, .. } = tenant;
                listed.push(Listed { name, display_name, state, issuer, people, clients });
            }
            Ok(listed)
        })
        .await
}

/// Shuts the door of a tenant, and stops its people everywhere. False when it was shut.
#[instrument(name = "management.suspend", skip_all)]
pub async fn suspend(scope: &Scope) -> Result<bool> {
    let id = scope.tenant_id()?;
    scope
        .write(move |tx| {
            let tenant = Tenant::find(tx.conn, id)?.filter(Tenant::is_open);
            tenant.map_or(Ok(false), |tenant| tenancy::steps::suspend(tx, &tenant).map(|()| true))
        })
        .await
}

/// Opens it again. False when it was open.
#[instrument(name = "management.resume", skip_all)]
pub async fn resume(scope: &Scope) -> Result<bool> {
    let id = scope.tenant_id()?;
    scope
        .write(move |tx| {
            let tenant = Tenant::find(tx.conn, id)?.filter(|tenant| !tenant.is_open());
            tenant.map_or(Ok(false), |tenant| tenancy::steps::resume(tx, &tenant).map(|()| true))
        })
        .await
}

/// Gives a tenant another issuer. Answers until when tokens of the old one are taken.
///
/// Refuses with `management.issuer.invalid` and `management.issuer.taken`.
#[instrument(name = "management.move_issuer", skip_all)]
pub async fn move_issuer(scope: &Scope, issuer: String) -> Result<Timestamp> {
    site::base(&issuer).map_err(|why| INVALID_ISSUER.saying(why))?;
    let (id, config) = (scope.tenant_id()?, scope.house.config.clone());
    scope
        .write(move |tx| {
            let tenant = Tenant::find(tx.conn, id)?.ok_or_else(|| Error::internal("the tenant is gone"))?;
            if tenancy::entity::all(tx.conn)?.iter().any(|other| other.id != id && other.issuer == issuer) {
                return Err(TAKEN_ISSUER.error());
            }
            let clients = tenancy::entity::clients_of(tx.conn, id)?;
            let until = tx.now + longest_token(&clients, &config.lifetimes);
            if tenant.issuer != issuer {
                tenancy::steps::move_issuer(tx, &tenant, &issuer, until)?;
            }
            Ok(until)
        })
        .await
}

/// A token of any client, at its longest, with the leeway of whoever verifies it.
pub fn longest_token(clients: &[Client], ours: &crate::components::config::Lifetimes) -> Duration {
    let own = clients.iter().filter_map(|client| client.settings.0.access_seconds).max().unwrap_or(0);
    let longest = Duration::from_secs(own).max(ours.access).max(ours.pending);
    longest + Duration::from_secs(60)
}

/// A new secret for a server client. It is shown once; the old one is worth nothing from now on.
///
/// Refuses with `management.client.unknown` and `management.client.notServer`.
#[instrument(name = "management.new_secret", skip_all)]
pub async fn new_secret(scope: &Scope, public_id: String) -> Result<PlainToken> {
    let secret = scope.house.random.token("dws_1_");
    let hash = secret.hash();
    scope
        .write(move |tx| {
            let app = App::public(tx.conn, &public_id)?.ok_or_else(|| UNKNOWN_CLIENT.error())?;
            if app.client.kind != ClientKind::Server {
                return Err(NOT_SERVER.error());
            }
            tenancy::steps::set_secret(tx, &app.client, &hash)
        })
        .await?;
    Ok(secret)
}
