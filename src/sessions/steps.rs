//! What other rooms do with sessions inside their own transactions: start one, end some.

use serde_json::json;
use zeroize::Zeroizing;

use super::device::Device;
use super::entity::{self, DeviceRow, End};
use crate::base::{DeviceId, Result, SessionId, TenantId, Timestamp, UserId};
use crate::components::metrics::names;
use crate::components::vault::{Place, Vault};
use crate::db::tx::{Audit, Forget, Happened, Tx};
use crate::db::{Json, tx::Cause};
use crate::identity::{App, Factors, House, LoginType, Session, SessionKind, User};

/// How a session begins.
#[derive(Clone)]
pub struct Start {
    pub user: UserId,
    pub login_type: LoginType,
    pub factors: Factors,
    pub device: Option<Device>,
    /// When the person last showed who they are; a switch of tenant keeps it.
    pub authenticated_at: Option<Timestamp>,
    /// An end that a switch of tenant keeps.
    pub absolute_end: Option<Timestamp>,
}

/// A session that began, with the seed its refresh tokens are made from.
#[derive(Clone)]
pub struct Started {
    pub session: Session,
    pub seed: Zeroizing<Vec<u8>>,
}

/// Begins a session of a person whose row the caller has locked and found active.
pub fn start(tx: &mut Tx, house: &House, app: &App, start: Start) -> Result<Started> {
    let seed = Zeroizing::new(house.random.bytes32().to_vec());
    let session = draw_up(tx, house, app, &start, &seed)?;
    entity::insert(tx.conn, &session)?;
    if let Some(device) = &start.device {
        entity::keep_device(tx.conn, &device_row(&session, device, tx.now))?;
    }
    User::logged_in(tx.conn, start.user, tx.now)?;
    tx.count(names::SESSIONS_STARTED);
    tx.audit(Audit::success("session.start").of("session", session.id).with(
        json!({ "loginType": start.login_type, "factors": start.factors.methods, "user": start.user }),
    ))?;
    tx.throw(
        Happened::new("doorward.session.post.create", "session", session.id)
            .with(json!({ "user": start.user })),
    )?;
    Ok(Started { session, seed })
}

/// The same session under new secrets: its tokens stop at once, its times, factors and device go on.
pub fn replace(tx: &mut Tx, house: &House, app: &App, id: SessionId) -> Result<Option<Started>> {
    let Some(old) = entity::find(tx.conn, id)?.filter(|old| old.revoked_at.is_none()) else {
        return Ok(None);
    };
    let start_again = Start {
        user: old.user_id,
        login_type: old.login_type,
        factors: old.factors.0,
        device: None,
        authenticated_at: Some(old.authenticated_at),
        absolute_end: Some(old.absolute_expires_at),
    };
    let started = start(tx, house, app, start_again)?;
    entity::move_device(tx.conn, id, started.session.id)?;
    end_one(tx, old.tenant_id, id, (old.user_id, "replaced"))?;
    Ok(Some(started))
}

fn draw_up(tx: &Tx, house: &House, app: &App, start: &Start, seed: &[u8]) -> Result<Session> {
    let id = SessionId::new();
    let (idle, absolute) = lifetimes(house, app, &start.factors);
    let idle = house.random.jitter(idle, u32::from(house.config.lifetimes.jitter_percent));
    let absolute_expires_at = start.absolute_end.unwrap_or(tx.now + absolute);
    let Cause { address, user_agent, .. } = tx.cause;
    Ok(Session {
        id,
        tenant_id: app.client.tenant_id,
        user_id: start.user,
        client_id: app.client.id,
        kind: SessionKind::User,
        login_type: start.login_type,
        factors: Json(start.factors.clone()),
        impersonator_user_id: None,
        seed_sealed: house.vault.seal(&place(app.client.tenant_id, id), seed)?,
        generation: 1,
        rotated_at: tx.now,
        rotation_key_hash: None,
        authenticated_at: start.authenticated_at.unwrap_or(tx.now),
        created_at: tx.now,
        last_used_at: tx.now,
        idle_seconds: i64::try_from(idle.as_secs()).unwrap_or(i64::MAX).max(1),
        idle_expires_at: std::cmp::min(tx.now + idle, absolute_expires_at),
        absolute_expires_at,
        address: address.clone(),
        user_agent: user_agent.clone(),
        revoked_at: None,
        revoked_reason: None,
    })
}

