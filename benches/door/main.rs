//! `make bench`: what a request costs beside a bare actix-web route that answers a constant, in the same run.
//!
//! Every figure is the median of three rounds that take turns, so that a machine whose speed drifts drifts for all.
//! The share of the machine that went to others is printed: far from zero, compare the CPU per request.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a bench may panic")]

mod bare;
#[path = "../../tests/all/ground/cluster.rs"]
mod cluster;
#[path = "../../tests/all/ground/leash.rs"]
mod leash;
mod load;
mod peers;
mod process;
mod storm;
mod table;
mod town;

use std::time::Duration;

use load::{Plan, Run, drive};
use process::Server;
use town::Town;

const ROUNDS: usize = 3;
const CONNECTIONS: usize = 16;
const MANY: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|word| word == "bare") {
        return bare::serve(arguments[at + 1].parse().unwrap(), arguments.get(at + 2).cloned());
    }
    if arguments.iter().any(|word| word == "--test") {
        return; // `cargo test --benches` only asks whether we compile
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if arguments.iter().any(|word| word == "peers") {
        return runtime.block_on(peers::all());
    }
    runtime.block_on(all());
}

async fn all() {
    table::machine();
    let mut rows = Vec::new();
    // One after the other: the second database does not rest on the machine while the first is measured.
    rows.extend(of("SQLite", &Town::sqlite().await).await);
    rows.extend(of("PostgreSQL", &Town::postgres().await).await);
    table::print(&rows);
}

/// What nothing that does the same could exceed on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceiling {
    Constant,
    Row,
    Insert,
    Commits,
    Hashes,
    None,
}

pub struct Measured {
    pub what: String,
    pub runs: Vec<Run>,
    /// The bare route that answers a constant, between the runs.
    pub bare: Vec<Run>,
    pub ceiling: Ceiling,
    /// The ceiling in the same rounds, a second.
    pub most: Vec<f64>,
}

async fn of(database: &str, town: &Town) -> Vec<Measured> {
    println!(
        "{database}: start to ready on a new database {} ms, on one with {} sessions {} ms; memory at rest {:.1} MiB",
        town.first_start.as_millis(),
        town::SESSIONS,
        town.server.started.as_millis(),
        town.server.memory()
    );
    let bare = Server::bare(town.database.as_deref().or(town.folder.path().to_str()));
    let mut plans = town.plans();
    drive(&town.server, &plans[0].2, 0, MANY).await;
    println!("{database}: memory under {MANY} connections without logins {:.1} MiB", town.server.memory());
    let (route, what, ceiling) = match town.database {
        Some(_) => {
            ("/proven-row", "bare route, one token's signature verified and one row selected", Ceiling::Row)
        }
        None => ("/commit", "bare route, one row changed durably", Ceiling::Commits),
    };
    plans.push((what, ceiling, Plan::repeat(bare.get(route), Duration::from_secs(3))));
    let only = std::env::var("BENCH_ONLY").ok();
    plans.retain(|(what, ..)| only.as_ref().is_none_or(|only| what.contains(only)));
    let mut rows = Vec::new();
    for (what, ceiling, plan) in plans {
        let server = if what.starts_with("bare") { &bare } else { &town.server };
        let what = format!("{what} ({database})");
        let mut measured = Measured { what, runs: Vec::new(), bare: Vec::new(), ceiling, most: Vec::new() };
        for round in 0..ROUNDS {
            let constant = Plan::repeat(bare.get("/"), Duration::from_secs(2));
            measured.bare.push(drive(&bare, &constant, 0, CONNECTIONS).await);
            measured.runs.push(drive(server, &plan, round, CONNECTIONS).await);
            measured.most.extend(most(ceiling, town, &bare).await);
        }
        println!("  measured: {}", measured.what);
        rows.push(measured);
    }
    println!("{database}: memory after all that {:.1} MiB", town.server.memory());
    if only.is_none() {
        storm::storm(database, town).await;
    }
    rows
}

async fn most(ceiling: Ceiling, town: &Town, bare: &Server) -> Option<f64> {
    let lasting = Duration::from_secs(3);
    match ceiling {
        Ceiling::Row => {
            let row = Plan::repeat(bare.get("/row"), lasting);
            Some(drive(bare, &row, 0, CONNECTIONS).await.per_second)
        }
        Ceiling::Insert => town.database.as_deref().map(|url| bare::inserts(url, lasting)),
        Ceiling::Commits => Some(bare::commits(town.folder.path(), lasting)),
        Ceiling::Hashes => Some(bare::hashes(lasting)),
        Ceiling::Constant | Ceiling::None => None,
    }
}
