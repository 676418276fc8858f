//! Hours in the life of a server, as many as there is patience for: what it holds in memory and in its files does not
//! grow with time.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use doorward::components::Clock;
use doorward::db::DbConn;
use doorward::db::schema::cron_jobs;

use super::caller::Town;
use super::load::{SETTINGS, people, under_load};
use crate::ground::chance::Chance;
use crate::ground::counters::{allocated_of, memory_of};
use crate::ground::spawned::Spawned;
use crate::ground::{Ground, on_both};

on_both!(
    #[ignore = "minutes long: `make faults` runs it"]
    a_server_that_runs_for_long_grows_by_nothing,
);

/// About half of what a server does on this much of a machine.
const PEOPLE: usize = 4;
const LOOK: Duration = Duration::from_secs(2);
/// All schedules are due as often, and lifetimes are short: sixty days in one.
const SCHEDULES: Duration = Duration::from_secs(20);
const SHORT: &[(&str, &str)] = &[
    ("DOORWARD_LIFETIMES__ACCESS", "10"),
    ("DOORWARD_LIFETIMES__JWKS", "10"),
    ("DOORWARD_LIFETIMES__SIGN_UP", "20"),
    ("DOORWARD_LIFETIMES__LINK", "20"),
    ("DOORWARD_LIFETIMES__CODE", "20"),
    ("DOORWARD_LIFETIMES__PENDING", "20"),
    ("DOORWARD_KEYS__ROTATE", "60"),
    ("DOORWARD_JOBS__KEEP", "20"),
    ("DOORWARD_EVENTS__KEEP", "20"),
    // Each connection keeps 2 MB of the file's pages, which hours fill: of what was allocated and not freed between the
    // ninth minute and the eighteenth all was such pages. The allocator's arenas creep for as long. Few of both are full
    // by the time that counts, and a leak leaks as before.
    ("DOORWARD_DATABASE__READERS", "1"),
    // Each connection to PostgreSQL keeps what it has prepared, and of ten the last are used only now and then.
    ("DOORWARD_DATABASE__POOL", "4"),
    ("DOORWARD_DATABASE__CACHE_KIB", "64"),
    ("MALLOC_ARENA_MAX", "2"),
];
/// Rows of which none is older than these lifetimes and a clean-up.
const PASSING: &str = "SELECT (SELECT count(*) FROM sign_ups) + (SELECT count(*) FROM one_time_proofs) + \
    (SELECT count(*) FROM jobs) + (SELECT count(*) FROM domain_events) AS rows";
/// Rows of a quiet moment.
const FEW: i64 = 500;
/// Caches fill for so long: they hold some twenty thousand of a thing.
const WARM: f64 = 0.5;
/// A shorter look tells growth from noise in nothing.
const LONG: Duration = Duration::from_secs(20 * 60);
const MIB_AN_HOUR: f64 = 1.0;

#[derive(Debug, Clone, Copy)]
struct Glance {
    after: f64,
    allocated: f64,
    descriptors: usize,
    rows: i64,
    changes: u64,
}

#[derive(QueryableByName)]
struct Rows {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

async fn a_server_that_runs_for_long_grows_by_nothing(ground: Ground) {
    let minutes: f64 = std::env::var("SOAK_MINUTES").map_or(2.0, |minutes| minutes.parse().unwrap());
    let lasting = Duration::from_secs_f64(minutes * 60.0);
    let mut chance = Chance::seeded("SOAK_SEED");
    let when = format!("SOAK_SEED={}", chance.seed());
    let (door, mut callers) = people(&ground, PEOPLE, &mut chance).await;
    let server = Spawned::with(&ground, &[SETTINGS, SHORT].concat());
    let (town, mut glances) = (Town::at(&server.address, &door), Vec::new());

    under_load(&town, &mut callers, async {
        let (mut conn, began) = (ground.connect(), Instant::now());
        let mut due = Instant::now();
        while began.elapsed() < lasting {
            tokio::time::sleep(LOOK).await;
            if Instant::now() > due {
                everything_is_due(&mut conn);
                due = Instant::now() + SCHEDULES;
            }
            glances.push(glance(&mut conn, &server, &town, began));
        }
    })
    .await;

    let warm = &glances[(glances.len() as f64 * WARM) as usize..];
    let (first, last) = (warm[0], warm[warm.len() - 1]);
    let most =
        |glances: &[Glance]| glances.iter().map(|glance| (glance.descriptors, glance.rows)).max().unwrap();
    let (early, late) = (most(&warm[..warm.len() / 2]), most(&warm[warm.len() / 2..]));
    println!(
        "{minutes} minutes, {} changes: {:.1} MiB its own and then {:.1}, {:+.1} MiB an hour when warm, {:.0} MiB resident; \
         at most {early:?}, then {late:?} descriptors and passing rows; {} told to come back",
        last.changes,
        first.allocated,
        last.allocated,
        slope(warm) * 3600.0,
        memory_of(server.id()),
        town.refusals(),
    );
    drop(server);
    // Events and jobs are cleaned away meanwhile, so there is no ledger to hold against the answers: what is left is held
    // against the rules when the ground is given back.
    assert!(callers.iter().all(|caller| caller.unanswered == 0) && town.refusals() == 0, "{when}");
    assert!(late.0 <= early.0 + 5, "{when}: descriptors grow: {early:?}, then {late:?}");
    // Between one clean-up and the next they rise and fall: what counts is the middle.
    let usual =
        |glances: &[Glance]| glances.iter().map(|glance| glance.rows).sum::<i64>() / glances.len() as i64;
    let (before, after) = (usual(&warm[..warm.len() / 2]), usual(&warm[warm.len() / 2..]));
    assert!(after <= before * 5 / 4 + FEW, "{when}: rows that pass stay: {before}, then {after}");
    assert!(lasting < LONG || slope(warm) * 3600.0 < MIB_AN_HOUR, "{when}: memory grows");
}

/// By now: a turn that was done already is not done again.
fn everything_is_due(conn: &mut DbConn) {
    let now = Clock::real().now();
    diesel::update(cron_jobs::table).set(cron_jobs::next_at.eq(now)).execute(conn).unwrap();
}

fn glance(conn: &mut DbConn, server: &Spawned, town: &Town<'_>, began: Instant) -> Glance {
    let Rows { rows } = diesel::sql_query(PASSING).get_result(conn).unwrap();
    Glance {
        after: began.elapsed().as_secs_f64(),
        allocated: allocated_of(server.id()),
        descriptors: server.weight().1,
        rows,
        changes: town.done.each().iter().sum(),
    }
}

/// MiB a second, by least squares.
fn slope(glances: &[Glance]) -> f64 {
    let count = glances.len() as f64;
    let mean = |of: fn(&Glance) -> f64| glances.iter().map(of).sum::<f64>() / count;
    let (at, level) = (mean(|glance| glance.after), mean(|glance| glance.allocated));
    let by = |glance: &Glance| (glance.after - at) * (glance.allocated - level);
    let over: f64 = glances.iter().map(|glance| (glance.after - at).powi(2)).sum();
    glances.iter().map(by).sum::<f64>() / over
}
