//! What must hold within a tenant and between tenants, with the remedy in the sentence.

use std::collections::BTreeMap;

use toml::Value;

use super::{Client, ClientKind, PerEnvironment, Tenant, site};
use crate::base::FieldError;
use crate::base::identifier::{ADMIN, is_permission, is_role};
use crate::components::config::Environment;

type Errors = Vec<FieldError>;

pub fn check(tenants: &[Tenant], errors: &mut Errors) {
    let mut taken = Taken::default();
    for (at, tenant) in tenants.iter().enumerate() {
        let path = format!("tenants[{at}]");
        head(&path, tenant, errors);
        settings(&path, tenant, errors);
        roles(&path, tenant, errors);
        clients(&path, tenant, errors);
        taken.tenant(&path, tenant, errors);
    }
    for (at, tenant) in tenants.iter().enumerate() {
        taken.origins(&format!("tenants[{at}]"), tenant, errors);
    }
}

fn roles(path: &str, tenant: &Tenant, errors: &mut Errors) {
    for (role, permissions) in &tenant.roles {
        let at = format!("{path}.roles.{role}");
        if role == ADMIN || !is_role(role) {
            let why = "must be 1 to 64 of a-z, 0-9, -, _, . and :, and not admin, which every tenant has";
            refuse(errors, at.clone(), "validator.pattern", why);
        }
        for wrong in permissions.iter().filter(|permission| !is_permission(permission)) {
            let why = format!("{wrong:?} is no permission, as in shop:order:refund");
            refuse(errors, at.clone(), "validator.pattern", why);
        }
    }
}

/// A control character can break a header, a mail or a log line.
pub fn refuse_control(path: &str, value: &Value, errors: &mut Errors) {
    match value {
        Value::String(text) if text.contains(char::is_control) => {
            refuse(errors, path.to_owned(), "validator.control", "must not hold control characters");
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, item)| refuse_control(&format!("{path}[{at}]"), item, errors));
        }
        Value::Table(table) if !path.ends_with("].data") => {
            table.iter().for_each(|(key, item)| refuse_control(&format!("{path}.{key}"), item, errors));
        }
        _ => {}
    }
}

fn head(path: &str, tenant: &Tenant, errors: &mut Errors) {
    let at = |key: &str| format!("{path}.{key}");
    if !is_name(&tenant.name) {
        refuse(
            errors,
            at("name"),
            "validator.pattern",
            "must be 1 to 63 of a-z, 0-9 and -, and begin with a letter",
        );
    }
    required(errors, at("display_name"), &tenant.display_name);
    if tenant.public_url.is_empty() {
        refuse(errors, at("public_url"), "validator.required", "is required for at least one environment");
    }
    each(&at("public_url"), &tenant.public_url, errors, |url| site::base(url).err());
    each(&at("issuer"), &tenant.issuer, errors, |url| site::base(url).err());
    lists(&at("api_hosts"), &tenant.api_hosts, errors, |host| site::host(host).err());
    let elsewhere = tenant.issuer.keys().chain(tenant.api_hosts.keys());
    for environment in elsewhere.filter(|environment| !tenant.public_url.contains_key(environment)) {
        let missing = format!("is required, since the tenant has other values for {environment}");
        refuse(errors, at(&format!("public_url.{environment}")), "validator.required", missing);
    }
}

fn settings(path: &str, tenant: &Tenant, errors: &mut Errors) {
    let settings = &tenant.settings;
    let at = |key: &str| format!("{path}.settings.{key}");
    for (i, name) in settings.sign_in_at.iter().enumerate() {
        if !is_name(name) || *name == tenant.name {
            refuse(
                errors,
                at(&format!("sign_in_at[{i}]")),
                "validator.pattern",
                "must be the name of another tenant",
            );
        }
    }
    if settings.languages.is_empty() {
        refuse(errors, at("languages"), "validator.required", "must name at least one language");
    }
    for (i, language) in settings.languages.iter().enumerate().filter(|(_, language)| !is_language(language))
    {
        let wrong = format!("{language:?} is not a language as in \"nl\" or \"nl-BE\"");
        refuse(errors, at(&format!("languages[{i}]")), "validator.pattern", wrong);
    }
    for (name, _) in settings.colours.iter().filter(|(name, colour)| !is_name(name) || !is_colour(colour)) {
        refuse(
            errors,
            at(&format!("colours.{name}")),
            "validator.pattern",
            "must be a colour as in \"#1a2b3c\"",
        );
    }
    if let Some(sender) = &settings.sender {
        required(errors, at("sender.name"), &sender.name);
        if sender.address.parse::<lettre::Address>().is_err() {
            refuse(errors, at("sender.address"), "validator.email.invalid", "must be a mail address");
        }
    }
}

