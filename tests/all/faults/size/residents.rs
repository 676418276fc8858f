//! The people of a town: each at home in one tenant, with an address, a password and a role.

use doorward::db::DbConn;

use super::bulk::{Bulk, Cell};
use super::town::{Stock, Town};

pub fn fill(conn: &mut DbConn, town: &Town, stock: &mut Stock) {
    users(conn, town);
    memberships(conn, town);
    identifiers(conn, town);
    logins(conn, town, stock);
    roles(conn, town);
}

fn users(conn: &mut DbConn, town: &Town) {
    let mut rows =
        Bulk::begin(conn, "users (id, tenant_id, name, profile, app_data, epoch, created_at, updated_at)");
    for (at, user) in town.people.iter().enumerate() {
        rows.row(&[
            Cell::Id(*user),
            Cell::Id(town.tenants[town.home(at)].id),
            Cell::Text(&format!("Person O'{at}")),
            Cell::Text("{}"),
            Cell::Text("{}"),
            Cell::Number(0),
            Cell::At(town.joined(at)),
            Cell::At(town.joined(at)),
        ]);
    }
    rows.end();
}

fn memberships(conn: &mut DbConn, town: &Town) {
    let mut rows = Bulk::begin(conn, "memberships (tenant_id, user_id, epoch, created_at)");
    for (at, user) in town.people.iter().enumerate() {
        let home = town.tenants[town.home(at)].id;
        rows.row(&[Cell::Id(home), Cell::Id(*user), Cell::Number(0), Cell::At(town.joined(at))]);
    }
    rows.end();
}

fn identifiers(conn: &mut DbConn, town: &Town) {
    let mut rows = Bulk::begin(conn, "login_identifiers (tenant_id, kind, value, user_id, created_at)");
    for (at, user) in town.people.iter().enumerate() {
        rows.row(&[
            Cell::Id(town.tenants[town.home(at)].id),
            Cell::Text("email"),
            Cell::Text(&town.email(at)),
            Cell::Id(*user),
            Cell::At(town.joined(at)),
        ]);
    }
    rows.end();
}

/// All have the same password, and so the same hash: what it costs to check does not depend on that.
fn logins(conn: &mut DbConn, town: &Town, stock: &Stock) {
    let mut rows = Bulk::begin(
        conn,
        "password_logins (user_id, tenant_id, email, password_hash, must_change, verified_at, changed_at, \
         created_at, updated_at)",
    );
    for (at, user) in town.people.iter().enumerate() {
        let joined = || Cell::At(town.joined(at));
        rows.row(&[
            Cell::Id(*user),
            Cell::Id(town.tenants[town.home(at)].id),
            Cell::Text(&town.email(at)),
            Cell::Text(&stock.hash),
            Cell::Is(false),
            joined(),
            joined(),
            joined(),
            joined(),
        ]);
    }
    rows.end();
}

/// Who came first to a tenant is its admin.
fn roles(conn: &mut DbConn, town: &Town) {
    let mut has_admin = vec![false; town.tenants.len()];
    let mut rows = Bulk::begin(conn, "user_roles (user_id, role_id, tenant_id, created_at)");
    for (at, user) in town.people.iter().enumerate() {
        let home = town.home(at);
        let tenant = &town.tenants[home];
        let role = tenant.roles[usize::from(std::mem::replace(&mut has_admin[home], true))];
        rows.row(&[Cell::Id(*user), Cell::Id(role), Cell::Id(tenant.id), Cell::At(town.joined(at))]);
    }
    rows.end();
}
