//! How long all owners of an engine wait for one of them.

use std::time::Duration;

use tokio::time::Instant;

/// The longest wait for one owner.
pub(super) const MOST: Duration = Duration::from_secs(1);
/// One part in so many of the time may be spent on waiting for it.
const SHARE: u32 = 10;

/// What is left of the time that one owner may take from the others: it grows again while nobody waits.
#[derive(Debug)]
pub(super) struct Allowance {
    left: Duration,
    at: Instant,
}

impl Allowance {
    pub fn new(now: Instant) -> Self {
        let left = MOST;
        Self { left, at: now }
    }

    /// How long a wait that begins now may take.
    pub fn left(&self, now: Instant) -> Duration {
        MOST.min(self.left + now.duration_since(self.at) / SHARE)
    }

    /// Takes note of a wait.
    pub fn spend(&mut self, from: Instant, to: Instant) {
        self.left = self.left(from).saturating_sub(to.duration_since(from));
        self.at = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_take_a_tenth_of_the_time_at_most() {
        let begin = Instant::now();
        let (mut now, mut allowance) = (begin, Allowance::new(begin));
        assert_eq!(allowance.left(now + 100 * MOST), MOST, "it is not saved up");
        let mut waited = Duration::ZERO;
        for _ in 0..1000 {
            now += Duration::from_millis(50);
            let wait = allowance.left(now).min(Duration::from_millis(900));
            allowance.spend(now, now + wait);
            (now, waited) = (now + wait, waited + wait);
        }
        let all = now.duration_since(begin);
        assert!(waited <= MOST + all / SHARE, "{waited:?} of {all:?}");
        assert!(waited >= all / (SHARE + 2), "{waited:?} of {all:?}");
    }
}
