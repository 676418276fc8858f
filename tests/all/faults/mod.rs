//! What is left after things broke: a process killed, a disk full, a lock held.

mod caller;
mod kill;
mod layer;
mod ledger;
mod migrators;

/// Of each long form: about two minutes on a small machine, unless told otherwise.
pub fn rounds() -> u64 {
    std::env::var("FAULTS_ROUNDS").map_or(25, |rounds| rounds.parse().expect("FAULTS_ROUNDS is a number"))
}
