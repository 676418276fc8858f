//! What is left after things broke: a process killed, a disk full, a lock held. And what
//! the time of an answer tells.

mod balance;
mod caller;
mod clock;
mod disk;
mod failover;
mod full;
mod guesses;
mod image;
mod kill;
mod layer;
mod ledger;
mod load;
mod lost;
mod mail;
mod migrators;
mod networks;
mod partition;
mod power;
mod proxy;
mod races;
mod reactions;
mod recovery;
mod restart;
mod rolling;
mod run_stage;
mod samples;
mod scarce;
mod size;
mod slow_clients;
mod slow_database;
mod soak;
mod stampede;
mod starved;
mod syncs;
mod timing;
mod two_nodes;
mod upgrades;
mod wall;

/// Of each long form: about two minutes on a small machine, unless told otherwise.
pub fn rounds() -> u64 {
    std::env::var("FAULTS_ROUNDS").map_or(25, |rounds| rounds.parse().expect("FAULTS_ROUNDS is a number"))
}
