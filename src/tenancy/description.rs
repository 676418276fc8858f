//! A tenant as the tenants file tells it: what a plan compares, an apply brings about and an export writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::components::config::Environment;
use crate::components::tenants_file::{self as file, TenantsFile};
use crate::identity::client::ClientSettings;
use crate::identity::tenant::TenantSettings;
use crate::identity::{ClientKind, SignUp};

#[derive(Debug, Clone, PartialEq)]
pub struct TenantDescription {
    pub name: String,
    pub display_name: String,
    pub issuer: String,
    pub public_url: String,
    pub hosts: BTreeSet<String>,
    pub data: Value,
    pub settings: TenantSettings,
    /// What each role holds that the tenant's admins cannot edit, but for the admin's own.
    pub roles: BTreeMap<String, BTreeSet<String>>,
    /// By public id.
    pub clients: BTreeMap<String, ClientDescription>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ClientDescription {
    pub name: String,
    pub kind: ClientKind,
    pub is_default: bool,
    pub origins: BTreeSet<String>,
    pub continue_urls: Vec<String>,
    pub audiences: Vec<String>,
    pub settings: ClientSettings,
}

/// The tenants that exist in an environment, by name.
pub fn of_file(file: &TenantsFile, environment: Environment) -> BTreeMap<String, TenantDescription> {
    let here = |tenant: &file::Tenant| Some((tenant.name.clone(), of_tenant(tenant, environment)?));
    file.tenants.iter().filter_map(here).collect()
}

fn of_tenant(tenant: &file::Tenant, environment: Environment) -> Option<TenantDescription> {
    let clients = tenant.clients.iter();
    Some(TenantDescription {
        name: tenant.name.clone(),
        display_name: tenant.display_name.clone(),
        issuer: tenant.issuer(environment)?.to_owned(),
        public_url: tenant.public_url.get(&environment)?.clone(),
        hosts: tenant.api_hosts.get(&environment).into_iter().flatten().cloned().collect(),
        data: Value::Object(tenant.data.clone()),
        settings: of_settings(&tenant.settings),
        roles: tenant
            .roles
            .iter()
            .map(|(role, held)| (role.clone(), held.iter().cloned().collect()))
            .collect(),
        clients: clients.map(|client| (client.public_id.clone(), of_client(client, environment))).collect(),
    })
}

fn of_settings(settings: &file::Settings) -> TenantSettings {
    let sender = settings.sender.as_ref();
    TenantSettings {
        sign_up: match settings.sign_up {
            file::SignUp::Open => SignUp::Open,
            file::SignUp::Invitation => SignUp::Invitation,
            file::SignUp::Closed => SignUp::Closed,
        },
        sign_in_at: settings.sign_in_at.clone(),
        languages: settings.languages.clone(),
        accent: settings.colours.get("brand").cloned(),
        colours: settings.colours.clone(),
        sender: sender.map(|sender| format!("{} <{}>", sender.name, sender.address)),
        password_minimum: settings.password_minimum.map(std::num::NonZeroU32::get),
        email_code: settings.email_code,
        former_issuers: Vec::new(),
    }
}

fn of_client(client: &file::Client, environment: Environment) -> ClientDescription {
    let seconds = |given: Option<std::num::NonZeroU32>| given.map(|seconds| u64::from(seconds.get()));
    ClientDescription {
        name: client.name.clone(),
        kind: match client.kind {
            Some(file::ClientKind::Native) => ClientKind::Native,
            Some(file::ClientKind::Server) => ClientKind::Server,
            Some(file::ClientKind::Browser) | None => ClientKind::Browser,
        },
        is_default: client.default,
        origins: client.origins.get(&environment).into_iter().flatten().cloned().collect(),
        continue_urls: client.continue_urls.get(&environment).cloned().unwrap_or_default(),
        audiences: client.audiences.clone(),
        settings: ClientSettings {
            access_seconds: seconds(client.lifetimes.access),
            refresh_idle_seconds: seconds(client.lifetimes.refresh_idle),
            refresh_absolute_seconds: seconds(client.lifetimes.refresh_absolute),
        },
    }
}

/// The tenants as a file that a plan finds equal; only this environment's addresses stand in it.
pub fn to_file(
    tenants: &BTreeMap<String, TenantDescription>,
    environment: Environment,
) -> Result<String, String> {
    let tenants: Vec<Value> = tenants.values().map(|tenant| tenant_table(tenant, environment)).collect();
    let text = toml::Value::try_from(json!({ "tenants": tenants })).map_err(|error| error.to_string())?;
    toml::to_string_pretty(&text).map_err(|error| error.to_string())
}

fn tenant_table(tenant: &TenantDescription, environment: Environment) -> Value {
    let here = environment.to_string();
    let mut table = Map::new();
    table.insert("name".into(), json!(tenant.name));
    table.insert("display_name".into(), json!(tenant.display_name));
    table.insert("public_url".into(), json!({ &here: tenant.public_url }));
    if tenant.issuer != tenant.public_url {
        table.insert("issuer".into(), json!({ &here: tenant.issuer }));
    }
    if !tenant.hosts.is_empty() {
        table.insert("api_hosts".into(), json!({ &here: tenant.hosts }));
    }
    table.insert("settings".into(), settings_table(&tenant.settings));
    if !tenant.roles.is_empty() {
        table.insert("roles".into(), json!(tenant.roles));
    }
    if tenant.data.as_object().is_some_and(|data| !data.is_empty()) {
        table.insert("data".into(), tenant.data.clone());
    }
    let clients = tenant.clients.iter().map(|(id, client)| client_table(id, client, &here));
    table.insert("clients".into(), clients.collect());
    Value::Object(table)
}

fn settings_table(settings: &TenantSettings) -> Value {
    let mut table = Map::new();
    table.insert("sign_up".into(), json!(settings.sign_up));
    table.insert("languages".into(), json!(settings.languages));
    if !settings.sign_in_at.is_empty() {
        table.insert("sign_in_at".into(), json!(settings.sign_in_at));
    }
    let mut colours = settings.colours.clone();
    if let Some(accent) = &settings.accent {
        colours.insert("brand".into(), accent.clone());
    }
    if !colours.is_empty() {
        table.insert("colours".into(), json!(colours));
    }
    if let Some((name, address)) = settings.sender.as_deref().and_then(|sender| sender.split_once(" <")) {
        let address = address.trim_end_matches('>');
        table.insert("sender".into(), json!({ "name": name, "address": address }));
    }
    if let Some(minimum) = settings.password_minimum {
        table.insert("password_minimum".into(), json!(minimum));
    }
    if settings.email_code {
        table.insert("email_code".into(), json!(true));
    }
    Value::Object(table)
}

fn client_table(id: &str, client: &ClientDescription, here: &str) -> Value {
    let mut table = Map::new();
    table.insert("public_id".into(), json!(id));
    table.insert("name".into(), json!(client.name));
    table.insert("kind".into(), json!(client.kind));
    if client.is_default {
        table.insert("default".into(), json!(true));
    }
    if !client.origins.is_empty() {
        table.insert("origins".into(), json!({ here: client.origins }));
    }
    if !client.continue_urls.is_empty() {
        table.insert("continue_urls".into(), json!({ here: client.continue_urls }));
    }
    if !client.audiences.is_empty() {
        table.insert("audiences".into(), json!(client.audiences));
    }
    let ours = &client.settings;
    let lifetimes = [
        ("access", ours.access_seconds),
        ("refresh_idle", ours.refresh_idle_seconds),
        ("refresh_absolute", ours.refresh_absolute_seconds),
    ];
    let lifetimes: Map<String, Value> =
        lifetimes.into_iter().filter_map(|(name, given)| Some((name.to_owned(), json!(given?)))).collect();
    if !lifetimes.is_empty() {
        table.insert("lifetimes".into(), Value::Object(lifetimes));
    }
    Value::Object(table)
}
