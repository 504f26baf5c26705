//! What became of a batch, told from the delivery reports of its records.

use factum_core::{Appended, Offset};
use rdkafka::types::RDKafkaErrorCode;

/// The reports on one batch that came so far.
#[derive(Debug)]
pub(crate) struct Tally {
    waiting: usize,
    first: First,
    failed: Option<RDKafkaErrorCode>,
}

/// Where the batch's first record must stand, by what is known of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Unknown,
    At(Offset),
    /// The records don't stand side by side, or it is not known whether they do.
    Scattered,
}

impl Tally {
    pub(crate) fn new(records: usize) -> Self {
        Self {
            waiting: records,
            first: First::Unknown,
            failed: None,
        }
    }

    /// The record at `index` was stored, at an offset that is negative when it is not known.
    pub(crate) fn stored(&mut self, index: usize, offset: i64) {
        let first = match Offset::try_from(offset - index as i64) {
            Ok(first) if offset >= 0 => First::At(first),
            _ => First::Scattered,
        };
        self.first = match self.first {
            First::Unknown => first,
            known if known == first => known,
            _ => First::Scattered,
        };
        self.waiting -= 1;
    }

    /// This many records failed, and won't be reported again. The first cause counts.
    pub(crate) fn failed(&mut self, records: usize, code: RDKafkaErrorCode) {
        self.failed.get_or_insert(code);
        self.waiting -= records;
    }

    /// The verdict, once every record was reported.
    pub(crate) fn verdict(&self) -> Option<Result<Appended, RDKafkaErrorCode>> {
        if self.waiting > 0 {
            return None;
        }
        Some(match (self.failed, self.first) {
            (Some(code), _) => Err(code),
            (None, First::At(first)) => Ok(Appended::At(first)),
            (None, _) => Ok(Appended::Somewhere),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(offsets: &[(usize, i64)]) -> Option<Result<Appended, RDKafkaErrorCode>> {
        let mut tally = Tally::new(3);
        for (index, offset) in offsets {
            tally.stored(*index, *offset);
        }
        tally.verdict()
    }

    #[test]
    fn records_side_by_side_have_a_place() {
        assert_eq!(after(&[(0, 7), (1, 8)]), None);
        assert_eq!(after(&[(0, 7), (1, 8), (2, 9)]), Some(Ok(Appended::At(7))));
        assert_eq!(after(&[(2, 9), (0, 7), (1, 8)]), Some(Ok(Appended::At(7))));
    }

    #[test]
    fn a_gap_a_swap_or_an_unknown_offset_leaves_no_place() {
        for offsets in [
            [(0, 7), (1, 8), (2, 10)],
            [(0, 8), (1, 7), (2, 9)],
            [(0, 7), (1, -1001), (2, 9)],
            [(0, -1), (1, 0), (2, 1)],
            [(0, -1), (1, -1), (2, -1)],
        ] {
            assert_eq!(
                after(&offsets),
                Some(Ok(Appended::Somewhere)),
                "{offsets:?}"
            );
        }
    }

    #[test]
    fn one_failure_fails_the_batch_once_all_are_reported() {
        let mut tally = Tally::new(3);
        tally.failed(1, RDKafkaErrorCode::MessageTimedOut);
        tally.stored(0, 5);
        assert_eq!(tally.verdict(), None);
        tally.failed(1, RDKafkaErrorCode::PurgeQueue);
        assert_eq!(
            tally.verdict(),
            Some(Err(RDKafkaErrorCode::MessageTimedOut))
        );
    }
}
