//! The limiter's classes, from the settings: what may be asked how often.

use std::time::Duration;

use crate::components::config::Config;
use crate::components::limiter::Class;

/// Counted by the caller's address: for its network, and for the IPv6 site around it.
pub type ByAddress = (&'static str, &'static str);

pub const ADDRESS: ByAddress = ("address", "address-site");
pub const GUESSES: ByAddress = ("guess-address", "guess-address-site");
pub const SIGN_UPS: ByAddress = ("sign-up", "sign-up-site");

pub fn classes(config: &Config) -> Vec<Class> {
    let limits = &config.limits;
    let per = |name, count: u32, window: Duration| Class { name, burst: count, refill: window / count };
    let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
    // As many as eight networks of one site may ask for together.
    let wide = |name, count: u32, window| per(name, count.saturating_mul(8), window);
    vec![
        wide(ADDRESS.1, limits.address_per_minute.get(), minute),
        wide(GUESSES.1, limits.guesses_per_address_per_minute.get(), minute),
        wide(SIGN_UPS.1, limits.sign_ups_per_address_per_hour.get(), hour),
        per(ADDRESS.0, limits.address_per_minute.get(), minute),
        per("tenant", limits.tenant_per_minute.get(), minute),
        per(GUESSES.0, limits.guesses_per_address_per_minute.get(), minute),
        per("guess-tenant", limits.guesses_per_tenant_per_minute.get(), minute),
        per(SIGN_UPS.0, limits.sign_ups_per_address_per_hour.get(), hour),
        per("mail", limits.mails_per_address_per_hour.get(), hour),
        // Of a tenant: an action in a loop fills nobody's mailbox.
        per("action-mail", 200, hour),
        // Of an inbound webhook: its sender is known by its signature, and may still be a loop.
        per("inbound", 600, minute),
    ]
}
