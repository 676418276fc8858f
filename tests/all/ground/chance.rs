//! Chance that happens again: a seed that is printed, and that the environment may give.

use doorward::components::Clock;

/// xorshift, since a test's moments need no better.
pub struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    /// Of the variable, or of the time; printed, since only a test that fails is read.
    pub fn seeded(variable: &str) -> Self {
        let given = std::env::var(variable).ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| Clock::real().now().0.unsigned_abs()) | 1;
        println!("{variable}={seed}");
        Self { seed, state: seed }
    }

    /// What to say beside a failure.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn next(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        // The low bits of neighbouring seeds are alike.
        (self.state >> 11) % below
    }

    /// For another who draws at the same time: what they draw does not depend on who comes first.
    pub fn another(&mut self) -> Self {
        let state = self.next(1 << 50) | 1;
        Self { seed: self.seed, state }
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = usize::try_from(self.next(last as u64 + 1)).unwrap();
            items.swap(last, chosen);
        }
    }
}
