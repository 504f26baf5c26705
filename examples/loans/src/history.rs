//! What an aggregate remembers of the entries that it has recorded, to place the next one.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The numbers of all recorded entries, and the newest time.
///
/// The entries of a case are shared out between its loan and its work, so an aggregate's own
/// numbers have holes. They are kept as runs: a handful for a case, whatever its length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    /// First and last number of each run, ascending.
    runs: Vec<(i64, i64)>,
    time: Option<Timestamp>,
}

/// How an entry stands to what was recorded before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It comes next.
    Next,
    /// It is recorded already.
    Known,
}

/// Why an entry has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplaced {
    /// Entries are numbered from 1.
    NotNumbered,
    /// A later entry is recorded, this one is not: it was rejected, or left out, before.
    Late {
        /// The number of the newest recorded entry.
        newest: i64,
    },
    /// It happened before the entry that precedes it.
    BackInTime {
        /// The time of the newest recorded entry.
        newest: Timestamp,
    },
}

impl History {
    pub(crate) fn place(&self, entry: i64, time: Timestamp) -> Result<Place, Misplaced> {
        let newest = self.runs.last().map_or(0, |run| run.1);
        if entry < 1 {
            return Err(Misplaced::NotNumbered);
        }
        if entry <= newest {
            return match self.holds(entry) {
                true => Ok(Place::Known),
                false => Err(Misplaced::Late { newest }),
            };
        }
        match self.time {
            Some(newest) if time < newest => Err(Misplaced::BackInTime { newest }),
            _ => Ok(Place::Next),
        }
    }

    fn holds(&self, entry: i64) -> bool {
        let after = self.runs.partition_point(|run| run.0 <= entry);
        after > 0 && entry <= self.runs[after - 1].1
    }

    pub(crate) fn record(&mut self, entry: i64, time: Timestamp) {
        match self.runs.last_mut() {
            Some(run) if run.1.checked_add(1) == Some(entry) => run.1 = entry,
            _ => self.runs.push((entry, entry)),
        }
        self.time = Some(time);
    }
}

impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNumbered => f.write_str("entries are numbered from 1"),
            Self::Late { newest } => write!(
                f,
                "it was not recorded in its turn, and entry {newest} is recorded by now"
            ),
            Self::BackInTime { newest } => {
                write!(f, "it happened before {newest}, the entry before")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn history(entries: &[i64]) -> History {
        let mut history = History::default();
        entries
            .iter()
            .for_each(|&entry| history.record(entry, at(entry)));
        history
    }

    #[test]
    fn every_recorded_entry_is_known_and_every_hole_is_late() {
        let history = history(&[1, 2, 3, 7, 9, 10]);
        assert_eq!(history.runs, [(1, 3), (7, 7), (9, 10)]);
        let late = Err(Misplaced::Late { newest: 10 });
        for entry in 1..=10 {
            let known = [1, 2, 3, 7, 9, 10].contains(&entry);
            let expected = if known { Ok(Place::Known) } else { late };
            assert_eq!(history.place(entry, at(0)), expected, "entry {entry}");
        }
        assert_eq!(history.place(11, at(10)), Ok(Place::Next));
        assert_eq!(history.place(900, at(11)), Ok(Place::Next));
    }

    #[test]
    fn time_may_stand_still_but_not_run_back() {
        let history = history(&[1]);
        assert_eq!(history.place(2, at(1)), Ok(Place::Next));
        let back = Err(Misplaced::BackInTime { newest: at(1) });
        assert_eq!(history.place(2, at(0)), back);
    }

    #[test]
    fn numbers_start_at_1() {
        assert_eq!(History::default().place(1, at(0)), Ok(Place::Next));
        assert_eq!(history(&[1]).place(0, at(5)), Err(Misplaced::NotNumbered));
        assert_eq!(
            history(&[1]).place(i64::MIN, at(5)),
            Err(Misplaced::NotNumbered)
        );
    }

    #[test]
    fn any_history_can_be_replayed() {
        let mut history = History::default();
        for entry in [i64::MAX, i64::MAX, -1, 1] {
            history.record(entry, at(1));
        }
        assert_eq!(history.place(2, at(1)), Ok(Place::Next));
    }
}
