//! How fast clients go from one command to the next.

use std::time::Duration;

use tokio::time::Instant;

use super::draw::PAUSES;

/// How fast each client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// A drawn pause after each command.
    Pauses,
    /// Without a pause: as fast as the answers come.
    Flat,
    /// So much from the beginning of a command to that of the next, on average; never to catch up.
    Every(Duration),
}

impl Pace {
    /// The pace at which so many clients ask so often a second together.
    pub fn of(clients: usize, rate: f64) -> Self {
        Self::Every(Duration::from_secs_f64(clients as f64 / rate.max(0.1)))
    }

    /// When the next command begins, after one that began `then` and has ended; `pause` is drawn, in
    /// milliseconds.
    pub(super) fn next(self, then: Instant, pause: u64) -> Instant {
        let mean = (PAUSES.start + PAUSES.end - 1) as f64 / 2.0;
        match self {
            Self::Pauses => Instant::now() + Duration::from_millis(pause),
            Self::Flat => Instant::now(),
            Self::Every(interval) => then + interval.mul_f64(pause as f64 / mean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_kept_on_average() {
        let pace = Pace::of(10, 50.0);
        let then = Instant::now();
        let steps = PAUSES.map(|pause| pace.next(then, pause) - then);
        let mean = steps.clone().sum::<Duration>() / steps.count() as u32;
        let off = mean.abs_diff(Duration::from_millis(200));
        assert!(off < Duration::from_millis(1), "{mean:?}");
    }

    #[test]
    fn without_a_pause_the_next_command_begins_at_once() {
        assert!(Pace::Flat.next(Instant::now(), 90) <= Instant::now());
    }
}
