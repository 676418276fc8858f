//! Our own tokens: the one place that signs them and the one parser of their claims.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde_json::{Map, Value};
use tracing::{Instrument, debug_span};

use super::house::House;
use crate::base::{PendingLoginId, Result, SessionId, SigningKeyId, TenantId, Timestamp, UserId};
use crate::http::strict;

crate::refusals! {
    MISSING_TOKEN = 401 "sessionStore.verifyAndDecodeJWT.missingToken" "This route needs an access token in the Authorization header.";
    INVALID_TOKEN = 401 "sessionStore.verifyAndDecodeJWT.invalidToken" "The access token is not valid here.";
    EXPIRED_TOKEN = 401 "sessionStore.verifyAndDecodeJWT.expiredToken" "The access token has expired. Refresh it.";
}

/// What a token is for. It stands in `typ` (RFC 8725, section 3.11), and a token of one kind is no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// RFC 9068.
    Access,
    /// A login that still needs a factor.
    Pending,
}

impl Kind {
    fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Pending => "login-pending+jwt",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: Vec<String>,
    pub sub: UserId,
    pub client_id: String,
    pub tenant: TenantId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pending: Option<PendingLoginId>,
    pub scope: String,
    pub iat: i64,
    pub exp: i64,
    /// We write none. One that is there is kept to, and must be a number: what cannot be read is not absent.
    #[serde(skip_serializing, default)]
    pub nbf: i64,
    pub jti: String,
    /// What the tenant's actions add, for its own backends. Nothing here asks it: our rights stand in our rows (PRIV-10).
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub ext: Map<String, Value>,
}

/// Verified claims, and the key that vouched for them: it may be revoked while they are remembered.
#[derive(Debug)]
pub struct Verified {
    pub claims: Claims,
    pub key: SigningKeyId,
}

/// Our own tokens are well below; anything longer is not parsed.
const LONGEST: usize = 4096;
/// RFC 8725 leaves it to us; clocks of our own nodes are close.
const LEEWAY_SECONDS: i64 = 5;

#[tracing::instrument(name = "token.sign", level = "debug", skip_all)]
pub async fn sign(house: &House, kind: Kind, claims: &Claims) -> Result<String> {
    let signer = house.keys.signer(claims.tenant).await?;
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some(kind.typ().into());
    header.kid = Some(signer.id.to_string());
    jsonwebtoken::encode(&header, claims, &signer.key).map_err(crate::base::Error::internal)
}

/// Refuses whatever is not, in every part, a token that we signed for this purpose.
pub async fn read(house: &House, kind: Kind, token: &str) -> Result<Arc<Verified>> {
    let now = house.clock.now();
    let mut known = [0; 33];
    known[..32].copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    known[32] = kind as u8;
    let verified = match house.claims.get(&known) {
        Some(verified) => verified,
        None => {
            let verifying = verify(house, kind, token).instrument(debug_span!("token.verify"));
            let verified = Arc::new(verifying.await?);
            house.claims.insert(known, verified.clone());
            verified
        }
    };
    // Remembered or not: time passes, and keys fall.
    let Some(key) = house.keys.verifier(verified.key).await? else {
        return Err(INVALID_TOKEN.because("keyRevoked"));
    };
    if key.tenant != verified.claims.tenant {
        return Err(INVALID_TOKEN.because("keyOfAnotherTenant"));
    }
    within(house, &verified.claims, now)?;
    Ok(verified)
}

fn within(house: &House, claims: &Claims, now: Timestamp) -> Result<()> {
    let ended = now.seconds() >= claims.exp.saturating_add(LEEWAY_SECONDS);
    if ended || house.clock.has_outlived(claims.iat, claims.exp) {
        return Err(EXPIRED_TOKEN.error());
    }
    if claims.iat.max(claims.nbf) > now.seconds().saturating_add(LEEWAY_SECONDS) {
        // Whoever got it before the clock was set back is to refresh it, not to log in again.
        let was_now = house.clock.has_been(claims.iat);
        return Err(if was_now { EXPIRED_TOKEN.error() } else { INVALID_TOKEN.because("issuedInTheFuture") });
    }
    if claims.iat < 0 || claims.nbf < 0 || claims.exp <= claims.iat {
        return Err(INVALID_TOKEN.because("times"));
    }
    Ok(())
}

async fn verify(house: &House, kind: Kind, token: &str) -> Result<Verified> {
    let (header, payload) = parts(token).ok_or_else(|| INVALID_TOKEN.because("form"))?;
    let key = key_named_by(&header, kind).ok_or_else(|| INVALID_TOKEN.because("header"))?;
    let Some(verifier) = house.keys.verifier(key).await? else {
        return Err(INVALID_TOKEN.because("unknownKey"));
    };
    // The algorithm comes from our key record; the header was only held against it. Times are judged by our clock.
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let signed = jsonwebtoken::decode::<Value>(token, &verifier.key, &validation);
    signed.map_err(|_| INVALID_TOKEN.because("signature"))?;
    let claims: Claims = serde_json::from_value(payload).map_err(|_| INVALID_TOKEN.because("claims"))?;
    let subject_fits = match kind {
        Kind::Access => claims.session.is_some() && claims.pending.is_none(),
        Kind::Pending => claims.pending.is_some() && claims.session.is_none(),
    };
    let tenant = house.tenant(claims.tenant).await?;
    let issuer_fits = tenant.is_some_and(|tenant| tenant.issues(&claims.iss, house.clock.now()));
    // Our own API takes only what is meant for it (RFC 8725, section 3.9).
    let meant_for_us = claims.aud.contains(&claims.iss);
    if subject_fits && issuer_fits && meant_for_us && verifier.tenant == claims.tenant {
        Ok(Verified { claims, key })
    } else {
        Err(INVALID_TOKEN.because("claims"))
    }
}

/// Header and payload, read so strictly that no two readers could differ about them (RFC 8725, section 2.5 and on).
fn parts(token: &str) -> Option<(Value, Value)> {
    if token.len() > LONGEST {
        return None;
    }
    let mut parts = token.split('.');
    let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let json = |part: &str| strict::parse(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    Some((json(header)?, json(payload)?))
}

/// Exactly our own header: no algorithm but ours, nothing critical, no key or address to fetch one from.
fn key_named_by(header: &Value, kind: Kind) -> Option<SigningKeyId> {
    let header = header.as_object()?;
    if !header.keys().all(|name| matches!(name.as_str(), "alg" | "typ" | "kid")) {
        return None;
    }
    let says = |name: &str| header.get(name).and_then(Value::as_str);
    if says("alg") != Some("ES256") || says("typ") != Some(kind.typ()) {
        return None;
    }
    let kid = says("kid")?;
    let id: SigningKeyId = kid.parse().ok()?;
    // One spelling for each key, so that a remembered token is one token.
    (id.to_string() == kid).then_some(id)
}
