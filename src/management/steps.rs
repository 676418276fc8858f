//! A tenant with everything that it cannot be without.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::Described;
use crate::base::Result;
use crate::db::tx::Tx;
use crate::identity::{Client, Tenant};
use crate::permissions::{self, steps::Settled};
use crate::tenancy;
use crate::tenancy::description::{ClientDescription, TenantDescription};
use crate::tenancy::steps::{self, NewClient, NewTenant};

/// The tenant, its hosts and its mandatory roles.
pub fn create_tenant(tx: &mut Tx, new: &NewTenant) -> Result<Tenant> {
    let tenant = steps::create(tx, new)?;
    permissions::steps::mandatory_roles(tx, tenant.id)?;
    Ok(tenant)
}

/// Brings the tenants to what is wanted, as a plan has told it. What is not wanted is left, but hosts and origins when
/// pruning.
pub fn bring_about(tx: &mut Tx, wanted: &Described, prune: bool) -> Result<()> {
    let now = tenancy::entity::described(tx.conn)?;
    for (name, tenant) in wanted {
        match now.get(name) {
            Some(before) if before == tenant => {}
            before => bring_about_one(tx, before, tenant, prune)?,
        }
    }
    Ok(())
}

fn bring_about_one(
    tx: &mut Tx,
    before: Option<&TenantDescription>,
    wanted: &TenantDescription,
    prune: bool,
) -> Result<()> {
    let tenant = match Tenant::named(tx.conn, &wanted.name)? {
        Some(tenant) => tenant,
        None => create_tenant(tx, &new_tenant(wanted))?,
    };
    if let Some(before) = before {
        if !is_edited_alike(before, wanted) {
            steps::edit(tx, &tenant, wanted)?;
        }
        for host in wanted.hosts.difference(&before.hosts) {
            steps::claim_host(tx, &tenant, host)?;
        }
        for host in before.hosts.difference(&wanted.hosts).filter(|_| prune) {
            steps::leave_host(tx, &tenant, host)?;
        }
    }
    let none = BTreeMap::new();
    roles(tx, &tenant, (before.map_or(&none, |before| &before.roles), &wanted.roles), prune)?;
    let none = BTreeMap::new();
    clients(tx, &tenant, (before.map_or(&none, |before| &before.clients), &wanted.clients), prune)
}

type Roles = BTreeMap<String, BTreeSet<String>>;

fn roles(tx: &mut Tx, tenant: &Tenant, (now, wanted): (&Roles, &Roles), prune: bool) -> Result<()> {
    let none = BTreeSet::new();
    for (role, held) in wanted {
        let before = now.get(role);
        let added = held.difference(before.unwrap_or(&none)).cloned().collect();
        let taken = before.unwrap_or(&none).difference(held).filter(|_| prune).cloned().collect();
        let change = Settled { added, taken };
        if before.is_none() || change != Settled::default() {
            permissions::steps::settle(tx, tenant.id, role, &change)?;
        }
    }
    Ok(())
}

fn is_edited_alike(a: &TenantDescription, b: &TenantDescription) -> bool {
    a.display_name == b.display_name
        && a.public_url == b.public_url
        && a.data == b.data
        && a.settings == b.settings
}

fn new_tenant(wanted: &TenantDescription) -> NewTenant {
    NewTenant {
        name: wanted.name.clone(),
        display_name: wanted.display_name.clone(),
        issuer: wanted.issuer.clone(),
        public_url: wanted.public_url.clone(),
        hosts: wanted.hosts.iter().cloned().collect(),
        data: wanted.data.clone(),
        settings: wanted.settings.clone(),
    }
}

type Clients = BTreeMap<String, ClientDescription>;

fn clients(tx: &mut Tx, tenant: &Tenant, (now, wanted): (&Clients, &Clients), prune: bool) -> Result<()> {
    let default =
        |clients: &Clients| clients.iter().find(|(_, one)| one.is_default).map(|(id, _)| id.clone());
    if default(now) != default(wanted) {
        // Of two defaults for a moment the database would refuse the second.
        tenancy::entity::no_default(tx.conn, tenant.id)?;
    }
    let rows = tenancy::entity::clients_of(tx.conn, tenant.id)?;
    for (id, wanted) in wanted {
        let before = now.get(id);
        match rows.iter().find(|row| row.public_id == *id) {
            None => drop(steps::create_client(tx, tenant.id, &new_client(id, wanted))?),
            Some(row) => client(tx, row, (before, wanted), prune)?,
        }
    }
    Ok(())
}

fn client(
    tx: &mut Tx,
    row: &Client,
    (before, wanted): (Option<&ClientDescription>, &ClientDescription),
    prune: bool,
) -> Result<()> {
    let Some(before) = before.filter(|before| *before != wanted) else { return Ok(()) };
    let plain = |one: &ClientDescription| ClientDescription { origins: BTreeSet::new(), ..one.clone() };
    if plain(before) != plain(wanted) {
        steps::edit_client(tx, row, wanted)?;
    }
    for origin in wanted.origins.difference(&before.origins) {
        steps::list_origin(tx, row, origin)?;
    }
    for origin in before.origins.difference(&wanted.origins).filter(|_| prune) {
        steps::drop_origin(tx, row, origin)?;
    }
    Ok(())
}

fn new_client(id: &str, wanted: &ClientDescription) -> NewClient {
    NewClient {
        is_default: wanted.is_default,
        origins: wanted.origins.iter().cloned().collect(),
        continue_urls: wanted.continue_urls.clone(),
        audiences: wanted.audiences.clone(),
        settings: wanted.settings.clone(),
        ..NewClient::of(wanted.kind, id, &wanted.name)
    }
}
