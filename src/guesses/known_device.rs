//! A known device: a signed secret from an earlier full login, which buys guesses of its own and nothing else.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::entity::Counter;
use super::steps;
use crate::base::{PlainToken, Result, TenantId, Timestamp, UserId};
use crate::http::{Cookie, SameSite};
use crate::identity::{ClientKind, House, Scope};

const PREFIX: &str = "dwd_1_";
const PURPOSE: &str = "known-device";
const VALID: Duration = Duration::from_secs(180 * 24 * 3600);
/// A younger one is kept, so that a device does not gather budgets.
const RENEWED_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

/// One that was checked: ours, of this tenant, in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownDevice {
    pub tenant: TenantId,
    pub user: UserId,
    random: [u8; 16],
    issued: Timestamp,
}

impl KnownDevice {
    pub fn new(house: &House, tenant: TenantId, user: UserId) -> Self {
        let mut random = [0; 16];
        random.iter_mut().zip(house.random.bytes32()).for_each(|(to, from)| *to = from);
        Self { tenant, user, random, issued: house.clock.now() }
    }

    pub fn token(&self, house: &House) -> Result<PlainToken> {
        let body = self.body();
        let mac = house.vault.mac(PURPOSE, Some(self.tenant), &body)?;
        Ok(PlainToken::from_text(format!(
            "{PREFIX}{}",
            URL_SAFE_NO_PAD.encode([body, mac.to_vec()].concat())
        )))
    }

    fn body(&self) -> Vec<u8> {
        [self.user.as_bytes().as_slice(), &self.random, &self.issued.seconds().to_be_bytes()].concat()
    }

    pub fn read(house: &House, tenant: TenantId, token: &PlainToken) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.expose().strip_prefix(PREFIX)?).ok()?;
        let (body, mac) = bytes.split_at_checked(40)?;
        if !house.vault.mac_matches(PURPOSE, Some(tenant), body, mac).ok()? {
            return None;
        }
        let (user, rest) = body.split_first_chunk::<16>()?;
        let (random, issued) = rest.split_first_chunk::<16>()?;
        let issued = Timestamp::from_seconds(i64::from_be_bytes(issued.try_into().ok()?));
        let known = Self { tenant, user: UserId::of(uuid::Uuid::from_bytes(*user)), random: *random, issued };
        (house.clock.now().since(issued) < VALID).then_some(known)
    }

    /// What the request brings: a browser's only from its cookie, an app's only from its body.
    pub fn presented(scope: &Scope, body: Option<&PlainToken>) -> Option<Self> {
        let app = scope.app().ok()?;
        let tenant = scope.tenant_id().ok()?;
        if app.client.kind != ClientKind::Browser {
            return Self::read(&scope.house, tenant, body?);
        }
        let cookie = scope.incoming.cookie(&cookie_name(scope).ok()?)?;
        Self::read(&scope.house, tenant, &PlainToken::from_text(cookie))
    }

    /// This one, unless it grows old.
    pub fn renewed(self, house: &House) -> Self {
        if house.clock.now().since(self.issued) < RENEWED_AFTER {
            self
        } else {
            Self::new(house, self.tenant, self.user)
        }
    }

    pub fn counter(&self, house: &House) -> Result<Counter> {
        steps::of_device(&house.vault, self.tenant, &[self.user.as_bytes().as_slice(), &self.random].concat())
    }

    pub fn cookie(&self, scope: &Scope) -> Result<Cookie> {
        let value = self.token(&scope.house)?.expose().to_string();
        let secure = !scope.house.config.environment.is_development();
        let (name, same_site, max_age) = (cookie_name(scope)?, SameSite::Strict, VALID.as_secs());
        Ok(Cookie { name, value, secure, same_site, max_age })
    }
}

fn cookie_name(scope: &Scope) -> Result<String> {
    let prefix = if scope.house.config.environment.is_development() { "" } else { "__Host-" };
    Ok(format!("{prefix}dwd-{}", scope.app()?.client.public_id))
}
