//! Somebody comes in by a strategy; whichever it was, they are answered alike.

use serde_json::json;
use tracing::instrument;

use super::controller::{Authenticated, By, Strategy};
use crate::auth::password::events::{self as password, Login, VerifyOtp};
use crate::base::{Error, PlainToken, ProofRequestId, Result};
use crate::http::{Cookie, Incoming};
use crate::identity::gate::{self, INVALID_TENANT};
use crate::identity::token::{self, Kind};
use crate::identity::{Next, Scope};
use crate::sessions;
use crate::sessions::answers::TokenPair;
use crate::users;

crate::refusals! {
    FACTOR_DUE = 401 "authentication.create.factorDue" "One more step is due; see `data`.";
}

/// Whoever shows who they are is told their token and what is shown of them.
///
/// Refuses with `authentication.create.factorDue`, whose data say how to go on, and as the strategy's own room does.
#[instrument(name = "authentication.authenticate", skip_all)]
pub async fn authenticate(scope: &Scope, strategy: Strategy) -> Result<(Authenticated, Vec<Cookie>)> {
    match strategy {
        Strategy::Local { email, password, device, known_device } => {
            if scope.app.is_none() {
                return Err(INVALID_TENANT.error());
            }
            let login = Login { email, password, device, known_device };
            let (pair, cookies) = password::login(scope, login).await?;
            Ok((answer(scope, "local", pair).await?, cookies))
        }
        Strategy::Otp { challenge, request_id, code, known_device } => {
            let scope = gate::as_pending(&scope.house, presenting(scope, &challenge)).await?;
            let (pair, cookies) = password::verify_otp(&scope, typed(code, request_id, known_device)).await?;
            Ok((answer(&scope, "otp", pair).await?, cookies))
        }
        Strategy::Jwt { access_token } => {
            let scope = gate::as_session(&scope.house, presenting(scope, &access_token)).await?;
            let pair = sessions::events::again(&scope).await?;
            Ok((answer(&scope, "jwt", pair).await?, Vec::new()))
        }
    }
}

fn typed(code: String, request: ProofRequestId, known_device: Option<PlainToken>) -> VerifyOtp {
    let otp = code.chars().filter(|c| !c.is_whitespace() && *c != '-').take(32).collect();
    VerifyOtp { otp, request, known_device }
}

/// The same request, with the credential that stood in its body: it counts instead of any other.
fn presenting(scope: &Scope, token: &PlainToken) -> Incoming {
    let authorization = Some(format!("Bearer {}", token.expose()));
    Incoming { authorization, bound: None, ..Incoming::clone(&scope.incoming) }
}

async fn answer(scope: &Scope, strategy: &'static str, pair: TokenPair) -> Result<Authenticated> {
    if let Some(next) = pair.session.next {
        return Err(due(next, &pair));
    }
    let token = PlainToken::from_text(pair.access_token.as_str());
    let entered = gate::as_session(&scope.house, presenting(scope, &token)).await?;
    let claims = &token::read(&scope.house, Kind::Access, &pair.access_token).await?.claims;
    let payload = serde_json::to_value(claims).map_err(Error::internal)?;
    let user = users::events::me(&entered).await?.user;
    Ok(Authenticated { pair, authentication: By { strategy, payload }, user })
}

/// What a client needs for the step that is due. Its words are those that other servers use too.
fn due(next: Next, pair: &TokenPair) -> Error {
    let reason = if next == Next::SetPassword { "password_change_required" } else { "mfa_required" };
    FACTOR_DUE.giving(json!({
        "reason": reason,
        "methods": [next],
        "challenge": pair.access_token,
        "requestId": pair.session.request_id,
        "expiresIn": pair.expires_in,
    }))
}
