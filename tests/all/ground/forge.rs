//! A forger who holds a tenant's own signing key: what it refuses of theirs, it refuses for its form alone.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use doorward::base::SigningKeyId;
use doorward::components::vault::Place;
use doorward::db::schema::signing_keys;
use serde_json::Value;

use super::app::{App, Door};

pub struct Forger {
    pub kid: SigningKeyId,
    pub pair: EcdsaKeyPair,
    /// Of an honest token: name and JSON text.
    pub claims: Vec<(String, String)>,
}

impl Forger {
    /// Takes the key out of the vault, and the claims out of a token.
    pub fn of(app: &App, door: &Door, access: &str) -> Self {
        let row: (SigningKeyId, Vec<u8>) = signing_keys::table
            .filter(signing_keys::tenant_id.eq(door.tenant))
            .select((signing_keys::id, signing_keys::private_sealed))
            .first(&mut app.ground.connect())
            .unwrap();
        let place = Place {
            tenant: Some(door.tenant),
            table: "signing_keys",
            column: "private_sealed",
            row: row.0.0,
        };
        let private = app.running.house.vault.open(&place, &row.1).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private).unwrap();
        Self { kid: row.0, pair, claims: claims(access) }
    }

    pub fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub fn header(&self) -> String {
        format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{}"}}"#, self.kid)
    }

    /// The claims as JSON, with some of them written otherwise; `None` leaves one out.
    pub fn payload(&self, changed: &[(&str, Option<&str>)]) -> String {
        let mut claims = self.claims.clone();
        for (name, text) in changed {
            claims.retain(|(known, _)| known != name);
            claims.extend(text.map(|text| ((*name).to_owned(), text.to_owned())));
        }
        let members: Vec<String> = claims.iter().map(|(name, text)| format!("\"{name}\":{text}")).collect();
        format!("{{{}}}", members.join(","))
    }

    /// Signed truly, whatever it says.
    pub fn token(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        with_signature(&signed, signature.as_ref())
    }

    pub fn with(&self, changed: &[(&str, Option<&str>)]) -> String {
        self.token(&self.header(), &self.payload(changed))
    }
}

pub fn with_signature(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub fn claims(token: &str) -> Vec<(String, String)> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    payload.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
}

pub fn claim(token: &str, name: &str) -> String {
    claims(token).into_iter().find(|(known, _)| known == name).unwrap().1.trim_matches('"').to_owned()
}
