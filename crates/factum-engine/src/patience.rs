//! How long an owner waits before it claims again what another writer claimed: pure.

use std::time::Duration;

/// The wait doubles so often at most.
const DOUBLINGS: u32 = 5;
/// An owner that served so many times the longest wait was not superseded by someone who waits, too.
const SERVED: u32 = 2;

/// The patience of one owner.
///
/// Two nodes in different groups both believe that they own a partition. Each claims again after a
/// while what the other one took, and were that while always the same, they would fence each other for
/// ever. So the wait doubles up to a bound, and begins anew only after a longer service than any
/// opponent who waits like this would have allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    first: Duration,
    /// How often it was superseded in a row.
    superseded: u32,
}

impl Patience {
    pub fn new(first: Duration) -> Self {
        Self {
            first,
            superseded: 0,
        }
    }

    /// How long to wait after being superseded, by how long it had served.
    pub fn wait(&mut self, served: Duration) -> Duration {
        if served >= SERVED * self.longest() {
            self.superseded = 0;
        }
        let wait = self.first * (1 << self.superseded.min(DOUBLINGS));
        self.superseded += 1;
        wait
    }

    /// How often it was superseded in a row, without a long service in between.
    pub fn superseded(&self) -> u32 {
        self.superseded
    }

    fn longest(&self) -> Duration {
        self.first * (1 << DOUBLINGS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_wait_doubles_up_to_a_bound() {
        let mut patience = Patience::new(SECOND);
        let waits: Vec<u64> = (0..8).map(|_| patience.wait(SECOND).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 32, 32]);
    }

    #[test]
    fn a_long_service_begins_anew_but_none_that_an_opponent_allowed() {
        let mut patience = Patience::new(SECOND);
        for _ in 0..6 {
            patience.wait(Duration::ZERO);
        }
        assert_eq!(patience.wait(33 * SECOND), 32 * SECOND);
        assert_eq!(patience.wait(64 * SECOND), SECOND);
        assert_eq!(patience.superseded(), 1);
    }
}
