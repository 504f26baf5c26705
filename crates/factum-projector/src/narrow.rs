//! Narrowing down which events of a batch fail, by trying ever smaller pieces of it. Pure.
//!
//! Pieces are tried in order, and each once everything before it is settled: what is tried later may depend on what
//! failed before. Behind a failure they grow again from one event. So a failure among n events costs about
//! 2 log2(n) attempts, in which each event is tried about twice.

use std::ops::Range;

/// How far narrowing has come.
#[derive(Debug, Default)]
pub(crate) struct Narrowing {
    /// Events before this one are settled.
    settled: usize,
    /// The end of a piece that failed, from the first event that is not settled.
    failing: Option<usize>,
    /// How many events to try where none is known to fail; all, as long as none has.
    size: Option<usize>,
}

impl Narrowing {
    /// What to try next of so many events; `None` when all are settled. The number may have become
    /// smaller, where events behind the settled ones were taken away.
    pub(crate) fn next(&self, count: usize) -> Option<Range<usize>> {
        let failing = self.failing.map(|end| end.min(count));
        let len = match failing {
            Some(end) => ((end - self.settled) / 2).max(1),
            None => self.size.unwrap_or(count - self.settled),
        };
        let end = (self.settled + len).min(count);
        (self.settled < end).then_some(self.settled..end)
    }

    /// Notes that a piece is written.
    pub(crate) fn passed(&mut self, piece: &Range<usize>) {
        self.settled = piece.end;
        if self.failing.is_none() {
            self.size = self.size.map(|size| 2 * size);
        }
        self.failing = self.failing.filter(|end| *end > piece.end);
    }

    /// Notes that a piece failed, and returns whether it is one event, which is to be taken away then.
    pub(crate) fn failed(&mut self, piece: &Range<usize>) -> bool {
        let one = piece.len() == 1;
        self.failing = (!one).then_some(piece.end);
        self.size = Some(1);
        one
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Narrows down events, of which a piece fails if it holds one that fails. One that failed takes
    /// every later one of its key with it. Returns what was written and what was not, and the attempts.
    fn narrow(mut events: Vec<(usize, u32, bool)>) -> (Vec<usize>, Vec<usize>, usize) {
        let (mut narrowing, mut attempts) = (Narrowing::default(), 0);
        let (mut written, mut parked) = (Vec::new(), Vec::new());
        while let Some(piece) = narrowing.next(events.len()) {
            attempts += 1;
            if events[piece.clone()].iter().all(|(.., fails)| !fails) {
                written.extend(events[piece.clone()].iter().map(|event| event.0));
                narrowing.passed(&piece);
            } else if narrowing.failed(&piece) {
                let (_, failed, _) = events[piece.start];
                let mut index = 0;
                events.retain(|(at, key, _)| {
                    index += 1;
                    let goes = index > piece.start && *key == failed;
                    parked.extend(goes.then_some(*at));
                    !goes
                });
            }
        }
        (written, parked, attempts)
    }

    /// One event after the other.
    fn model(events: &[(usize, u32, bool)]) -> (Vec<usize>, Vec<usize>) {
        let mut keys = Vec::new();
        let (mut written, mut parked) = (Vec::new(), Vec::new());
        for (at, key, fails) in events {
            if *fails {
                keys.push(*key);
            }
            match keys.contains(key) {
                true => parked.push(*at),
                false => written.push(*at),
            }
        }
        (written, parked)
    }

    #[test]
    fn it_comes_to_what_one_event_after_the_other_comes_to() {
        for seed in 0..5000 {
            let mut random = StdRng::seed_from_u64(seed);
            let (count, keys) = (random.random_range(0..60), random.random_range(1..30));
            let share = random.random_range(1..30);
            let events: Vec<_> = (0..count)
                .map(|at| {
                    let fails = random.random_range(0..share) == 0;
                    (at, random.random_range(0..keys), fails)
                })
                .collect();
            let (written, mut parked, _) = narrow(events.clone());
            parked.sort_unstable();
            assert_eq!((written, parked), model(&events), "seed {seed}: {events:?}");
        }
    }

    #[test]
    fn one_failure_in_many_events_takes_few_attempts() {
        for at in [0, 1, 4711, 65_534, 65_535] {
            let events = (0..65_536).map(|index| (index, index as u32, index == at));
            let (written, parked, attempts) = narrow(events.collect());
            assert_eq!((written.len(), parked), (65_535, vec![at]));
            assert!(attempts <= 2 * 17 + 2, "{attempts}");
        }
    }

    #[test]
    fn nothing_is_tried_of_nothing() {
        assert_eq!(Narrowing::default().next(0), None);
    }
}
