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
mod process;
mod table;
mod town;

use std::time::Duration;

use load::{Plan, Run, drive};
use process::Server;
use town::Town;

const ROUNDS: usize = 3;
const CONNECTIONS: usize = 16;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|word| word == "bare") {
        return bare::serve(arguments[at + 1].parse().unwrap());
    }
    if arguments.iter().any(|word| word == "--test") {
        return; // `cargo test --benches` only asks whether we compile
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(all());
}

async fn all() {
    table::machine();
    let bare = Server::bare();
    let mut rows = Vec::new();
    // One after the other: the second database does not rest on the machine while the first is measured.
    rows.extend(of("SQLite", &Town::sqlite().await, &bare).await);
    rows.extend(of("PostgreSQL", &Town::postgres().await, &bare).await);
    table::print(&rows);
}

pub struct Measured {
    pub what: String,
    pub runs: Vec<Run>,
    pub beside: Vec<Run>,
    /// Of logins: what a loop of nothing but hashing did in the same rounds, a second.
    pub hashes: Vec<f64>,
}

async fn of(database: &str, town: &Town, bare: &Server) -> Vec<Measured> {
    println!(
        "{database}: start to ready on a new database {} ms, on one with {} sessions {} ms; memory at rest {:.1} MiB",
        town.first_start.as_millis(),
        town::SESSIONS,
        town.server.started.as_millis(),
        town.server.memory()
    );
    let mut rows = Vec::new();
    for (what, plan) in town.plans() {
        let what_and_where = format!("{what} ({database})");
        let mut measured =
            Measured { what: what_and_where, runs: Vec::new(), beside: Vec::new(), hashes: Vec::new() };
        for round in 0..ROUNDS {
            let constant = Plan::repeat(bare.get("/"), Duration::from_secs(2));
            measured.beside.push(drive(bare, &constant, 0, CONNECTIONS).await);
            measured.runs.push(drive(&town.server, &plan, round, CONNECTIONS).await);
            if what == "login" {
                measured.hashes.push(bare::hashes(Duration::from_secs(3)));
            }
        }
        println!("  measured: {}", measured.what);
        rows.push(measured);
    }
    println!("{database}: memory after all that {:.1} MiB", town.server.memory());
    rows
}
