//! How often a registry is asked that does not answer, and how long is waited in between.

use std::time::Duration;

use rand::RngExt;

/// Asks again after a pause that doubles each time, and is drawn between half and all of that: callers that
/// failed together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often it is asked at most, from 1 on; 5 by default.
    pub attempts: u32,
    /// The first pause; 200 ms by default.
    pub first: Duration,
    /// The longest pause; 5 s by default.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(5),
        }
    }
}

impl Retry {
    /// The pause after the `attempt`th question (from 1 on) went unanswered; `None` ends it. A registry may ask
    /// for a longer one, as far as `longest`.
    pub(crate) fn pause(&self, attempt: u32, asked_for: Option<Duration>) -> Option<Duration> {
        if attempt >= self.attempts.max(1) {
            return None;
        }
        let doubled = self.first.saturating_mul(1 << (attempt - 1).min(16));
        let drawn = doubled.mul_f64(rand::rng().random_range(0.5..1.0));
        Some(drawn.max(asked_for.unwrap_or_default()).min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_are_bounded_and_end() {
        let retry = Retry {
            attempts: 40,
            ..Retry::default()
        };
        for (attempt, least, most) in [(1, 100, 200), (3, 400, 800), (39, 5000, 5000)] {
            let pause = retry.pause(attempt, None).unwrap().as_millis();
            assert!((least..=most).contains(&pause), "{attempt}: {pause}");
        }
        assert_eq!(
            retry.pause(1, Some(Duration::from_secs(2))),
            Some(Duration::from_secs(2))
        );
        assert_eq!(
            retry.pause(1, Some(Duration::from_secs(60))),
            Some(retry.longest)
        );
        assert_eq!(retry.pause(40, None), None);
        assert_eq!(
            Retry {
                attempts: 0,
                ..retry
            }
            .pause(1, None),
            None
        );
    }
}
