//! What a town has behind it: sessions, records, events, mails that were sent, links that nobody followed.

use std::time::Duration;

use doorward::base::{TenantId, Timestamp};
use doorward::components::post;
use doorward::components::vault::Place;
use doorward::db::DbConn;
use uuid::Uuid;

use super::bulk::{Bulk, Cell};
use super::town::{DAY, LOGGED_IN, Stock, Town, id};
use crate::ground::chance::Chance;

/// What each so-manieth person left behind beside a session.
const LEFT: usize = 20;
/// A session of each so many has ended.
const ENDED: usize = 10;
/// Of every session.
pub const SEED: [u8; 32] = [7; 32];

/// Answers the sessions, of every fifth person one.
pub fn fill(conn: &mut DbConn, town: &Town, stock: &mut Stock) -> Vec<Uuid> {
    let logged_in: Vec<usize> = (0..town.people.len()).step_by(LOGGED_IN).collect();
    let sessions: Vec<Uuid> =
        logged_in.iter().map(|person| id(&mut stock.chance, began(town, *person))).collect();
    let theirs: Vec<(usize, Uuid)> = logged_in.into_iter().zip(sessions.iter().copied()).collect();
    rows_of_sessions(conn, town, (stock, &theirs));
    devices(conn, town, (&mut stock.chance, &theirs));
    records(conn, town, (&mut stock.chance, &theirs));
    events(conn, town, (&mut stock.chance, &theirs));
    mails(conn, town, &mut stock.chance);
    links(conn, town, &mut stock.chance);
    invitations(conn, town, &mut stock.chance);
    guesses(conn, town, &mut stock.chance);
    sessions
}

/// In the last ten days.
fn began(town: &Town, person: usize) -> Timestamp {
    let ago = 10 * DAY * 1000 * (town.people.len() - person) as u64 / town.people.len() as u64;
    town.now - Duration::from_millis(ago)
}

fn days(many: u64) -> Duration {
    Duration::from_secs(many * DAY)
}

