//! The tenants of a town: hosts, clients, origins, roles, keys.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use doorward::base::TenantId;
use doorward::components::vault::Place;
use doorward::db::DbConn;
use doorward::identity::tenant::TenantSettings;

use super::bulk::{Bulk, Cell};
use super::town::{DAY, Stock, Town, host, id};

pub fn fill(conn: &mut DbConn, town: &Town, stock: &mut Stock) {
    tenants(conn, town);
    hosts(conn, town);
    clients(conn, town);
    origins(conn, town);
    roles(conn, town);
    rights(conn, town, stock);
    keys(conn, town, stock);
}

fn since(town: &Town) -> Cell<'static> {
    Cell::At(town.now - Duration::from_secs(300 * DAY))
}

fn tenants(conn: &mut DbConn, town: &Town) {
    let settings = serde_json::to_string(&TenantSettings::default()).unwrap();
    let mut rows = Bulk::begin(
        conn,
        "tenants (id, name, display_name, issuer, public_url, data, settings, epoch, created_at, updated_at)",
    );
    for (at, tenant) in town.tenants.iter().enumerate() {
        let url = format!("https://{}", host(at));
        rows.row(&[
            Cell::Id(tenant.id),
            Cell::Text(&format!("t{at}")),
            Cell::Text(&format!("Tenant number {at}")),
            Cell::Text(&url),
            Cell::Text(&url),
            Cell::Text("{}"),
            Cell::Text(&settings),
            Cell::Number(0),
            since(town),
            since(town),
        ]);
    }
    rows.end();
}

fn hosts(conn: &mut DbConn, town: &Town) {
    let mut rows = Bulk::begin(conn, "tenant_hosts (host, tenant_id, created_at)");
    for (at, tenant) in town.tenants.iter().enumerate() {
        rows.row(&[Cell::Text(&host(at)), Cell::Id(tenant.id), since(town)]);
    }
    rows.end();
}

fn clients(conn: &mut DbConn, town: &Town) {
    let mut rows = Bulk::begin(
        conn,
        "clients (id, tenant_id, public_id, name, kind, is_default, audiences, continue_urls, settings, \
         created_at, updated_at)",
    );
    for (at, tenant) in town.tenants.iter().enumerate() {
        let kinds = [("web", "browser", true), ("app", "native", false)];
        for (client, (name, kind, is_default)) in tenant.clients.iter().zip(kinds) {
            rows.row(&[
                Cell::Id(*client),
                Cell::Id(tenant.id),
                Cell::Text(&format!("t{at}-{name}")),
                Cell::Text(name),
                Cell::Text(kind),
                Cell::Is(is_default),
                Cell::Text("[]"),
                Cell::Text(&format!("[\"https://www.t{at}.example/welcome\"]")),
                Cell::Text("{}"),
                since(town),
                since(town),
            ]);
        }
    }
    rows.end();
}

fn origins(conn: &mut DbConn, town: &Town) {
    let mut rows = Bulk::begin(conn, "client_origins (client_id, origin, tenant_id)");
    for (at, tenant) in town.tenants.iter().enumerate() {
        let origin = format!("https://www.t{at}.example");
        rows.row(&[Cell::Id(tenant.clients[0]), Cell::Text(&origin), Cell::Id(tenant.id)]);
    }
    rows.end();
}

fn roles(conn: &mut DbConn, town: &Town) {
    let mut rows =
        Bulk::begin(conn, "roles (id, tenant_id, identifier, is_mandatory, created_at, updated_at)");
    for tenant in &town.tenants {
        for (role, (name, is_mandatory)) in tenant.roles.iter().zip([("admin", true), ("member", false)]) {
            rows.row(&[
                Cell::Id(*role),
                Cell::Id(tenant.id),
                Cell::Text(name),
                Cell::Is(is_mandatory),
                since(town),
                since(town),
            ]);
        }
    }
    rows.end();
}

fn rights(conn: &mut DbConn, town: &Town, stock: &Stock) {
    let mut rows = Bulk::begin(conn, "role_permissions (role_id, permission_id, tenant_id, created_at)");
    for tenant in &town.tenants {
        for permission in &stock.permissions {
            rows.row(&[Cell::Id(tenant.roles[0]), Cell::Id(permission.0), Cell::Id(tenant.id), since(town)]);
        }
    }
    rows.end();
}

/// One pair of keys for all, since making them is what takes time; sealed for each, as they would be. They are of all
/// ages, and each thousandth is due to be followed by another.
fn keys(conn: &mut DbConn, town: &Town, stock: &mut Stock) {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let private = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    let public = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref()).unwrap();
    let mut rows = Bulk::begin(
        conn,
        "signing_keys (id, tenant_id, state, public_key, private_sealed, created_at, published_at, activated_at)",
    );
    for (at, tenant) in town.tenants.iter().enumerate() {
        let age = if at % 1000 == 999 { 91 } else { at as u64 % 80 };
        let since = town.now - Duration::from_secs(age * DAY);
        let key = id(&mut stock.chance, since);
        let of = Some(TenantId::of(tenant.id));
        let place = Place { tenant: of, table: "signing_keys", column: "private_sealed", row: key };
        rows.row(&[
            Cell::Id(key),
            Cell::Id(tenant.id),
            Cell::Text("active"),
            Cell::Bytes(public.public_key().as_ref()),
            Cell::Bytes(&stock.vault.seal(&place, private.as_ref()).unwrap()),
            Cell::At(since),
            Cell::At(since),
            Cell::At(since),
        ]);
    }
    rows.end();
}
