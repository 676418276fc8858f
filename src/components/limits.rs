//! The limiter's classes, from the settings: what may be asked how often.

use std::time::Duration;

use crate::components::config::Config;
use crate::components::limiter::Class;

pub fn classes(config: &Config) -> Vec<Class> {
    let limits = &config.limits;
    let per = |name, count: u32, window: Duration| Class { name, burst: count, refill: window / count };
    let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
    vec![
        per("address", limits.address_per_minute.get(), minute),
        per("tenant", limits.tenant_per_minute.get(), minute),
        per("guess-address", limits.guesses_per_address_per_minute.get(), minute),
        per("guess-tenant", limits.guesses_per_tenant_per_minute.get(), minute),
        per("sign-up", limits.sign_ups_per_address_per_hour.get(), hour),
        per("mail", limits.mails_per_address_per_hour.get(), hour),
    ]
}
