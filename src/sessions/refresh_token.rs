//! A refresh token names its session and generation, and a MAC under the session's own seed vouches for both.
//! None is stored: whoever reads the database without the master key can make none.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::{ClientId, PlainToken, SessionId, TenantId};
use crate::identity::Session;

const PREFIX: &str = "dwr_1_";
const MAC: usize = 32;
const LENGTH: usize = 16 + 8 + MAC;

/// Read, and not yet believed.
#[derive(Debug)]
pub struct Presented {
    pub session: SessionId,
    pub generation: i64,
    mac: [u8; MAC],
}

/// What a token is bound to, beside its session and generation.
#[derive(Debug, Clone, Copy)]
struct Bound {
    tenant: TenantId,
    client: ClientId,
    session: SessionId,
    generation: i64,
}

impl Presented {
    /// One spelling only: cut, padded, re-cased or extended ones are none of ours (REF-8).
    pub fn read(token: &PlainToken) -> Option<Self> {
        let encoded = token.expose().strip_prefix(PREFIX)?;
        let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(encoded).ok()?.try_into().ok()?;
        let (session, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, mac) = rest.split_first_chunk::<8>()?;
        let generation = i64::from_be_bytes(*generation);
        // The first one is 1: what is below was never minted, and no subtraction from it can overflow.
        if generation < 1 {
            return None;
        }
        let session = SessionId::of(uuid::Uuid::from_bytes(*session));
        Some(Self { session, generation, mac: mac.try_into().ok()? })
    }

    /// In constant time.
    pub fn is_of(&self, session: &Session, seed: &[u8]) -> bool {
        let bound = Bound { generation: self.generation, ..Bound::of(session) };
        hmac::verify(&key(seed), &bound.bytes(), &self.mac).is_ok()
    }
}

/// The token of the session's current generation: the same one whenever it is asked for.
pub fn mint(session: &Session, seed: &[u8]) -> PlainToken {
    let bound = Bound::of(session);
    let mac = hmac::sign(&key(seed), &bound.bytes());
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend_from_slice(session.id.as_bytes());
    bytes.extend_from_slice(&session.generation.to_be_bytes());
    bytes.extend_from_slice(mac.as_ref());
    PlainToken::from_text(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn key(seed: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, seed)
}

impl Bound {
    fn of(session: &Session) -> Self {
        let Session { tenant_id, client_id, id, generation, .. } = session;
        Self { tenant: *tenant_id, client: *client_id, session: *id, generation: *generation }
    }

    fn bytes(self) -> Vec<u8> {
        let Self { tenant, client, session, generation } = self;
        let ids = [*tenant.as_bytes(), *client.as_bytes(), *session.as_bytes()].concat();
        [b"dwr_1".as_slice(), &ids, &generation.to_be_bytes()].concat()
    }
}
