//! `config/tenants.toml`: which tenants there are, where they answer, and which clients they have.

mod check;
pub use check::is_public_id;
pub mod site;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;
use serde_json::Map;
use toml::{Table, Value};

use crate::base::FieldError;
use crate::components::config::{Environment, shape};

pub type PerEnvironment<T> = BTreeMap<Environment, T>;

#[derive(Clone, Debug, PartialEq)]
pub struct TenantsFile {
    pub tenants: Vec<Tenant>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tenant {
    pub name: String,
    pub display_name: String,
    /// Where it is missing, the public URL is the issuer.
    pub issuer: PerEnvironment<String>,
    /// A tenant without one does not exist in that environment.
    pub public_url: PerEnvironment<String>,
    /// `host` or `host:port`, each this tenant's alone.
    pub api_hosts: PerEnvironment<Vec<String>>,
    pub settings: Settings,
    /// Roles that the tenant's admins give and cannot edit, each with its permissions.
    pub roles: BTreeMap<String, Vec<String>>,
    /// The tenant's own; nothing here reads it.
    pub data: Map<String, serde_json::Value>,
    #[serde(skip)]
    pub clients: Vec<Client>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub sign_up: SignUp,
    /// The tenants that take a password of this one.
    pub sign_in_at: Vec<String>,
    /// The first is the tenant's own.
    pub languages: Vec<String>,
    pub colours: BTreeMap<String, String>,
    pub sender: Option<Sender>,
    /// Characters of a password, where the instance asks for fewer.
    pub password_minimum: Option<NonZeroU32>,
    /// Every password login asks for a code that is mailed.
    pub email_code: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignUp {
    Open,
    Invitation,
    Closed,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sender {
    pub name: String,
    pub address: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    pub public_id: String,
    pub name: String,
    pub kind: Option<ClientKind>,
    pub default: bool,
    pub origins: PerEnvironment<Vec<String>>,
    pub continue_urls: PerEnvironment<Vec<String>>,
    pub audiences: Vec<String>,
    pub lifetimes: ClientLifetimes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientKind {
    Browser,
    Native,
    Server,
}

/// In seconds; where one is missing, the instance's holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientLifetimes {
    pub access: Option<NonZeroU32>,
    pub refresh_idle: Option<NonZeroU32>,
    pub refresh_absolute: Option<NonZeroU32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sign_up: SignUp::Invitation,
            sign_in_at: Vec::new(),
            languages: vec!["en".to_owned()],
            colours: BTreeMap::new(),
            sender: None,
            password_minimum: None,
            email_code: false,
        }
    }
}

impl TenantsFile {
    /// The file's text, checked as a whole; all that is wrong with it comes back at once, each with its path.
    pub fn parse(text: &str) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut tenants = Vec::new();
        let table = text.parse::<Table>().map_err(|error| vec![unreadable(text, &error)])?;
        for (key, value) in table {
            match value {
                Value::Array(items) if key == "tenants" => {
                    let read = |(at, item)| tenant(&format!("tenants[{at}]"), item, &mut errors);
                    tenants = items.into_iter().enumerate().map(read).collect();
                }
                _ => errors.push(FieldError::new(key, "validator.unknown", "only [[tenants]] stand here")),
            }
        }
        check::check(&tenants, &mut errors);
        if errors.is_empty() { Ok(Self { tenants }) } else { Err(errors) }
    }

    /// The origins that any client may call from there.
    pub fn origins(&self, environment: Environment) -> Vec<String> {
        let clients = self.tenants.iter().flat_map(|tenant| &tenant.clients);
        clients.filter_map(|client| client.origins.get(&environment)).flatten().cloned().collect()
    }
}

impl Tenant {
    pub fn issuer(&self, environment: Environment) -> Option<&str> {
        self.issuer.get(&environment).or_else(|| self.public_url.get(&environment)).map(String::as_str)
    }
}

fn unreadable(text: &str, error: &toml::de::Error) -> FieldError {
    let before = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(before).filter(|byte| *byte == b'\n').count();
    FieldError::new(format!("line {line}"), "validator.toml", error.message().to_owned())
}

fn tenant(path: &str, item: Value, errors: &mut Vec<FieldError>) -> Tenant {
    let mut head = table(path, item, errors);
    let clients = match head.remove("clients") {
        Some(Value::Array(items)) => items,
        None => Vec::new(),
        Some(_) => {
            errors.push(FieldError::new(
                format!("{path}.clients"),
                "validator.type",
                "must be [[tenants.clients]]",
            ));
            Vec::new()
        }
    };
    let mut tenant: Tenant = shaped(path, head, errors);
    let read = |(at, item)| {
        let path = format!("{path}.clients[{at}]");
        shaped(&path, table(&path, item, errors), errors)
    };
    tenant.clients = clients.into_iter().enumerate().map(read).collect();
    tenant
}

fn table(path: &str, item: Value, errors: &mut Vec<FieldError>) -> Table {
    match item {
        Value::Table(table) => table,
        _ => {
            errors.push(FieldError::new(path, "validator.type", "must be a table"));
            Table::new()
        }
    }
}

fn shaped<T: serde::de::DeserializeOwned + Default>(
    path: &str,
    table: Table,
    errors: &mut Vec<FieldError>,
) -> T {
    for (key, value) in table.iter() {
        check::refuse_control(&format!("{path}.{key}"), value, errors);
    }
    let shaped = shape::<T>(table, &Table::new());
    let complaint =
        |(key, reason): (String, String)| FieldError::new(format!("{path}.{key}"), "validator.type", reason);
    errors.extend(shaped.complaints.into_iter().map(complaint));
    shaped.value.unwrap_or_default()
}

#[cfg(test)]
mod tests;
