//! What an access token says.

use serde_json::json;

use crate::base::{RecordId, Result, SessionId, Timestamp, UserId};
use crate::identity::asking::{Added, Question};
use crate::identity::token::Claims;
use crate::identity::{PendingLogin, Scope, Session};

pub fn of_session(scope: &Scope, session: &Session, ext: Added) -> Result<Claims> {
    let now = scope.now();
    let app = scope.app()?;
    let own = app.client.settings.0.access_seconds.map(std::time::Duration::from_secs);
    let life = own.unwrap_or(scope.house.config.lifetimes.access);
    let life = scope.house.random.jitter(life, u32::from(scope.house.config.lifetimes.jitter_percent));
    let exp = (now + life).min(session.idle_expires_at).min(session.absolute_expires_at);
    let claims = common(scope, now, exp)?;
    // The tenant's own backends are named by the client; our API is always among them.
    let mut aud = vec![claims.iss.clone()];
    aud.extend(app.client.audiences.0.iter().cloned());
    Ok(Claims { aud, sub: session.user_id, session: Some(session.id), ext, ..claims })
}

/// What the tenant's actions add to a token of somebody. A session that does not stand yet has no id.
///
/// Refuses with `actions.denied` and `actions.unanswered`.
pub async fn added(scope: &Scope, (user, session): (UserId, Option<SessionId>), by: &str) -> Result<Added> {
    let data = json!({ "user": user, "type": by, "client": scope.app()?.client.public_id });
    let subject = ("session", session.map(|id| RecordId::of(id.0)));
    scope.ask_adding(Question { point: "doorward.token.pre.create", subject, data }).await
}

pub fn of_pending(scope: &Scope, pending: &PendingLogin) -> Result<Claims> {
    let claims = common(scope, scope.now(), pending.expires_at)?;
    Ok(Claims { sub: pending.user_id, pending: Some(pending.id), ..claims })
}

fn common(scope: &Scope, now: Timestamp, exp: Timestamp) -> Result<Claims> {
    let tenant = scope.tenant()?;
    let nobody = crate::base::UserId::of(uuid::Uuid::nil());
    Ok(Claims {
        iss: tenant.issuer.clone(),
        aud: vec![tenant.issuer.clone()],
        sub: nobody,
        client_id: scope.app()?.client.public_id.clone(),
        tenant: tenant.id,
        session: None,
        pending: None,
        scope: String::new(),
        iat: now.seconds(),
        // A token that lives a part of a second lives one: whole seconds are all it can say.
        exp: exp.seconds().max(now.seconds() + 1),
        nbf: 0,
        jti: crate::base::RequestId::new().to_string(),
        ext: Added::new(),
    })
}
