//! What a tenant asks of a new password, and where a page may send a person on to.

use crate::base::error::INVALID;
use crate::base::{Error, FieldError, NewPassword, Policy, Result};
use crate::identity::{App, Tenant};

/// What the pages tell: the tenant's floor, which it may raise and never lower.
pub fn minimum(tenant: &Tenant) -> usize {
    tenant.shortest_password()
}

/// Refuses with `validator.error`, saying what is wrong with `$.password`.
pub fn check(tenant: &Tenant, password: &NewPassword, person: &[&str]) -> Result<()> {
    let mut words = vec![tenant.name.as_str(), tenant.display_name.as_str()];
    words.extend(person);
    let policy = Policy { minimum: minimum(tenant), words: &words };
    password.check(&policy).map_err(|error| at("$.password", error))
}

/// The same for words of a person who is known only once their proof has been used: before that, a refusal would tell a
/// stranger their name.
pub fn check_personal(tenant: &Tenant, password: &NewPassword, person: &[&str]) -> Result<()> {
    let mut words = vec![tenant.name.as_str(), tenant.display_name.as_str()];
    words.extend(person);
    password.check_personal(&words).map_err(|error| at("$.password", error))
}

/// Only what the client lists, byte for byte: a prefix or a pattern is how open redirects begin (WEB-7).
pub fn onward(app: &App, wanted: Option<&str>) -> Result<Option<String>> {
    let Some(wanted) = wanted else { return Ok(None) };
    if app.client.continue_urls.0.iter().any(|listed| listed == wanted) {
        return Ok(Some(wanted.to_string()));
    }
    let detail = "The client does not list this address among its `continueUrls`.";
    Err(at("$", FieldError::new("$.continueUrl", "validator.oneOf", detail)))
}

fn at(path: &str, error: FieldError) -> Error {
    let path = if error.path.is_empty() { path.to_string() } else { error.path };
    INVALID.with(vec![FieldError { path, ..error }])
}
