//! What is left after things broke: a process killed, a disk full, a lock held. And what
//! the time of an answer tells.

mod caller;
mod guesses;
mod kill;
mod layer;
mod ledger;
mod lost;
mod migrators;
mod recovery;
mod samples;
mod timing;

/// Of each long form: about two minutes on a small machine, unless told otherwise.
pub fn rounds() -> u64 {
    std::env::var("FAULTS_ROUNDS").map_or(25, |rounds| rounds.parse().expect("FAULTS_ROUNDS is a number"))
}
