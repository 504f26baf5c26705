//! One partition: the batches that were appended to it, as they came.

use factum_core::{Fetched, Offset, Records};

/// How many bytes of records one fetch may hold before it stops.
const FETCH_BYTES: usize = 1 << 20;

/// How many records a fleeting partition keeps at least; it forgets when it has twice as many.
pub(super) const FLEETING_KEEPS: Offset = 4_096;

#[derive(Default)]
pub(super) struct Partition {
    fleeting: bool,
    start: Offset,
    end: Offset,
    /// Batches in offset order, each with its first record's offset.
    batches: Vec<(Offset, Records)>,
}

impl Partition {
    pub(super) fn new(fleeting: bool) -> Self {
        Self {
            fleeting,
            ..Self::default()
        }
    }

    pub(super) fn start(&self) -> Offset {
        self.start
    }

    pub(super) fn end(&self) -> Offset {
        self.end
    }

    /// Appends a batch and returns its first offset.
    pub(super) fn append(&mut self, records: Records) -> Offset {
        let first = self.end;
        self.end += records.len() as Offset;
        if !records.is_empty() {
            self.batches.push((first, records));
        }
        if self.fleeting && self.end - self.start >= 2 * FLEETING_KEEPS {
            self.forget_before(self.end - FLEETING_KEEPS);
        }
        first
    }

    /// The records from `from` on, until a bound of bytes is passed.
    pub(super) fn fetch(&self, partition: u32, from: Offset) -> Fetched {
        let mut fetched = Fetched::new(partition, from);
        let batch = self.batches.partition_point(|(first, _)| *first <= from);
        for (first, records) in &self.batches[batch.saturating_sub(1)..] {
            for (offset, record) in (*first..).zip(records.iter()) {
                if offset < from {
                    continue;
                }
                if fetched.records.byte_len() >= FETCH_BYTES {
                    return fetched;
                }
                fetched.push(offset, record);
            }
        }
        fetched.at_end = true;
        fetched
    }

    pub(super) fn forget_before(&mut self, start: Offset) {
        self.start = start.clamp(self.start, self.end);
        let kept = self
            .batches
            .partition_point(|(first, records)| first + records.len() as Offset <= self.start);
        self.batches.drain(..kept);
    }

    pub(super) fn lose_after(&mut self, end: Offset) {
        self.end = end.clamp(self.start, self.end);
        self.batches.retain(|(first, _)| *first < end);
        if let Some((first, records)) = self.batches.last_mut() {
            records.truncate((self.end - *first) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use factum_core::RecordRef;

    use super::*;

    fn batch(values: &[&[u8]]) -> Records {
        let mut records = Records::new();
        for value in values {
            records.push(RecordRef {
                key: b"k",
                header: None,
                value,
            });
        }
        records
    }

    fn values(fetched: &Fetched) -> Vec<(Offset, Vec<u8>)> {
        fetched
            .iter()
            .map(|(offset, record)| (offset, record.value.to_vec()))
            .collect()
    }

    #[test]
    fn reading_starts_anywhere_and_forgets_what_was_deleted() {
        let mut partition = Partition::default();
        assert_eq!(partition.append(batch(&[b"a", b"b"])), 0);
        assert_eq!(partition.append(batch(&[b"c", b"d"])), 2);
        assert_eq!(
            values(&partition.fetch(0, 1)),
            [(1, b"b".to_vec()), (2, b"c".to_vec()), (3, b"d".to_vec())]
        );
        partition.forget_before(2);
        partition.lose_after(3);
        assert_eq!((partition.start(), partition.end()), (2, 3));
        assert_eq!(values(&partition.fetch(0, 2)), [(2, b"c".to_vec())]);
        assert_eq!(partition.append(batch(&[b"e"])), 3);
    }

    #[test]
    fn only_what_is_fleeting_vanishes() {
        for fleeting in [false, true] {
            let mut partition = Partition::new(fleeting);
            for _ in 0..3 * FLEETING_KEEPS {
                partition.append(batch(&[b"a"]));
            }
            let kept = partition.end() - partition.start();
            assert_eq!(partition.end(), 3 * FLEETING_KEEPS);
            assert_eq!(kept == partition.end(), !fleeting);
            assert!(kept >= FLEETING_KEEPS);
            assert_eq!(partition.batches.len() as Offset, kept);
        }
    }

    #[test]
    fn a_fetch_is_bounded() {
        let mut partition = Partition::default();
        let large = vec![0; FETCH_BYTES - 1];
        partition.append(batch(&[&large, &large, &large]));
        let fetched = partition.fetch(0, 0);
        assert_eq!((fetched.next, fetched.at_end), (1, false));
        assert!(partition.fetch(0, 2).at_end);
    }
}