/// The client's, else the installation's; with a second factor never longer than the stricter ones.
fn lifetimes(house: &House, app: &App, factors: &Factors) -> (std::time::Duration, std::time::Duration) {
    let (settings, ours) = (&app.client.settings.0, &house.config.lifetimes);
    let seconds =
        |own: Option<u64>, else_: std::time::Duration| own.map_or(else_, std::time::Duration::from_secs);
    let idle = seconds(settings.refresh_idle_seconds, ours.refresh_idle);
    let absolute = seconds(settings.refresh_absolute_seconds, ours.refresh_absolute);
    if factors.are_two() {
        (idle.min(ours.second_factor_idle), absolute.min(ours.second_factor_absolute))
    } else {
        (idle, absolute)
    }
}

fn device_row(session: &Session, device: &Device, now: Timestamp) -> DeviceRow {
    DeviceRow {
        id: DeviceId::new(),
        tenant_id: session.tenant_id,
        session_id: session.id,
        user_id: session.user_id,
        name: device.shown_name(),
        platform: device.platform,
        notification_token: device.notification_token.clone(),
        web_push_information: device.web_push_information.clone().map(Json),
        created_at: now,
        updated_at: now,
    }
}

pub(super) fn place(tenant: TenantId, session: SessionId) -> Place {
    Place { tenant: Some(tenant), table: "sessions", column: "seed_sealed", row: session.0 }
}

pub(super) fn seed(vault: &Vault, session: &Session) -> Result<Zeroizing<Vec<u8>>> {
    vault.open(&place(session.tenant_id, session.id), &session.seed_sealed)
}

/// Ends every session of a person, everywhere or in one tenant, but the one they are in perhaps.
pub fn end_all(
    tx: &mut Tx,
    user: UserId,
    tenant: Option<TenantId>,
    but: Option<SessionId>,
    reason: &'static str,
) -> Result<usize> {
    let ended = entity::end_all(tx.conn, tenant, but, &End { user, reason, now: tx.now })?;
    for id in &ended {
        tx.forget(Forget::Session(*id))?;
        tx.throw(
            Happened::new("doorward.session.post.delete", "session", *id)
                .with(json!({ "user": user, "reason": reason })),
        )?;
    }
    if !ended.is_empty() {
        let data = json!({ "user": user, "reason": reason, "sessions": ended.len() });
        tx.audit(Audit::success("session.endAll").of("user", user).with(data))?;
    }
    Ok(ended.len())
}

/// Whose session this is, in this tenant.
pub fn owner(tx: &mut Tx, tenant: TenantId, id: SessionId) -> Result<Option<UserId>> {
    let found = entity::find(tx.conn, id)?.filter(|session| session.tenant_id == tenant);
    Ok(found.map(|session| session.user_id))
}

/// Ends one session; false when it was not theirs or had ended.
pub fn end_one(tx: &mut Tx, tenant: TenantId, id: SessionId, end: (UserId, &'static str)) -> Result<bool> {
    let (user, reason) = end;
    let ended = entity::end_one(tx.conn, tenant, id, &End { user, reason, now: tx.now })?;
    if ended {
        tx.forget(Forget::Session(id))?;
        tx.audit(
            Audit::success("session.end").of("session", id).with(json!({ "user": user, "reason": reason })),
        )?;
        tx.throw(
            Happened::new("doorward.session.post.delete", "session", id)
                .with(json!({ "user": user, "reason": reason })),
        )?;
    }
    Ok(ended)
}
