//! What a seed decides.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Draws, always the same ones for a seed.
pub struct Chance(StdRng);

impl Chance {
    /// The draws of a seed.
    pub fn of(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.random_range(0..bound)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high)
    }

    /// Whether something happens that does so `share` times of a thousand.
    pub fn strikes(&mut self, share: u64) -> bool {
        self.below(1000) < share
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// So many milliseconds, from `low` to `high`.
    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// So many milliseconds below `bound`: mostly few, seldom many.
    pub fn delay(&mut self, bound: u64) -> Duration {
        let bound = self.between(1, bound.max(1));
        self.millis(0, bound)
    }

    /// Any number.
    pub fn any(&mut self) -> u128 {
        self.0.random()
    }
}
