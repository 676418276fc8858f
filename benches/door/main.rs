//! `make bench`: what a request costs beside a bare actix-web route that answers a constant, in the same run.
//!
//! Every figure is the median of three rounds that take turns, so that a machine whose speed drifts drifts for all.
//! The share of the machine that went to others is printed: far from zero, compare the CPU per request.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may panic")]

mod bare;
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
    let databases = [("SQLite", Town::sqlite().await)]
        .into_iter()
        .chain(Town::postgres().await.map(|t| ("PostgreSQL", t)));
    for (database, town) in databases {
        rows.extend(of(database, &town, &bare).await);
    }
    table::print(&rows);
    println!(
        "\nbare argon2id loop, same parameters and threads: {:.1} hashes/s",
        bare::hashes(Duration::from_secs(4))
    );
}

pub struct Measured {
    pub what: String,
    pub runs: Vec<Run>,
    pub beside: Vec<Run>,
}

async fn of(database: &str, town: &Town, bare: &Server) -> Vec<Measured> {
    let started = town.server.started;
    println!(
        "{database}: start to first answer {} ms, memory at rest {:.1} MiB",
        started.as_millis(),
        town.server.memory()
    );
    let mut rows = Vec::new();
    for (what, plan) in town.plans() {
        let mut measured =
            Measured { what: format!("{what} ({database})"), runs: Vec::new(), beside: Vec::new() };
        for round in 0..ROUNDS {
            let constant = Plan::repeat(bare.get("/"), Duration::from_secs(2));
            measured.beside.push(drive(bare, &constant, 0, CONNECTIONS).await);
            measured.runs.push(drive(&town.server, &plan, round, CONNECTIONS).await);
        }
        println!("  measured: {}", measured.what);
        rows.push(measured);
    }
    println!("{database}: memory after all that {:.1} MiB", town.server.memory());
    rows
}
