//! Going on to another tenant of which one is a member, without a new login.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tracing::instrument;

use super::answers::TokenPair;
use super::steps::{self, Start, Started};
use super::token_claims;
use crate::base::{Error, Result, TenantId};
use crate::db::{Above, Tx};
use crate::http::Cookie;
use crate::identity::asking::Question;
use crate::identity::{App, ClientKind, House, Live, LoginType, Membership, Scope, Tenant, User, gate};

crate::refusals! {
    UNKNOWN_TENANT = 404 "authSession.switchTenant.unknownTenant" "You are no member of such a tenant.";
    NOT_FROM_HERE = 403 "authSession.switchTenant.notFromThisSession" "This session cannot go to another tenant. Log in with your own account at your home tenant.";
    FACTOR_REQUIRED = 403 "authSession.switchTenant.factorRequired" "That tenant asks for a second factor. Log in with it, and switch then.";
    NO_CLIENT = 409 "authSession.switchTenant.noClient" "That tenant has no client of this kind that you could go on in.";
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Tenants {
    pub tenants: Vec<Reachable>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reachable {
    pub id: TenantId,
    pub name: String,
    pub display_name: String,
    pub is_current: bool,
    pub is_home: bool,
}

/// Where a switch goes: a tenant, and in it a client if its first one of the same kind is not meant.
#[derive(Debug, Clone)]
pub struct Target {
    pub tenant: TenantId,
    pub client: Option<String>,
}

/// The tenants that the caller is a member of.
#[instrument(name = "sessions.tenants", skip_all)]
pub async fn tenants(scope: &Scope) -> Result<Tenants> {
    let live = scope.live()?.clone();
    let above = scope.house.db.above(Above::Switch);
    let tenants = above.read(move |conn| Ok(Membership::tenants_of(conn, live.user)?)).await?;
    let live = scope.live()?;
    let reachable = tenants.into_iter().map(|tenant| Reachable {
        is_current: tenant.id == live.tenant,
        is_home: tenant.id == live.home,
        id: tenant.id,
        name: tenant.name,
        display_name: tenant.display_name,
    });
    Ok(Tenants { tenants: reachable.collect() })
}

/// Ends this session and begins one in another tenant, with the same authentication time and absolute end.
///
/// Refuses with `…unknownTenant` where the caller is no member, with `…notFromThisSession` what did not come from the
/// home's own factors, with `…factorRequired` where the target asks for more, with `…noClient`, `actions.denied` and `actions.unanswered`.
#[instrument(name = "sessions.switch_tenant", skip_all)]
pub async fn switch_tenant(scope: &Scope, target: Target) -> Result<(TokenPair, Vec<Cookie>)> {
    let live = scope.live()?.clone();
    may_leave(&live)?;
    let tenant = scope.house.tenant(target.tenant).await?.filter(|tenant| tenant.is_open());
    let tenant = tenant.ok_or_else(|| UNKNOWN_TENANT.because("notOpen"))?;
    let (user, id) = (live.user, tenant.id);
    let there = scope.house.db.within(id);
    let member = there.read(move |conn| Ok(User::member(conn, id, user)?)).await?;
    member.ok_or_else(|| UNKNOWN_TENANT.because("notAMember"))?;
    let app = client_in(scope, &tenant, target.client).await?;
    gate::listed(&scope.house, &app, &scope.incoming).await?;
    let there = scope.within(tenant.clone(), Some(app.clone()));
    let data = json!({ "user": user, "type": "switchTenant", "client": app.client.public_id });
    there.ask(Question::of_new("doorward.session.pre.create", "session", data)).await?;
    let added = token_claims::added(&there, (user, None), "login").await?;
    let house = scope.house.clone();
    let started = scope.write_above(Above::Switch, move |tx| go(tx, &house, &live, &app)).await?;
    let (pair, mut cookies) = super::events::pair(&there, &started, Some(added)).await?;
    let mine = scope.app()?;
    if mine.client.kind == ClientKind::Browser && mine.client.id != there.app()?.client.id {
        cookies.push(super::events::refresh_cookie(scope, "", 0)?);
    }
    Ok((pair, cookies))
}

/// Only what the home itself has vouched for is good elsewhere: no tenant's provider, no nameless, no borrowed session.
fn may_leave(live: &Live) -> Result<()> {
    if live.impersonator.is_some() {
        return Err(NOT_FROM_HERE.because("impersonation"));
    }
    if live.login_type == LoginType::Anonymous {
        return Err(NOT_FROM_HERE.because("anonymous"));
    }
    if !live.factors.of_home {
        return Err(NOT_FROM_HERE.because("factorsOfTenant"));
    }
    Ok(())
}

/// Of the same kind as the one in hand, since a browser keeps its token where an app cannot, and the other way round.
async fn client_in(scope: &Scope, tenant: &Tenant, named: Option<String>) -> Result<Arc<App>> {
    let kind = scope.app()?.client.kind;
    let id = tenant.id;
    let found = match named {
        Some(public_id) => scope.house.app(&public_id).await?,
        None => {
            let there = scope.house.db.within(id);
            there.read(move |conn| Ok(App::of_kind(conn, id, kind)?)).await?.map(Arc::new)
        }
    };
    let fits = |app: &Arc<App>| {
        app.client.tenant_id == id && app.client.kind == kind && app.client.disabled_at.is_none()
    };
    found.filter(fits).ok_or_else(|| NO_CLIENT.error())
}

/// Everything that was decided is decided again: the person's row is locked, and nothing moves under us.
fn go(tx: &mut Tx, house: &House, live: &Live, app: &App) -> Result<Started> {
    let target = app.client.tenant_id;
    let tenant = Tenant::find(tx.conn, target)?.filter(Tenant::is_open);
    let tenant = tenant.ok_or_else(|| UNKNOWN_TENANT.because("notOpen"))?;
    let open = |app: &App| app.client.disabled_at.is_none();
    let app = App::find(tx.conn, target, app.client.id)?.filter(open).ok_or_else(|| NO_CLIENT.error())?;
    User::member(tx.conn, target, live.user)?.ok_or_else(|| UNKNOWN_TENANT.because("notAMember"))?;
    if tenant.settings.0.email_code && !live.factors.are_two() {
        return Err(FACTOR_REQUIRED.error());
    }
    if !steps::end_one(tx, live.tenant, live.session, (live.user, "switchTenant"))? {
        return Err(Error::Stale);
    }
    let start = Start {
        user: live.user,
        login_type: live.login_type,
        factors: live.factors.clone(),
        device: None,
        authenticated_at: Some(live.authenticated_at),
        absolute_end: Some(live.absolute_expires_at),
    };
    tx.within(target, |tx| steps::start(tx, house, &app, start))
}
