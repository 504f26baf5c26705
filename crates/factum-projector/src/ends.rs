//! How far behind a partition is in time: told from where the log ended, and when. Pure.
//!
//! Records carry the time of their events, but a partition in which nothing happens for a day is not a day
//! behind. So a worker remembers when it saw which end: what is projected up to an end that was seen ten
//! seconds ago is no more than ten seconds behind.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use factum_core::Offset;

/// So many ends are remembered: an hour and more, at one every five seconds.
const REMEMBERED: usize = 1000;

/// Where a partition ended, and when that was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    seen: VecDeque<(Instant, Offset)>,
}

impl Ends {
    /// Takes note of where the partition ends now.
    pub(crate) fn saw(&mut self, now: Instant, end: Offset) {
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back((now, end));
    }

    /// The end that was seen last.
    pub(crate) fn last(&self) -> Option<Offset> {
        self.seen.back().map(|(_, end)| *end)
    }

    /// How long ago the partition ended at `offset`, or before; none if that was before all that is
    /// remembered.
    pub(crate) fn behind(&self, now: Instant, offset: Offset) -> Option<Duration> {
        if self.last()? <= offset {
            return Some(Duration::ZERO);
        }
        let reached = self.seen.iter().rev().find(|(_, end)| *end <= offset);
        reached.map(|(at, _)| now.saturating_duration_since(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_as_far_behind_as_the_end_that_it_has_reached() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut ends = Ends::default();
        assert_eq!(ends.behind(at(0), 0), None, "nothing was seen yet");
        for (second, end) in [(1, 10), (2, 20), (3, 20), (4, 30)] {
            ends.saw(at(second), end);
        }
        let behind = |offset| ends.behind(at(5), offset).map(|it| it.as_secs());
        assert_eq!(behind(30), Some(0));
        assert_eq!(behind(29), Some(2), "the end of second 3 is reached");
        assert_eq!(behind(20), Some(2));
        assert_eq!(behind(19), Some(4));
        assert_eq!(behind(9), None, "longer than is remembered");
        for second in 5..5000 {
            ends.saw(at(second), 40);
        }
        assert_eq!(ends.seen.len(), REMEMBERED);
    }
}