fn clients(path: &str, tenant: &Tenant, errors: &mut Errors) {
    for (at, one) in tenant.clients.iter().enumerate() {
        client(&format!("{path}.clients[{at}]"), (tenant, one), errors);
    }
    let mut defaults = tenant.clients.iter().filter(|client| client.default);
    match (defaults.next(), defaults.next()) {
        (None, _) => {
            refuse(errors, format!("{path}.clients"), "validator.required", "one client must be the default")
        }
        (_, Some(_)) => {
            refuse(errors, format!("{path}.clients"), "validator.duplicate", "only one may be the default")
        }
        (Some(one), None) if one.kind.is_some_and(|kind| kind != ClientKind::Browser) => {
            refuse(
                errors,
                format!("{path}.clients"),
                "validator.kind",
                "the default client must be of kind browser",
            );
        }
        _ => {}
    }
}

fn client(path: &str, (tenant, client): (&Tenant, &Client), errors: &mut Errors) {
    let at = |key: &str| format!("{path}.{key}");
    if !is_public_id(&client.public_id) {
        let why = "must be 1 to 64 of a-z, 0-9, - and _: it is part of a cookie's name";
        refuse(errors, at("public_id"), "validator.pattern", why);
    }
    required(errors, at("name"), &client.name);
    if client.kind.is_none() {
        refuse(errors, at("kind"), "validator.required", "must be browser, native or server");
    }
    lists(&at("origins"), &client.origins, errors, |origin| site::origin(origin).err());
    lists(&at("continue_urls"), &client.continue_urls, errors, |url| site::address(url).err());
    if client.kind == Some(ClientKind::Server) && !client.origins.is_empty() {
        refuse(
            errors,
            at("origins"),
            "validator.kind",
            "a server client calls without an origin; leave them out",
        );
    }
    if client.kind == Some(ClientKind::Browser) {
        same_site(&at("origins"), (tenant, client), errors);
    }
    for (i, _) in client.audiences.iter().enumerate().filter(|(_, name)| !is_audience(name)) {
        refuse(
            errors,
            at(&format!("audiences[{i}]")),
            "validator.pattern",
            "must be a name or URL without spaces",
        );
    }
    let lifetimes = client.lifetimes;
    if lifetimes.refresh_idle.zip(lifetimes.refresh_absolute).is_some_and(|(idle, absolute)| idle > absolute)
    {
        let why = "must not be longer than refresh_absolute";
        refuse(errors, at("lifetimes.refresh_idle"), "validator.range", why);
    }
}

/// The refresh cookie is `SameSite=Strict`: from another site the browser would never send it, and people would
/// be logged out at every reload.
fn same_site(path: &str, (tenant, client): (&Tenant, &Client), errors: &mut Errors) {
    for (environment, origins) in &client.origins {
        let hosts = hosts(tenant, *environment);
        for (i, text) in origins.iter().enumerate() {
            let Ok(origin) = site::origin(text) else { continue };
            if !hosts.is_empty() && !hosts.iter().any(|host| site::is_same(host, &origin)) {
                let why = format!(
                    "{text} is not of the same site as an API host of this tenant, so its refresh cookie would never \
                     be sent. Give the API a host below the same registered domain (say api.{}) in api_hosts.{environment}, \
                     serve the app from there, or proxy the API under the app's own host",
                    site::registered(&origin),
                );
                refuse(errors, format!("{path}.{environment}[{i}]"), "validator.sameSite", why);
            }
        }
    }
}

/// Where a browser calls this tenant: its API hosts, or without any its public URL.
fn hosts(tenant: &Tenant, environment: Environment) -> Vec<url::Url> {
    let named = tenant.api_hosts.get(&environment).filter(|hosts| !hosts.is_empty());
    match named {
        Some(hosts) => hosts.iter().filter_map(|host| site::host(host).ok()).collect(),
        None => {
            tenant.public_url.get(&environment).and_then(|url| site::base(url).ok()).into_iter().collect()
        }
    }
}

