//! What a town weighs in its database: by what it is of, so that another town's weight can be foretold.

use super::hall::Hall;
use super::town::Town;

const PARTS: [(&str, &[&str]); 4] = [
    (
        "tenants",
        &[
            "tenants",
            "tenant_hosts",
            "clients",
            "client_origins",
            "roles",
            "role_permissions",
            "signing_keys",
        ],
    ),
    ("people", &["users", "memberships", "login_identifiers", "password_logins", "user_roles"]),
    ("sessions", &["sessions", "devices"]),
    ("records", &["audit_records", "domain_events"]),
];

/// Bytes for each tenant, person, session and login of the past.
pub struct Weighed {
    pub people: usize,
    pub whole: i64,
    pub each: [f64; 4],
}

pub fn weigh(hall: &Hall, town: &Town) -> Weighed {
    let weights = hall.weights();
    let counts = [town.tenants.len(), town.people.len(), town.sessions.len(), town.sessions.len()];
    let part = |at: usize| {
        let theirs = weights.iter().filter(|weight| PARTS[at].1.contains(&weight.name.as_str()));
        theirs.map(|weight| weight.bytes).sum::<i64>() as f64 / counts[at] as f64
    };
    let whole = weights.iter().map(|weight| weight.bytes).sum();
    Weighed { people: town.people.len(), whole, each: std::array::from_fn(part) }
}

impl Weighed {
    pub fn told(&self) -> String {
        let each = PARTS.iter().zip(self.each).map(|((name, _), bytes)| format!("{name} {bytes:.0}"));
        let each: Vec<String> = each.collect();
        format!("{} people, {} MiB; bytes each: {}", self.people, self.whole >> 20, each.join(", "))
    }
}
