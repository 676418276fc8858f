//! What a thread that hashes works with, and its place behind everybody else's work.

use argon2::Block;
use zeroize::Zeroize;

/// How nice a thread that hashes is. At equal weights a hash of 20 ms holds its processor while whoever is in already
/// waits for an answer of 20 microseconds.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// For the thread that asks. On Linux a priority is each thread's own, elsewhere the whole program's.
pub fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "hashing goes on at the priority of everything else");
    }
}

/// A thread's memory, kept from hash to hash and wiped after each.
pub struct Bench {
    pub(super) memory: Vec<Block>,
    /// In blocks; what a foreign hash needs beyond this is given back at once.
    keep: usize,
}

impl Bench {
    pub fn new(keep: usize) -> Self {
        Self { memory: Vec::new(), keep }
    }

    pub fn with<T>(&mut self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        if self.memory.len() < blocks {
            self.memory = Vec::new();
            self.memory = vec![Block::new(); blocks];
        }
        let answer = work(&mut self.memory);
        // The blocks are a function of the password that is far quicker to test than the hash.
        self.memory.iter_mut().take(blocks).for_each(|block| block.as_mut().zeroize());
        if self.memory.len() > self.keep {
            self.memory = Vec::new();
        }
        answer
    }

    pub fn clear(&mut self) {
        self.memory = Vec::new();
    }

    pub fn bytes(&self) -> usize {
        self.memory.len() * Block::SIZE
    }
}
