//! What logins by password do inside their transactions.

use std::net::IpAddr;

use serde_json::json;

use super::entity::{self, Candidate, PasswordLogin};
use crate::base::{Email, Error, Result, TenantId};
use crate::components::line::Line;
use crate::components::mail::messages::NewDevice;
use crate::components::post::{self, Letter};
use crate::components::words::Locale;
use crate::db::tx::{Audit, Tx};
use crate::guesses::{self, Counter, KnownDevice};
use crate::identity::{App, Factors, House, LoginType, Scope, Tenant, User};
use crate::sessions::device::Device;
use crate::users::arrival::arrive;
use crate::users::{Arrival, Arrived};

/// Everything that the write of a login needs, gathered before it.
#[derive(Clone)]
pub struct Entry {
    pub house: House,
    pub app: std::sync::Arc<App>,
    pub tenant: std::sync::Arc<Tenant>,
    pub seen: Candidate,
    pub factors: Factors,
    pub device: Option<Device>,
    pub known: Option<KnownDevice>,
    pub counters: Vec<Counter>,
    pub locale: Locale,
}

/// What is counted for a guess at somebody: a known device has a budget of its own, so that strangers lock nobody out.
pub fn counters(
    house: &House,
    (tenant, email): (TenantId, &str),
    candidate: Option<&Candidate>,
    known: Option<&KnownDevice>,
) -> Result<Vec<Counter>> {
    let vault = &house.vault;
    if let Some(known) = known {
        return Ok(vec![known.counter(house)?]);
    }
    let person = match candidate {
        Some(candidate) => guesses::steps::of_user(vault, candidate.home.id, candidate.user.id)?,
        None => guesses::steps::decoy(vault, tenant, email)?,
    };
    Ok(vec![guesses::steps::of_identifier(vault, tenant, email)?, person])
}

impl Entry {
    pub fn new(scope: &Scope, seen: Candidate, known: Option<KnownDevice>) -> Result<Self> {
        let tenant = scope.tenant()?.clone();
        let languages = &tenant.settings.0.languages;
        let accepted = scope.incoming.accept_language.as_deref();
        let own = languages.first().map(String::as_str);
        let locale = Locale::negotiate(seen.user.locale.as_deref(), accepted, own);
        Ok(Self {
            house: scope.house.clone(),
            app: scope.app()?.clone(),
            tenant,
            seen,
            factors: Factors { methods: vec!["pwd".into()], of_home: true },
            device: None,
            known,
            counters: Vec::new(),
            locale,
        })
    }

    /// Locks the person and reads everything once more: who was switched off, put out of the tenant or given a new password while
    /// we were hashing finds None here.
    pub fn hold(&self, tx: &mut Tx) -> Result<Option<Candidate>> {
        let user = self.seen.user.id;
        if User::lock(tx.conn, user)?.is_none() {
            return Ok(None);
        }
        let now = Candidate::member(tx.conn, self.tenant.id, user)?;
        Ok(now.filter(|now| now.still_is(&self.seen)))
    }

    /// The same for somebody who comes in: their password must still count here.
    pub fn admit(&self, tx: &mut Tx) -> Result<Option<Candidate>> {
        Ok(self.hold(tx)?.filter(|held| held.is_accepted_at(&self.tenant)))
    }

    /// The held person gets a session, or is told what is still due. Only a full login clears the counters.
    pub fn enter(&self, tx: &mut Tx, held: Candidate) -> Result<Arrived> {
        let address = held.login.as_ref().and_then(|login| Email::parse(&login.email).ok());
        let address = address.ok_or_else(|| Error::internal("a password login without an address"))?;
        let strange = self.is_strange(tx, &held)?;
        let due = held.due().in_tenant(&self.tenant);
        let arrival = Arrival {
            user: held.user,
            address,
            login_type: LoginType::Password,
            factors: self.factors.clone(),
            device: self.device.clone(),
            locale: self.locale,
        };
        let arrived = arrive(tx, &self.house, &self.app, (&arrival, due))?;
        match &arrived {
            Arrived::In(_) => {
                guesses::steps::clear(tx, &self.counters)?;
                if strange {
                    self.notice(tx, &arrival)?;
                }
            }
            Arrived::Waiting(..) => guesses::steps::forgive(tx, &self.counters)?,
        }
        Ok(arrived)
    }

    /// Neither the device nor its neighbourhood was seen before, here or at home. The first login of all is no news to
    /// anybody.
    fn is_strange(&self, tx: &mut Tx, held: &Candidate) -> Result<bool> {
        if self.known.is_some() || held.user.last_login_at.is_none() {
            return Ok(false);
        }
        let here = tx.cause.address.as_deref().and_then(neighbourhood);
        let (user, home) = (held.user.id, held.user.tenant_id);
        let mut seen = entity::addresses(tx.conn, user, self.tenant.id)?;
        if home != self.tenant.id {
            seen.extend(entity::addresses(tx.conn, user, home)?);
        }
        Ok(!seen.iter().flatten().any(|address| neighbourhood(address) == here))
    }

    fn notice(&self, tx: &mut Tx, arrival: &Arrival) -> Result<()> {
        let cause = tx.cause;
        let message = NewDevice {
            at: tx.now,
            device: self
                .device
                .as_ref()
                .map(|d| Line::new(&d.name))
                .or(cause.user_agent.as_deref().map(Line::new)),
            address: cause.address.as_deref().map(Line::new),
        };
        let letter = Letter::new(arrival.address.clone(), self.locale, message);
        post::post(tx, &self.house.vault, &letter.named(arrival.user.name.as_deref()))?;
        tx.audit(Audit::success("password.newDevice").of("user", arrival.user.id).with(json!({})))
    }

    pub fn rehash(&self, tx: &mut Tx, fresh: Option<&str>) -> Result<()> {
        if let (Some(seen), Some(fresh)) = (self.seen.hash(), fresh) {
            PasswordLogin::rehash(tx.conn, self.seen.user.id, seen, fresh)?;
        }
        Ok(())
    }
}

/// The /24 or /48 of an address.
fn neighbourhood(address: &str) -> Option<(u8, [u8; 6])> {
    let mut prefix = [0; 6];
    let (kind, bytes) = match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => (4, v4.octets().into_iter().take(3).collect::<Vec<_>>()),
        IpAddr::V6(v6) => (6, v6.octets().into_iter().take(6).collect()),
    };
    prefix.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    Some((kind, prefix))
}
