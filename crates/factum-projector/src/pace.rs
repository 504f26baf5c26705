//! How fast a version may be filled that readers do not see yet, so that it leaves room for others.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How often it is looked whether the version is live meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// Counts what is read, and says when there may be more.
pub(crate) struct Pace {
    per_second: NonZeroU32,
    /// When what was read so far is paid for.
    paid: Instant,
    /// Whether readers do not see the version yet.
    building: Arc<AtomicBool>,
}

impl Pace {
    /// A pace of so many records a second, for as long as the version is being built.
    pub(crate) fn new(per_second: NonZeroU32, building: Arc<AtomicBool>) -> Self {
        Self {
            per_second,
            paid: Instant::now(),
            building,
        }
    }

    /// Notes that records were read. Time in which nothing was read is not made up for.
    pub(crate) fn took(&mut self, records: usize) {
        let cost = Duration::from_secs_f64(records as f64 / f64::from(self.per_second.get()));
        self.paid = self.paid.max(Instant::now()) + cost;
    }

    /// Waits until there may be more. Cancel safe.
    pub(crate) async fn may_read(&self) {
        while self.building.load(Ordering::Relaxed) && Instant::now() < self.paid {
            sleep_until(self.paid.min(Instant::now() + LOOK)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(building: bool) -> Pace {
        let building = Arc::new(AtomicBool::new(building));
        Pace::new(1000.try_into().unwrap(), building)
    }

    async fn reads(pace: &mut Pace, times: usize) -> u128 {
        let began = Instant::now();
        for _ in 0..times {
            pace.may_read().await;
            pace.took(500);
        }
        began.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn a_version_in_the_making_is_read_at_its_rate() {
        let mut pace = pace(true);
        assert_eq!(reads(&mut pace, 10).await, 4500);
        // A rest earns nothing.
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(reads(&mut pace, 3).await, 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_live_is_not_held_up() {
        assert_eq!(reads(&mut pace(false), 10).await, 0);
        // Nor is one that comes to be live.
        let mut pace = pace(true);
        pace.took(1_000_000);
        let building = pace.building.clone();
        let began = Instant::now();
        let switch = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            building.store(false, Ordering::Relaxed);
        };
        tokio::join!(pace.may_read(), switch);
        assert!(began.elapsed() <= Duration::from_secs(1) + 2 * LOOK);
    }
}
