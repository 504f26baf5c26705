//! Made-up cases of the same process, for those who do not have the bank's log: any number of
//! them, one by one, the same for the same seed.
//!
//! The odds are the real log's, so that as many cases are activated, declined and cancelled, and a
//! case has about as many entries.

mod process;
mod script;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::case::Case;
use script::Script;

/// When the first case comes in: 2011-10-01T00:00:00Z, in milliseconds.
const BEGIN: i64 = 1_317_427_200_000;
/// The most time between two cases: on average they come every 18 minutes.
const INTERVAL: i64 = 36 * 60 * 1000;

/// Makes up cases, in the order in which they come in.
#[derive(Debug)]
pub struct Generator {
    seed: u64,
    made: u64,
    cases: u64,
    now: i64,
}

impl Generator {
    /// As many cases as are asked for, from a seed. The first cases of a longer run are those of a
    /// shorter one.
    pub fn new(cases: u64, seed: u64) -> Self {
        Self {
            seed,
            made: 0,
            cases,
            now: BEGIN,
        }
    }

    /// Cases made so far.
    pub fn made(&self) -> u64 {
        self.made
    }
}

impl Iterator for Generator {
    type Item = Case;

    fn next(&mut self) -> Option<Case> {
        if self.made == self.cases {
            return None;
        }
        let mut rng =
            StdRng::seed_from_u64(self.seed ^ self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.now += rng.random_range(0..INTERVAL);
        self.made += 1;
        // No other seed's names, and none of the real log's: on one log they stay apart.
        let name = format!("g{}-{}", self.seed, self.made);
        let amount = amount(&mut rng);
        let mut script = Script::new(rng, self.now);
        script.application();
        Some(Case {
            name,
            amount,
            entries: script.into_entries(),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.cases - self.made).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

/// Most people ask for a round sum.
fn amount(rng: &mut impl Rng) -> i64 {
    const ROUND: [i64; 8] = [5_000, 10_000, 5_000, 15_000, 6_000, 20_000, 25_000, 30_000];
    match rng.random_range(0..10) {
        0 => 100 * rng.random_range(0..300),
        1 => rng.random_range(500..30_000),
        _ => ROUND[rng.random_range(0..ROUND.len())],
    }
}

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).expect("thousands of years lie between the bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_makes_the_same_cases() {
        let short: Vec<Case> = Generator::new(20, 7).collect();
        let long: Vec<Case> = Generator::new(30, 7).collect();
        assert_eq!(short, long[..20]);
        let other: Vec<Case> = Generator::new(20, 8).collect();
        assert_ne!(short, other);
    }
}