fn rows_of_sessions(conn: &mut DbConn, town: &Town, (stock, sessions): (&Stock, &[(usize, Uuid)])) {
    let mut rows = Bulk::begin(
        conn,
        "sessions (id, tenant_id, user_id, client_id, kind, login_type, factors, seed_sealed, generation, \
         rotated_at, authenticated_at, created_at, last_used_at, idle_seconds, idle_expires_at, \
         absolute_expires_at, address, user_agent)",
    );
    for (person, session) in sessions {
        let (tenant, began) = (&town.tenants[town.home(*person)], began(town, *person));
        let of = Some(TenantId::of(tenant.id));
        let place = Place { tenant: of, table: "sessions", column: "seed_sealed", row: *session };
        rows.row(&[
            Cell::Id(*session),
            Cell::Id(tenant.id),
            Cell::Id(town.people[*person]),
            Cell::Id(tenant.clients[1]),
            Cell::Text("user"),
            Cell::Text("passwordBased"),
            Cell::Text(r#"{"methods":["pwd"],"ofHome":true}"#),
            Cell::Bytes(&stock.vault.seal(&place, &SEED).unwrap()),
            Cell::Number(1),
            Cell::At(began),
            Cell::At(began),
            Cell::At(began),
            Cell::At(began),
            Cell::Number(i64::try_from(14 * DAY).unwrap()),
            Cell::At(began + days(14)),
            Cell::At(began + days(30)),
            Cell::Text("203.0.113.7"),
            Cell::Text("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ]);
    }
    rows.end();
    end_some(conn, sessions.iter().step_by(ENDED).map(|(_, session)| *session));
}

fn end_some(conn: &mut DbConn, sessions: impl Iterator<Item = Uuid>) {
    use diesel::prelude::*;
    use doorward::base::SessionId;
    use doorward::db::schema::sessions as s;
    let ended: Vec<SessionId> = sessions.map(SessionId::of).collect();
    for some in ended.chunks(1000) {
        diesel::update(s::table.filter(s::id.eq_any(some.to_vec())))
            .set((s::revoked_at.eq(s::last_used_at.nullable()), s::revoked_reason.eq("logout")))
            .execute(conn)
            .unwrap();
    }
}

fn devices(conn: &mut DbConn, town: &Town, (chance, sessions): (&mut Chance, &[(usize, Uuid)])) {
    let mut rows = Bulk::begin(
        conn,
        "devices (id, tenant_id, session_id, user_id, name, platform, created_at, updated_at)",
    );
    for (person, session) in sessions.iter().step_by(2) {
        let began = began(town, *person);
        rows.row(&[
            Cell::Id(id(chance, began)),
            Cell::Id(town.tenants[town.home(*person)].id),
            Cell::Id(*session),
            Cell::Id(town.people[*person]),
            Cell::Text("Telephone"),
            Cell::Text("android"),
            Cell::At(began),
            Cell::At(began),
        ]);
    }
    rows.end();
}

/// Two of each login.
fn records(conn: &mut DbConn, town: &Town, (chance, sessions): (&mut Chance, &[(usize, Uuid)])) {
    let mut rows = Bulk::begin(
        conn,
        "audit_records (id, tenant_id, action, outcome, actor_kind, target_kind, target_id, request_id, \
         address, user_agent, count, data, created_at)",
    );
    for (person, session) in sessions {
        let (began, user) = (began(town, *person), town.people[*person]);
        let request = id(chance, began);
        for (action, kind, target) in
            [("password.login", "user", user), ("session.start", "session", *session)]
        {
            rows.row(&[
                Cell::Id(id(chance, began)),
                Cell::Id(town.tenants[town.home(*person)].id),
                Cell::Text(action),
                Cell::Text("success"),
                Cell::Text("nobody"),
                Cell::Text(kind),
                Cell::Id(target),
                Cell::Id(request),
                Cell::Text("203.0.113.7"),
                Cell::Text("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
                Cell::Number(1),
                Cell::Text("{}"),
                Cell::At(began),
            ]);
        }
    }
    rows.end();
}

fn events(conn: &mut DbConn, town: &Town, (chance, sessions): (&mut Chance, &[(usize, Uuid)])) {
    let mut rows = Bulk::begin(
        conn,
        "domain_events (id, tenant_id, trigger_name, subject_kind, subject_id, actor_kind, data, created_at)",
    );
    for (person, session) in sessions {
        let began = began(town, *person);
        rows.row(&[
            Cell::Id(id(chance, began)),
            Cell::Id(town.tenants[town.home(*person)].id),
            Cell::Text("doorward.session.post.create"),
            Cell::Text("session"),
            Cell::Id(*session),
            Cell::Text("nobody"),
            Cell::Text(&format!(r#"{{"user":"{}"}}"#, town.people[*person])),
            Cell::At(began),
        ]);
    }
    rows.end();
}

/// Most were sent in the last days; one of ten waits for a server that does not answer, for hours or days to come.
fn mails(conn: &mut DbConn, town: &Town, chance: &mut Chance) {
    let into = "jobs (id, tenant_id, kind, name, priority, scheduled_at, state, retry_count, max_attempts, data, \
         fence, created_at, updated_at";
    for waits in [false, true] {
        let mut rows = Bulk::begin(conn, &format!("{into}{}", if waits { ")" } else { ", completed_at)" }));
        for person in (0..town.people.len()).step_by(LEFT).filter(|at| at.is_multiple_of(10 * LEFT) == waits)
        {
            let (home, seconds) = (town.home(person), 60 + chance.next(4 * DAY));
            let at = town.now - Duration::from_secs(seconds);
            let due = if waits { town.now + Duration::from_secs(seconds) } else { at };
            let mut cells = vec![
                Cell::Id(id(chance, at)),
                Cell::Id(town.tenants[home].id),
                Cell::Text("delivery"),
                Cell::Text(post::NAME),
                Cell::Number(4),
                Cell::At(due),
                Cell::Text(if waits { "queued" } else { "done" }),
                Cell::Number(1),
                Cell::Number(20),
                Cell::Text(r#"{"mail":"verify_address"}"#),
                Cell::Number(1),
                Cell::At(at),
                Cell::At(at),
            ];
            if !waits {
                cells.push(Cell::At(at));
            }
            rows.row(&cells);
        }
        rows.end();
    }
}

/// To set a password anew.
fn links(conn: &mut DbConn, town: &Town, chance: &mut Chance) {
    let mut rows = Bulk::begin(
        conn,
        "one_time_proofs (id, tenant_id, purpose, token_hash, request_id, address, user_id, data, tries, \
         created_at, expires_at)",
    );
    for person in (0..town.people.len()).step_by(LEFT) {
        let at = town.now - Duration::from_secs(chance.next(DAY / 2));
        let token = [id(chance, at), id(chance, at)];
        rows.row(&[
            Cell::Id(id(chance, at)),
            Cell::Id(town.tenants[town.home(person)].id),
            Cell::Text("resetPassword"),
            Cell::Bytes(&token.map(uuid::Uuid::into_bytes).concat()),
            Cell::Id(id(chance, at)),
            Cell::Text(&town.email(person)),
            Cell::Id(town.people[person]),
            Cell::Text("{}"),
            Cell::Number(0),
            Cell::At(at),
            Cell::At(at + Duration::from_secs(1800)),
        ]);
    }
    rows.end();
}

fn invitations(conn: &mut DbConn, town: &Town, chance: &mut Chance) {
    let mut rows =
        Bulk::begin(conn, "invitations (id, tenant_id, email, roles, created_at, expires_at, accepted_at)");
    for person in (0..town.people.len()).step_by(LEFT) {
        let at = town.joined(person);
        rows.row(&[
            Cell::Id(id(chance, at)),
            Cell::Id(town.tenants[town.home(person)].id),
            Cell::Text(&town.email(person)),
            Cell::Text("[]"),
            Cell::At(at),
            Cell::At(at + days(7)),
            Cell::At(at),
        ]);
    }
    rows.end();
}

fn guesses(conn: &mut DbConn, town: &Town, chance: &mut Chance) {
    let mut rows = Bulk::begin(conn, "guess_counters (tenant_id, key_mac, failures, last_at, blocked_until)");
    for person in (0..town.people.len()).step_by(LEFT) {
        let at = town.now - Duration::from_secs(chance.next(20 * DAY));
        let key = [id(chance, at), id(chance, at)].map(uuid::Uuid::into_bytes).concat();
        let tenant = town.tenants[town.home(person)].id;
        rows.row(&[
            Cell::Id(tenant),
            Cell::Bytes(&key),
            Cell::Number(1),
            Cell::At(at),
            Cell::At(Timestamp::EPOCH),
        ]);
    }
    rows.end();
}