/// What may be only one's: the value, by what it is and where, to the path that had it first.
#[derive(Default)]
struct Taken(BTreeMap<(&'static str, Option<Environment>, String), String>);

impl Taken {
    fn tenant(&mut self, path: &str, tenant: &Tenant, errors: &mut Errors) {
        self.take(("tenant name", None, &tenant.name), format!("{path}.name"), errors);
        for environment in tenant.public_url.keys().copied() {
            let issuer = tenant.issuer(environment).unwrap_or_default();
            self.take(("issuer", Some(environment), issuer), format!("{path}.issuer.{environment}"), errors);
        }
        for (environment, hosts) in &tenant.api_hosts {
            for (i, host) in hosts.iter().enumerate() {
                let here = format!("{path}.api_hosts.{environment}[{i}]");
                self.take(("API host", Some(*environment), host), here, errors);
            }
        }
        for (i, client) in tenant.clients.iter().enumerate() {
            let here = format!("{path}.clients[{i}].public_id");
            self.take(("public id", None, &client.public_id), here, errors);
        }
    }

    fn take(
        &mut self,
        (what, environment, value): (&'static str, Option<Environment>, &str),
        path: String,
        errors: &mut Errors,
    ) {
        if value.is_empty() {
            return;
        }
        match self.0.get(&(what, environment, value.to_owned())) {
            Some(first) => {
                refuse(errors, path, "validator.duplicate", format!("the {what} {value} is taken by {first}"))
            }
            None => _ = self.0.insert((what, environment, value.to_owned()), path),
        }
    }

    /// A page on another tenant's API host could act there as that tenant's own.
    fn origins(&self, path: &str, tenant: &Tenant, errors: &mut Errors) {
        for (i, client) in tenant.clients.iter().enumerate() {
            for (environment, origins) in &client.origins {
                for (j, origin) in origins.iter().enumerate() {
                    let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
                    let owner = self.0.get(&("API host", Some(*environment), host.to_owned()));
                    if let Some(owner) = owner.filter(|owner| !owner.starts_with(&format!("{path}."))) {
                        let here = format!("{path}.clients[{i}].origins.{environment}[{j}]");
                        let why = format!("{origin} is on an API host of another tenant, {owner}");
                        refuse(errors, here, "validator.duplicate", why);
                    }
                }
            }
        }
    }
}

fn each(
    path: &str,
    values: &PerEnvironment<String>,
    errors: &mut Errors,
    wrong: fn(&str) -> Option<&'static str>,
) {
    for (environment, value) in values {
        if let Some(why) = wrong(value) {
            refuse(errors, format!("{path}.{environment}"), "validator.url.invalid", why);
        }
    }
}

fn lists(
    path: &str,
    values: &PerEnvironment<Vec<String>>,
    errors: &mut Errors,
    wrong: fn(&str) -> Option<&'static str>,
) {
    for (environment, values) in values {
        for (i, why) in values.iter().enumerate().filter_map(|(i, value)| Some((i, wrong(value)?))) {
            refuse(errors, format!("{path}.{environment}[{i}]"), "validator.url.invalid", why);
        }
    }
}

fn required(errors: &mut Errors, path: String, value: &str) {
    if value.trim().is_empty() {
        refuse(errors, path, "validator.required", "is required");
    }
}

/// One complaint for each path is enough: what was left out for its type is not missing as well.
fn refuse(
    errors: &mut Errors,
    path: String,
    key: &'static str,
    why: impl Into<std::borrow::Cow<'static, str>>,
) {
    if !errors.iter().any(|error| error.path == path) {
        errors.push(FieldError::new(path, key, why));
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(plain)
}

/// It becomes a part of a cookie's name and of header values, so it holds nothing that ends one (WEB-8).
pub fn is_public_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    (1..=64).contains(&text.len()) && text.chars().all(plain)
}

fn is_audience(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

fn is_language(text: &str) -> bool {
    let (language, region) = text.split_once('-').unwrap_or((text, "XX"));
    let lower = language.chars().all(|c| c.is_ascii_lowercase());
    let upper = region.chars().all(|c| c.is_ascii_uppercase());
    (2..=3).contains(&language.len()) && lower && region.len() == 2 && upper
}

fn is_colour(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or_default();
    digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit())
}
