//! The other ways in of some people: a provider's subject, a citizen number, no name at all; and factors that are due.

use doorward::base::TenantId;
use doorward::components::vault::Place;
use doorward::db::DbConn;
use uuid::Uuid;

use super::bulk::{Bulk, Cell};
use super::town::{Stock, Town, id};

/// Each so-manieth person has them.
const SOME: usize = 10;

pub fn fill(conn: &mut DbConn, town: &Town, stock: &mut Stock) {
    providers(conn, town, stock);
    factors(conn, town, stock);
    citizens(conn, town, stock);
    nameless(conn, town, stock);
    pending(conn, town, stock);
}

/// The person's number, who they are and where they live.
fn some(town: &Town) -> impl Iterator<Item = (usize, Uuid, Uuid)> {
    let at = (0..town.people.len()).step_by(SOME);
    at.map(|at| (at, town.people[at], town.tenants[town.home(at)].id))
}

fn providers(conn: &mut DbConn, town: &Town, stock: &mut Stock) {
    let into = "openid_logins (id, user_id, tenant_id, provider, subject, created_at, updated_at)";
    let mut rows = Bulk::begin(conn, into);
    for (at, user, home) in some(town) {
        let joined = town.joined(at);
        rows.row(&[
            Cell::Id(id(&mut stock.chance, joined)),
            Cell::Id(user),
            Cell::Id(home),
            Cell::Text("office"),
            Cell::Text(&user.to_string()),
            Cell::At(joined),
            Cell::At(joined),
        ]);
    }
    rows.end();
}

/// Begun and never confirmed, so that none of them is asked for it.
fn factors(conn: &mut DbConn, town: &Town, stock: &mut Stock) {
    let into = "totp_settings (user_id, tenant_id, secret_sealed, last_step, created_at, updated_at)";
    let mut rows = Bulk::begin(conn, into);
    for (at, user, home) in some(town) {
        let secret = sealed(stock, (home, user), ("totp_settings", "secret_sealed"));
        let joined = || Cell::At(town.joined(at));
        rows.row(&[
            Cell::Id(user),
            Cell::Id(home),
            Cell::Bytes(&secret),
            Cell::Number(0),
            joined(),
            joined(),
        ]);
    }
    rows.end();
}

fn citizens(conn: &mut DbConn, town: &Town, stock: &mut Stock) {
    let into = "digid_logins (user_id, tenant_id, bsn_mac, bsn_sealed, created_at, updated_at)";
    let mut rows = Bulk::begin(conn, into);
    for (at, user, home) in some(town) {
        let number = sealed(stock, (home, user), ("digid_logins", "bsn_sealed"));
        let joined = || Cell::At(town.joined(at));
        rows.row(&[
            Cell::Id(user),
            Cell::Id(home),
            Cell::Bytes(&user.into_bytes()),
            Cell::Bytes(&number),
            joined(),
            joined(),
        ]);
    }
    rows.end();
}

fn nameless(conn: &mut DbConn, town: &Town, _: &mut Stock) {
    let into =
        "anonymous_logins (user_id, tenant_id, token_hash, is_allowed_to_login, created_at, updated_at)";
    let mut rows = Bulk::begin(conn, into);
    for (at, user, home) in some(town) {
        let joined = || Cell::At(town.joined(at));
        rows.row(&[
            Cell::Id(user),
            Cell::Id(home),
            Cell::Bytes(&user.into_bytes()),
            Cell::Is(true),
            joined(),
            joined(),
        ]);
    }
    rows.end();
}

/// Over since a moment ago.
fn pending(conn: &mut DbConn, town: &Town, stock: &mut Stock) {
    let into = "pending_logins (id, tenant_id, user_id, client_id, user_epoch, login_type, next, factors, created_at, \
         expires_at)";
    let mut rows = Bulk::begin(conn, into);
    for (at, user, home) in some(town) {
        rows.row(&[
            Cell::Id(id(&mut stock.chance, town.now)),
            Cell::Id(home),
            Cell::Id(user),
            Cell::Id(town.tenants[town.home(at)].clients[1]),
            Cell::Number(0),
            Cell::Text("passwordBased"),
            Cell::Text("otp"),
            Cell::Text(r#"{"methods":["pwd"],"ofHome":true}"#),
            Cell::At(town.now),
            Cell::At(town.now),
        ]);
    }
    rows.end();
}

fn sealed(
    stock: &Stock,
    (tenant, row): (Uuid, Uuid),
    (table, column): (&'static str, &'static str),
) -> Vec<u8> {
    let place = Place { tenant: Some(TenantId::of(tenant)), table, column, row };
    stock.vault.seal(&place, &[1; 20]).unwrap()
}
